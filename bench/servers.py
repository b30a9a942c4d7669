"""Starts and ends the processes of a benchmark, and talks to them. Each is known, and ended, by its own process id."""
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = ROOT / "build/release"


class Server:
    """A process that says "listening on http://HOST:PORT" in its output."""

    def __init__(self, command, log):
        self.begun = time.monotonic()
        with open(log, "wb") as output:
            self.process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output)
        self.port = None
        while self.port is None:
            found = re.search(rb"listening on http://[^ ]*:(\d+)", pathlib.Path(log).read_bytes())
            if found:
                self.listening_s = time.monotonic() - self.begun
                self.port = int(found[1])
            elif self.process.poll() is not None or time.monotonic() - self.begun > 120:
                self.end(signal.SIGKILL)
                raise SystemExit(f"{command[0]} did not start:\n" + pathlib.Path(log).read_text(errors="replace"))
            else:
                time.sleep(0.001)

    def end(self, how=signal.SIGTERM):
        """Ends it and waits until it is gone; what does not heed within 30 s is killed."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, method, path, body=None):
        """Status and bytes of the answer; None while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return None
        finally:
            connection.close()

    def memory_kib(self):
        """Resident memory (proc(5): VmRSS)."""
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def cpu_s(self):
        """User and system time that it has used (proc(5): stat)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def until_quiet(self, limit_s=120):
        """Waits until it uses less than a twentieth of a core, as when nothing is left to be merged."""
        over = time.monotonic() + limit_s
        before = self.cpu_s()
        while time.monotonic() < over:
            time.sleep(1)
            now = self.cpu_s()
            if now - before < 0.05:
                return
            before = now

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def tool_server(folder):
    return Server([BINARIES / "bench/bench_tool_server"], folder / "tools.log")


def beast(folder, threads):
    """The bare Beast server, the yardstick of submissions."""
    return Server([BINARIES / "bench/bench_beast", "--threads", threads], folder / "beast.log")


def engine(folder, data, tools, threads=None, limits=None):
    """`settle serve` on a free port, with the tools of bench/load on the tool server."""
    config = folder / "settle.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in (limits or {}).items())
    config.write_text(f'[values]\ntools = "http://127.0.0.1:{tools.port}"\n[limits]\n{lines}')
    command = [BINARIES / "settle", "serve", "--dev", "--data", data, "--listen", "127.0.0.1:0", "--config", config,
               "--tools", ROOT / "bench/load/tools", "--log-level", "error"]
    return Server(command + (["--threads", threads] if threads else []), folder / "engine.log")


def run(program, *arguments, limit=120):
    """The JSON objects that a program prints, one a line."""
    command = [str(BINARIES / "bench" / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def load(server, **options):
    arguments = [part for name, value in options.items() for part in ("--" + name, value)]
    return run("bench_load", "--engine", server.port, "--process", server.process.pid, *arguments, limit=300)[0]


class Others:
    """The share of all cores' time that processes other than ours took while the block ran (`share`, 0 to 1).

    Ours are this one and the children that ended within the block; a child that lives on counts as one of the others.
    Ratios are not immune to load: a thread that waits for the disk loses its core to whoever computes.
    """

    def __enter__(self):
        self.before = self.now()
        return self

    def __exit__(self, *_):
        busy, own, total = (after - before for after, before in zip(self.now(), self.before))
        self.share = min(1.0, max(0.0, (busy - own) / max(total, 1)))

    @staticmethod
    def now():
        """Busy time of all, our own, and all time there was, in clock ticks (proc(5): the first line of stat)."""
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
        busy = user + nice + system + irq + softirq + steal
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(usage.ru_utime + usage.ru_stime for usage in used) * os.sysconf("SC_CLK_TCK")
        return busy, own, busy + idle + iowait


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {"cores": os.cpu_count(), "cpu": model[1] if model else "", "memory_mib": int(memory[1]) // 1024,
            "kernel": os.uname().release, "load_average_before": os.getloadavg()[0]}
