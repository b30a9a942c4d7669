"""The benches that drive a running engine through its HTTP API, each beside a yardstick with which it takes turns."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import threading
import time

import in_process
import recovery
import servers
from figures import median_of_each, medians


@contextlib.contextmanager
def ready_engine(folder, tools, threads, limits=None):
    """An engine on an empty store, ready."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    with servers.engine(folder, folder / "data", tools, threads, limits) as engine:
        recovery.until_ready(engine)
        yield engine


def options(**values):
    return [part for name, value in values.items() for part in ("--" + name, value)]


def load_pair(tools, engine, threads, **shape):
    """The same calls by the bare client, then by the engine."""
    bare = servers.run("bench_bare", "--tools", tools.port, "--threads", threads, *options(**shape))[0]
    settle = servers.load(engine, **shape)
    del settle["all_workflows"]
    return bare, settle


WRK = """
local n, me = 0, tostring({})  -- of no other thread
function request()
  n = n + 1
  if n % 2 == 0 then return wrk.format("GET", "/effects/1") end
  local headers = {["Content-Type"] = "application/json", ["Idempotency-Key"] = os.time() .. "-" .. me .. "-" .. n}
  return wrk.format("POST", "/effects", headers, '{"value":"' .. string.rep("a", 100) .. '"}')
end
"""


def wrk_calls_per_s(folder, tools, threads, clients, seconds):
    """What wrk reaches with the calls of the bare client, over as many connections and threads; null where it is not installed."""
    if shutil.which("wrk") is None:
        return None
    (folder / "calls.lua").write_text(WRK)
    command = ["wrk", "-t", threads, "-c", clients, "-d", f"{seconds}s", "-s", folder / "calls.lua", f"http://127.0.0.1:{tools.port}"]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=120)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def load(folder, settings):
    shapes = [(10, 1), (10, 16), (10, 64), (10, 256), (1, 64)]  # actions of a workflow, clients
    seconds = 2 if settings["quick"] else 5
    rows, shares = [], {}
    with servers.tool_server(folder) as tools, ready_engine(folder, tools, settings["threads"]) as engine:
        for actions, clients in shapes:
            for _ in range(settings["rounds"]):
                bare, settle = load_pair(tools, engine, settings["threads"], clients=clients, actions=actions, seconds=seconds)
                rows += [{"what": "bare", **bare}, {"what": "settle", **settle}]
                share = settle["actions_per_s"] / bare["actions_per_s"]
                shares.setdefault(f"settle/bare, {clients} clients, K = {actions}", []).append(share)
                wrk = wrk_calls_per_s(folder, tools, settings["threads"], clients, seconds) if actions == 10 and clients >= 64 else None
                if wrk is not None:
                    rows.append({"what": "wrk", "clients": clients, "actions_per_workflow": actions, "calls_per_s": wrk})
                    shares.setdefault(f"bare/wrk, {clients} clients", []).append(2 * bare["actions_per_s"] / wrk)
        stats = json.loads(tools.ask("GET", "/stats")[1])
        rows.append({"what": "tool server", **stats})
    table = medians([row for row in rows if row["what"] != "tool server"], ["what", "clients", "actions_per_workflow"])
    table.sort(key=lambda row: (-row["actions_per_workflow"], row["clients"], row["what"]))
    return rows, table, median_of_each(shares)


def submit(folder, settings):
    """Submissions that are answered and then rest, beside a Beast server that only parses them.

    The one action waits for a signal that never comes. What was submitted stays open, so every run has a store of its
    own. Both servers get the same bytes from the same program.
    """
    shape = {"actions": 1, "tool": "flow.wait_signal", "input": '{"name":"go"}', "until": "taken",
             "seconds": 1 if settings["quick"] else 3, "warm": 0.5}
    rows, ratios = [], {}
    with servers.tool_server(folder) as tools, servers.beast(folder, settings["threads"]) as beast:
        for _ in range(settings["rounds"]):
            for clients in (16, 64, 256):
                bare = servers.load(beast, clients=clients, **shape)
                with ready_engine(folder, tools, settings["threads"]) as engine:
                    settle = servers.load(engine, clients=clients, **shape)
                rows += [{"what": "bare beast", **bare}, {"what": "settle", **settle}]
                share = settle["submissions_per_s"] / bare["submissions_per_s"]
                ratios.setdefault(f"settle/beast, {clients} clients", []).append(share)
    return rows, medians(rows, ["what", "clients"]), median_of_each(ratios)


def sync_us(folder, seconds):
    """p50 of what one thread takes to append 4 KiB to a file and to have it on the disk (fdatasync), in microseconds."""
    took, block = [], b"x" * 4096
    with open(folder / "synced", "ab", buffering=0) as file:
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            begun = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(took)


# By the actions of a workflow: how many syncs an action of a lone client may take beside the two calls.
LONE_SYNCS = {10: 1.5, 1: 2.5}
LONE_OWN_US = 150


def lone(folder, settings):
    """One client: what an action takes, beside its bound: what it takes the bare client, so many syncs of the disk, and 150 us."""
    seconds = 1 if settings["quick"] else 4
    rows, shares = [], {}
    with servers.tool_server(folder) as tools:
        for _ in range(settings["rounds"]):
            for actions, syncs in LONE_SYNCS.items():
                sync = sync_us(folder, seconds / 2)
                with ready_engine(folder, tools, settings["threads"]) as engine:
                    bare, settle = load_pair(tools, engine, settings["threads"], clients=1, actions=actions, seconds=seconds)
                for row in (bare, settle):
                    row["us_per_action"] = 1e6 / row["actions_per_s"]
                bound = bare["us_per_action"] + syncs * sync + LONE_OWN_US
                rows += [{"what": "fdatasync", "actions_per_workflow": actions, "sync_us": sync},
                         {"what": "bare", **bare}, {"what": "settle", **settle, "bound_us": bound}]
                shares.setdefault(f"bound/settle, K = {actions}", []).append(bound / settle["us_per_action"])
    return rows, medians(rows, ["what", "clients", "actions_per_workflow"]), median_of_each(shares)


