"""Start-up with many open workflows, after kill -9, and what they cost in memory.

The workflows are submitted through the API. Those that rest were put off by their tool for an hour (429 with
Retry-After); for those that are active the tool never answers. Then the engine is killed and started again, some times
over on the same store; every start finds the same work. What counts is the first call of the tools after the start, and
when the engine says that it is ready: then all that were at work are taken up again.

Of the runnable ones four have a call under way that is never answered, and all others wait in line for one of the four
places of their tool: they are to be taken up at once, and no connector stands in their way.
"""
import json
import shutil
import signal
import time

import servers


def until_ready(engine):
    """Seconds from the start of the process to the first 200 of /readyz."""
    while True:
        answer = engine.ask("GET", "/readyz")
        if answer and answer[0] == 200:
            return time.monotonic() - engine.begun
        time.sleep(0.002)


def first_call(tools, engine):
    """Seconds from the start of the process to the first call that the tool server saw (its clock is the same)."""
    while time.monotonic() - engine.begun < 120:
        first = json.loads(tools.ask("GET", "/stats")[1])["first_call_ns"]
        if first:
            return first / 1e9 - engine.begun
        time.sleep(0.005)
    return None


def start(folder, data, tools, wants_call):
    """One start: how long what took, and the memory when all is quiet. Ends by kill -9."""
    tools.ask("POST", "/stats", "{}")
    with servers.engine(folder, data, tools) as engine:
        ready = until_ready(engine)
        call = first_call(tools, engine) if wants_call else None
        settle_down(engine, tools)
        out = {"listening_s": engine.listening_s, "ready_s": ready, "first_call_s": call,
               "rss_kib": engine.memory_kib()}
        engine.end(signal.SIGKILL)
    return out


def settle_down(engine, tools):
    """Waits until neither a call is made nor the process grows any more."""
    before = None
    while True:
        now = (json.loads(tools.ask("GET", "/stats")[1])["calls"], engine.memory_kib() // 256)
        if now == before:
            return
        before = now
        time.sleep(1.0)


def fill(folder, data, tools, tool, count):
    """Submits workflows of one action, and kills the engine when they are where they stay."""
    with servers.engine(folder, data, tools) as engine:
        until_ready(engine)
        submitted = servers.load(engine, submit=count, clients=128, actions=1, tool=tool)
        settle_down(engine, tools)
        engine.end(signal.SIGKILL)
    return submitted


def measure(folder, rounds, resting, active, runnable):
    """Rows for scripts/bench, each as often as there are rounds."""
    rows = []
    with servers.tool_server(folder) as tools:
        for _ in range(rounds):
            data = folder / "empty"
            shutil.rmtree(data, ignore_errors=True)
            rows.append({"what": "start: empty store", "open": 0, **start(folder, data, tools, False)})
        data = folder / "full"
        submitted = fill(folder, data, tools, "bench.throttled", resting)
        rows.append({"what": "submit only (resting)", **submitted})
        for _ in range(rounds):
            rows.append({"what": "start: resting", "open": resting, **start(folder, data, tools, False)})
        rows.append({"what": "submit only (active)", **fill(folder, data, tools, "bench.held", active)})
        for _ in range(rounds):
            row = start(folder, data, tools, True)
            rows.append({"what": "start: resting and active", "open": resting + active, **row})
        if runnable == 0:
            return rows
        # On a store of its own: active ones would fill the connector's line, and those that it refuses begin anew.
        data = folder / "runnable"
        fill(folder, data, tools, "bench.throttled", resting)
        rows.append({"what": "submit only (runnable)", **fill(folder, data, tools, "bench.runnable", runnable)})
        for _ in range(rounds):
            row = start(folder, data, tools, True)
            rows.append({"what": "start: resting and runnable", "open": resting + runnable, **row})
    return rows
