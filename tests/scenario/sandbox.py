"""`settle sandbox` as a process, and what it keeps: its journal is the truth that everything is compared with."""
import http.client
import json
import pathlib
import subprocess
import threading

from harness import BINARY, PATIENCE, wait_until


class Sandbox:
    """Serves until close(); every answer to a write is given after its entry in the journal has reached the disk."""

    def __init__(self, folder):
        self.file = pathlib.Path(folder) / "sandbox.jsonl"
        self.process = subprocess.Popen([BINARY, "sandbox", "--listen", "127.0.0.1:0", "--file", str(self.file)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        # The only line that it prints is the one that names its address; a process that fails closes its output.
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]
        if not self.url.startswith("http://"):
            raise AssertionError(f"the sandbox ended with {self.process.wait(PATIENCE)}")
        self.port = int(self.url.rpartition(":")[2])
        self.lock = threading.Lock()

    def call(self, method, path, body=None):
        """One request; returns (status, document)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def arm(self, kind, method="", path_prefix="", nth=1, times=1, delay_ms=1000):
        """Arms a fault; false when too many are armed already."""
        status, answer = self.call("POST", "/_sandbox/faults", {
            "match": {"method": method, "path_prefix": path_prefix, "nth": nth}, "fault": kind, "times": times,
            "delay_ms": delay_ms})
        assert status in (201, 409), answer
        return status == 201

    def armed(self):
        return len(self.call("GET", "/_sandbox/faults")[1]["faults"])

    def disarm(self):
        self.call("DELETE", "/_sandbox/faults")

    def summary(self):
        return self.call("GET", "/_sandbox/summary")[1]

    def log(self):
        return self.call("GET", "/_sandbox/log")[1]["entries"]

    def journal(self):
        """All entries so far. A late effect is an entry of its own, so wait for none to be pending first."""
        text = self.file.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def wait_for_late_effects(self):
        def all_landed():
            entries = self.journal()
            landed = {entry.get("of") for entry in entries}
            return all(entry["seq"] in landed for entry in entries if "late" in entry)

        wait_until(all_landed, "every late effect has come")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
