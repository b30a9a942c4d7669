"""The benches of what many do to one: fairness, overload, and a store full of what is finished."""
import concurrent.futures
import json
import statistics
import threading
import time

import servers
from figures import median_of_each, medians
from through_engine import ready_engine


def beside(engine, crowd, **load):
    """`load` while `crowd`, another load, goes on all the time."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(servers.load, engine, **crowd)
        time.sleep(1)
        row = servers.load(engine, **load)
        running.result()
    return row


def fair(folder, settings):
    """The p99 of small workflows (K = 3, 16 clients) alone, beside workflows of 10,000 parallel actions each, and beside
    100,000 workflows of one name that wait in line for a tool with four places."""
    elements, queued, seconds = (1_000, 10_000, 2) if settings["quick"] else (10_000, 100_000, 4)
    shape = {"clients": 16, "actions": 3, "seconds": seconds}
    rows, shares = [], {}

    def take(what, row, alone=None):
        row.pop("all_workflows")
        rows.append({"what": what, **row})
        if alone:
            shares.setdefault(f"p99 alone/{what}", []).append(alone["p99_ms"] / row["p99_ms"])
        return row

    with servers.tool_server(folder) as tools:
        for _ in range(settings["rounds"]):
            with ready_engine(folder, tools, settings["threads"]) as engine:
                alone = take("alone", servers.load(engine, **shape))
                crowd = {"clients": 1, "elements": elements, "seconds": seconds + 3, "warm": 0}
                take(f"beside {elements:,} elements", beside(engine, crowd, **shape), alone)
            with ready_engine(folder, tools, settings["threads"]) as engine:
                servers.load(engine, submit=queued, clients=64, actions=1, tool="bench.queued")
                take(f"beside {queued:,} in line", servers.load(engine, **shape), alone)
    return rows, medians(rows, ["what", "clients", "actions_per_workflow"]), median_of_each(shares)


class Peak:
    """The largest resident memory of a server while the block runs, in KiB."""

    def __init__(self, server):
        self.server, self.kib, self.is_over = server, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.is_over.wait(0.1):
            self.kib = max(self.kib, self.server.memory_kib())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def verified(tools):
    return json.loads(tools.ask("GET", "/stats")[1])["effects"]


def open_workflows(engine):
    return len(json.loads(engine.ask("GET", "/v1/workflows?status=running&limit=1")[1])["workflows"])


def overload(folder, settings):
    """Submissions as fast as they are taken, which is several times what can be done: effects per second beside those of
    a closed loop, memory, what was refused, and whether all that was taken comes to its end."""
    seconds = 3 if settings["quick"] else 10
    rows, shares = [], {}
    limits = {"live_workflows": 5_000}
    with servers.tool_server(folder) as tools:
        for _ in range(settings["rounds"]):
            with ready_engine(folder, tools, settings["threads"], limits) as engine:
                peak = servers.load(engine, clients=256, actions=1, seconds=seconds)
                peak.pop("all_workflows")
            with ready_engine(folder, tools, settings["threads"], limits) as engine, Peak(engine) as memory:
                before, begun = verified(tools), time.monotonic()
                flood = servers.load(engine, clients=256, actions=1, until="taken", seconds=seconds, warm=0)
                goodput = (verified(tools) - before) / (time.monotonic() - begun)
                while open_workflows(engine) > 0:
                    time.sleep(0.05)
                all_s = time.monotonic() - begun
            rows += [{"what": "closed loop", **peak},
                     {"what": "flood", "effects_per_s": goodput, "until_all_ended_s": all_s, "rss_kib": memory.kib, **flood}]
            shares.setdefault("goodput in a flood/closed loop", []).append(goodput / peak["actions_per_s"])
    return rows, medians(rows, ["what", "clients", "actions_per_workflow"]), median_of_each(shares)


LISTINGS = ["/v1/workflows?limit=50", "/v1/workflows?status=ended&limit=50", "/v1/workflows?outcome=verified&limit=50",
            "/v1/workflows?attention=true&limit=50", "/v1/workflows?status=running&limit=50"]


def listing_ms(engine, path, times=200):
    """p99 of a listing, one after the other."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        if engine.ask("GET", path)[0] != 200:
            raise SystemExit(f"{path} is refused")
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.quantiles(took, n=100)[98]


def flat(folder, settings):
    """Throughput and p99 (K = 10, 64 clients) and listings on a store full of finished workflows, beside an empty one: right
    after the start, with what the filling has left to be merged, and once that is merged."""
    finished = 50_000 if settings["quick"] else 1_000_000
    seconds, rounds = (2, settings["rounds"]) if settings["quick"] else (5, max(5, settings["rounds"]))
    rows, shares = [], {}

    def take(what, engine, empty=None):
        row = servers.load(engine, clients=64, actions=10, seconds=seconds)
        del row["all_workflows"]
        rows.append({"what": what, **row})
        if empty:
            shares.setdefault(f"throughput {what}/empty", []).append(row["actions_per_s"] / empty["actions_per_s"])
            shares.setdefault(f"p99 empty/{what}", []).append(empty["p99_ms"] / row["p99_ms"])
        return row

    with servers.tool_server(folder) as tools:
        with servers.engine(folder, folder / "full", tools, settings["threads"]) as engine:
            servers.load(engine, submit=finished, clients=64, actions=1, tool="flow.assert", input='{"that":{"equals":[1,1]}}')
            rows += [{"what": path, "listing_p99_ms": listing_ms(engine, path)} for path in LISTINGS]
        for _ in range(rounds):
            with ready_engine(folder, tools, settings["threads"]) as engine:
                empty = take("empty", engine)
            with servers.engine(folder, folder / "full", tools, settings["threads"]) as engine:
                take("full, to be merged", engine, empty)
                engine.until_quiet()
                take("full", engine, empty)
    return rows, medians(rows, ["what", "clients", "actions_per_workflow"]), median_of_each(shares)
