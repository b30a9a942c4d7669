"""Debian's slowhttptest against the real binary: a thousand connections that are slow with their headers, their bodies, or
with reading. Others are served meanwhile: health checks stay under 100 ms at p99, workflows go on, memory stays bounded.

    slow_clients.py headers|bodies|reads [--tls]

Needs the package slowhttptest; without it this says so and ends with 77, which ctest shows as skipped.
"""
import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BLACKBOX = pathlib.Path(__file__).resolve().parent.parent / "blackbox"
sys.path.insert(0, str(BLACKBOX))
import harness  # noqa: E402
from certificates import Authority  # noqa: E402
from tool_documents import ALL, make  # noqa: E402
from world import World  # noqa: E402

SKIPPED = 77
CONNECTIONS, SECONDS = 1000, 15
P99_SECONDS = 0.1 * harness.SLOWNESS
GROWTH_KIB = 64 * 1024 * harness.SLOWNESS
MODES = {"headers": ["-H", "-i", "2"], "bodies": ["-B", "-i", "2", "-s", "8192", "-f", "application/json"],
         "reads": ["-X", "-w", "64", "-y", "512", "-n", "1", "-z", "32", "-k", "3"]}
PATHS = {"headers": "/healthz", "bodies": "/v1/plans:check", "reads": "/openapi.json"}


def resident_kib(process):
    status = open(f"/proc/{process.pid}/status", encoding="ascii").read()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def open_connections(port):
    rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii")][1:]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


class Watcher(threading.Thread):
    """Asks for the health as often as it is answered, and notes how long that took; one connection for each."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.ended = engine, threading.Event()
        self.seconds, self.failures, self.peak_kib, self.peak_connections = [], [], 0, 0

    def run(self):
        while not self.ended.wait(0.01):
            begun = time.monotonic()
            try:
                status = self.engine.client.get("/healthz").status
            except OSError as error:
                status = repr(error)
            self.seconds.append(time.monotonic() - begun)
            if status != 200:
                self.failures.append(status)
            if len(self.seconds) % 20 == 0:
                self.peak_kib = max(self.peak_kib, resident_kib(self.engine.process))
                self.peak_connections = max(self.peak_connections, open_connections(self.engine.port))


def judge(watcher, before, ended, held_kib):
    """`held_kib`: what the answers that nobody reads may take beside the rest, one for each connection."""
    p99 = statistics.quantiles(watcher.seconds, n=100)[98]
    growth = watcher.peak_kib - before
    print(f"{len(watcher.seconds)} health checks: p50 {statistics.median(watcher.seconds) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, "
          f"longest {max(watcher.seconds) * 1000:.1f} ms; at most {watcher.peak_connections} connections; memory grew by "
          f"{growth} KiB at most")
    assert not watcher.failures, watcher.failures[:5]
    assert len(watcher.seconds) >= 100, "too few health checks to judge"
    assert watcher.peak_connections >= CONNECTIONS / 4, "the slow clients did not come"
    assert p99 < P99_SECONDS, f"p99 is {p99 * 1000:.1f} ms"
    assert growth < GROWTH_KIB + held_kib, f"memory grew by {growth} KiB"
    assert ended["outcome"] == "verified", ended


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    if shutil.which("slowhttptest") is None:
        print("SKIPPED: the package slowhttptest is not installed; NO SLOW CLIENT WAS TRIED", file=sys.stderr)
        return SKIPPED
    folder, world = tempfile.mkdtemp(prefix="settle-slow-"), World()
    engine = harness.Engine(folder, ALL, {"world": world.url}, "[limits]\nconnections_per_peer = 2000\n")
    try:
        if given.tls:
            authority = Authority(folder)
            certificate, key = authority.make()
            engine.write_config({"world": world.url}, f'{engine.config}\n[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n')
            engine.tls = harness.ssl.create_default_context(cafile=authority.certificate)
        engine.start()
        answer = len(engine.client.get(PATHS[given.mode]).body) if given.mode == "reads" else 0
        before, watcher = resident_kib(engine.process), Watcher(engine)
        watcher.start()
        command = ["slowhttptest", *MODES[given.mode], "-c", str(CONNECTIONS), "-r", "200", "-l", str(SECONDS), "-p", "3", "-v", "0",
                   "-u", engine.url + PATHS[given.mode]]
        tester = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        ids = []
        while tester.poll() is None:
            ids.append(engine.client.start(make(f"n-{len(ids)}")))
            ended = engine.client.end_of(ids[-1])
            watcher.ended.wait(0.2)
        watcher.ended.set()
        watcher.join()
        judge(watcher, before, ended, answer * CONNECTIONS // 1024)
        harness.wait_until(lambda: open_connections(engine.port) == 0, "all of them are gone")
        return 0
    finally:
        engine.close()
        world.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
