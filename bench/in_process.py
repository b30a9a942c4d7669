"""The benches that are one program each: no engine, no tool server."""
import json
import pathlib
import re
import shutil
import subprocess

import servers
import suites
from figures import median_of_each, medians

BENCH = pathlib.Path(__file__).resolve().parent
TOOL = BENCH / "load/tools/bench.put.json"


def step(_, settings):
    seconds = 0.3 if settings["quick"] else 1.0
    rows = [row for _ in range(settings["rounds"]) for row in servers.run("step_bench", TOOL, seconds)]
    return rows, medians(rows, ["what"]), {}


def json_documents(_, settings):
    """The reader and writers beside nlohmann's, in turns within one process; the ratios are theirs to ours."""
    seconds = 0.1 if settings["quick"] else 0.4
    rows = [row for _ in range(settings["rounds"]) for row in servers.run("json_bench", seconds)]
    ratios = {}
    for document in ("long strings", "short values"):
        of = {row["what"]: [other["us"] for other in rows if other["what"] == row["what"]] for row in rows}
        for ours, theirs in (("read_json", "nlohmann parse"), ("canonical", "nlohmann dump"),
                             ("write_json", "nlohmann dump"), ("read_json", "simdjson parse")):
            pairs = zip(of[f"{document}: {theirs}"], of[f"{document}: {ours}"])
            ratios[f"{document}: {theirs}/{ours}"] = [a / b for a, b in pairs]
    return rows, medians(rows, ["what"]), median_of_each(ratios)


def commits(folder, seconds, *more):
    """Reads the lines of committer_bench: WHAT PRODUCERS RATE commits/s p50 US us p99 US us GROUP per sync."""
    command = [servers.BINARIES / "bench/committer_bench", folder / "committer", seconds, *more]
    text = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=120).stdout
    rows = []
    for line in text.splitlines():
        what, figures = re.match(r"(.*?)\s+(\d+ .*)", line).groups()
        numbers = [float(number) for number in re.findall(r"[\d.]+", figures.replace("p50", "").replace("p99", ""))]
        rows.append(dict(zip(["what", "producers", "commits_per_s", "p50_us", "p99_us", "per_sync"], [what, *numbers])))
    return rows


def commit_ratios(rows):
    """Of one round: {name: rate through the committer by that of the raw writer}."""
    rates = {(row["what"].split()[0], row["producers"]): row["commits_per_s"] for row in rows}
    return {f"committer/raw, {producers:.0f} producers": rates["through", producers] / rates["one", producers]
            for what, producers in rates if what == "through"}


def committer(folder, settings):
    rows, ratios = [], {}
    for _ in range(settings["rounds"]):
        ran = commits(folder, 1 if settings["quick"] else 3)
        rows += ran
        for name, ratio in commit_ratios(ran).items():
            ratios.setdefault(name, []).append(ratio)
    return rows, medians(rows, ["what", "producers"]), median_of_each(ratios)


def memory(folder, settings):
    rows = []
    for _ in range(settings["rounds"]):
        shutil.rmtree(folder / "memory", ignore_errors=True)
        rows += servers.run("memory_bench", folder / "memory", TOOL, 5_000 if settings["quick"] else 20_000, limit=300)
    return rows, medians(rows, ["what", "actions_per_workflow"]), {}


def lists(_, settings):
    """Milliseconds of the steps that have to do with a list of 10,000 elements as a whole."""
    rows = [row for _ in range(settings["rounds"]) for row in servers.run("list_bench", TOOL, 10_000, 3)]
    return rows, medians(rows, ["what"]), {}


def schema(_, settings):
    """Each tool schema through Schema::accepts and through ajv's compiled validator, in turns."""
    ajv = suites.ajv_folder()
    seconds = 0.1 if settings["quick"] else 0.5
    rows, ratios = [], {}
    for _ in range(settings["rounds"]):
        ours = servers.run("schema_bench", BENCH / "schemas", seconds)
        rows += [row | {"validator": "settle"} for row in ours]
        if ajv is None:
            continue
        shutil.copy(BENCH / "schema_ajv.mjs", ajv)
        ran = subprocess.run(["node", ajv / "schema_ajv.mjs", BENCH / "schemas", str(seconds)], check=True, capture_output=True,
                             text=True, timeout=300)
        theirs = [json.loads(line) for line in ran.stdout.splitlines()]
        rows += [row | {"validator": "ajv"} for row in theirs]
        for a, b in zip(theirs, ours):
            ratios.setdefault(f"ajv/settle, {a['what']}", []).append(a["ns"] / b["ns"])
    shares = median_of_each(ratios)
    if shares:
        shares["ajv/settle, median of all"] = median_of_each({"all": list(shares.values())})["all"]
    return rows, medians(rows, ["what", "validator"]), shares
