"""The bench that goes on for minutes: what reaches the device, and what flushes and compaction take meanwhile."""
import pathlib
import re
import statistics

import servers
from through_engine import WalBytes, ready_engine


def written_bytes(process):
    """What the process has had written to the device so far (proc(5): write_bytes of io)."""
    return int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{process.pid}/io").read_text(), re.M)[1])


def long_run(folder, settings):
    """K = 10, 64 clients, for ten minutes from an empty store: device writes beside the bytes of the log, bytes of the log
    and engine CPU per action, and the slow stretches of 10 s beside the median one."""
    stretches, seconds = (6, 5) if settings["quick"] else (60, 10)
    rows, actions = [], 0
    with servers.tool_server(folder) as tools, ready_engine(folder, tools, settings["threads"]) as engine:
        with WalBytes(folder / "data") as wal:
            before = written_bytes(engine.process)
            for _ in range(stretches):
                row = servers.load(engine, clients=64, actions=10, seconds=seconds, warm=0)
                actions += row.pop("all_workflows") * 10
                so_far = written_bytes(engine.process) - before
                rows.append({"what": f"stretches of {seconds} s", **row, "device_bytes_per_action_so_far": so_far / actions})
            device = written_bytes(engine.process) - before
        memory = engine.memory_kib()
    rates = sorted(row["actions_per_s"] for row in rows)
    median = statistics.median(rates)
    table = [{"what": f"{stretches} stretches of {seconds} s", "actions_per_s": median, "slowest_per_s": rates[0],
              "tenth_slowest_percent_per_s": rates[len(rates) // 10], "wal_bytes_per_action": wal.bytes / actions,
              "device_bytes_per_action": device / actions, "rss_kib": memory,
              "cpu_us_per_action": statistics.median(row["cpu_us_per_action"] for row in rows)}]
    return rows, table, {"device writes/log": device / wal.bytes, "slowest tenth/median": rates[len(rates) // 10] / median}