def sleeps_so_far(process):
    """How often the threads of a process have gone to sleep so far, and so were woken (proc(5): voluntary_ctxt_switches)."""
    statuses = pathlib.Path(f"/proc/{process.pid}/task").glob("*/status")
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)[1]) for status in statuses)


def idle(folder, settings):
    """An engine that has nothing to do: its start, its wake-ups, its memory."""
    seconds = 20 if settings["quick"] else 60
    rows = []
    with servers.tool_server(folder) as tools:
        for _ in range(settings["rounds"]):
            with ready_engine(folder, tools, settings["threads"]) as engine:
                ready_s = time.monotonic() - engine.begun
                time.sleep(3)  # what a start leaves to be done
                before, begun = sleeps_so_far(engine.process), time.monotonic()
                time.sleep(seconds)
                woken = (sleeps_so_far(engine.process) - before) / (time.monotonic() - begun)
                rows.append({"what": "idle", "ready_s": ready_s, "wake_ups_each_second": woken, "rss_kib": engine.memory_kib()})
    return rows, medians(rows, ["what"]), {}


def threads(folder, settings):
    """K = 10, 64 clients, with 1, 2, 4 and 8 loops in turns, each on an empty store, beside as many as there are cores."""
    counts, cores, seconds = (1, 2, 4, 8), settings["threads"], 2 if settings["quick"] else 5
    rows, ratios = [], {}
    with servers.tool_server(folder) as tools:
        for _ in range(settings["rounds"]):
            rates = {}
            for count in dict.fromkeys((*counts, cores)):
                with ready_engine(folder, tools, count) as engine:
                    row = servers.load(engine, clients=64, actions=10, seconds=seconds)
                del row["all_workflows"]
                rows.append({"what": f"{count} threads", **row})
                rates[count] = row["actions_per_s"]
            for count in counts:
                ratios.setdefault(f"{count} threads/{cores} threads", []).append(rates[count] / rates[cores])
    return rows, medians(rows, ["what", "clients", "actions_per_workflow"]), median_of_each(ratios)


class WalBytes:
    """How much is appended to the write-ahead logs of a store while the block runs. The logs come and go, so each one's
    size is looked at every few milliseconds and the largest counts; what the last look before its end missed is lost."""

    def __init__(self, data):
        self.data = pathlib.Path(data)
        self.sizes = {}
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def look(self):
        for path in self.data.glob("[0-9]*.log"):
            with contextlib.suppress(FileNotFoundError):
                self.sizes[path.name] = max(path.stat().st_size, self.sizes.get(path.name, 0))

    def watch(self):
        while not self.is_over.wait(0.02):
            self.look()

    def __enter__(self):
        self.look()
        self.before = sum(self.sizes.values())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.look()
        self.bytes = sum(self.sizes.values()) - self.before


INTERNAL = {"flow.assert": '{"that":{"equals":[1,1]}}', "flow.sleep": '{"until":"2020-01-01T00:00:00Z"}'}


def internal(folder, settings):
    """Actions that make no call, K = 10, 64 clients, beside one thread that writes as many bytes for each as merged,
    synced batches of 64 straight into RocksDB (committer_bench). The bytes are those of the write-ahead log, each
    action's part of the submission included."""
    clients, actions, seconds = 64, 10, 1 if settings["quick"] else 3
    rows, ratios = [], {}
    with servers.tool_server(folder) as tools:
        for _ in range(settings["rounds"]):
            for tool, given in INTERNAL.items():
                with ready_engine(folder, tools, settings["threads"]) as engine, WalBytes(folder / "data") as wal:
                    settle = servers.load(engine, clients=clients, actions=actions, tool=tool, input=given, seconds=seconds, warm=0.5)
                settle["wal_bytes_per_action"] = wal.bytes / (settle.pop("all_workflows") * actions)
                raw = in_process.commits(folder, seconds, clients, round(settle["wal_bytes_per_action"]))[0]
                rows += [{"what": tool, **settle}, raw | {"what": f"raw, bytes of {tool}"}]
                ratios.setdefault(f"{tool}/raw, {clients} clients, K = {actions}", []).append(settle["actions_per_s"] / raw["commits_per_s"])
    return rows, medians(rows, ["what", "clients", "actions_per_workflow", "producers"]), median_of_each(ratios)


def start_up(folder, settings):
    resting, active = (10_000, 1_000) if settings["quick"] else (100_000, 10_000)
    resting, active = settings["resting"] or resting, settings["active"] or active
    rows = recovery.measure(folder, settings["rounds"], resting, active, settings["runnable"])
    table = medians(rows, ["what"])
    rss = {row["what"]: row.get("rss_kib") for row in table}
    more = (rss["start: resting"] - rss["start: empty store"]) * 1024 / resting
    most = (rss["start: resting and active"] - rss["start: resting"]) * 1024 / active
    return rows, table, {"resident bytes per resting workflow": more, "resident bytes per active workflow": most}
