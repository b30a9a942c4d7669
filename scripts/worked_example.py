#!/usr/bin/env python3
"""worked_example.py [SETTLE]: runs the story of docs/worked-example.md against the real binary and prints that page.

One action goes through a lost answer, a crash, a look-up, a mismatch and an operator's decision. What the page shows is
what the commands printed in this run. Servers bind free loopback ports and are stopped by their pids.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETTLE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "release" / "settle").resolve()
PATIENCE = 60

PLAN = {
    "name": "tell-customer",
    "actions": [{
        "id": "welcome", "tool": "mail.send",
        "input": {"to": "ada@example.org", "subject": "Welcome", "body": "Your account is ready."},
        "fallback": {"tool": "ticket.open",
                     "input": {"subject": "Call ada@example.org: her account is ready", "contact_id": "c_1"}},
    }],
}


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise SystemExit(f"waited in vain until {what}")


class Server:
    """A process that says "listening on URL" in its log."""

    def __init__(self, folder, name, *arguments):
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([SETTLE, *arguments], stdout=log, stderr=log)
        found = wait_until(lambda: re.findall(r"listening on (http:\S+)", self.log.read_text()), f"{name} listens")
        self.url = found[-1]

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        self.process.wait()


class Story:
    def __init__(self, folder):
        self.folder = folder
        self.sandbox = Server(folder, "sandbox", "sandbox", "--listen", "127.0.0.1:0", "--file", folder / "sandbox.jsonl")
        (folder / "settle.toml").write_text(f'[values]\nsandbox = "{self.sandbox.url}"\n')
        (folder / "plan.json").write_text(json.dumps(PLAN))
        self.engine = None
        self.start_engine()

    def start_engine(self):
        self.engine = Server(self.folder, "engine", "serve", "--dev", "--data", self.folder / "store", "--listen",
                             "127.0.0.1:0", "--config", self.folder / "settle.toml", "--tools", ROOT / "examples" / "tools")

    def kill_engine(self):
        self.engine.stop(signal.SIGKILL)

    def run(self, *command):
        """What the command prints; nothing of it is hidden but the width of the terminal."""
        environment = dict(os.environ, SETTLE_SERVER=self.engine.url, SETTLE_SANDBOX=self.sandbox.url, NO_COLOR="1")
        done = subprocess.run([SETTLE, *command], env=environment, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout + done.stderr

    def tell(self, *command):
        print("```\n$ settle " + " ".join(f'"{word}"' if " " in word else word for word in command))
        print(self.run(*command).rstrip() + "\n```\n")

    def document(self):
        return json.loads(self.run("--json", "show", "story"))

    def happened(self, kind):
        events = json.loads(self.run("--json", "events", "story"))["events"]
        return any(event["type"] == kind for event in events)

    def to_sandbox(self, method, path, body=None):
        request = urllib.request.Request(self.sandbox.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()

    def fault(self, fault, method, nth, times):
        self.to_sandbox("POST", "/_sandbox/faults", {"match": {"method": method, "path_prefix": "/mail/messages", "nth": nth},
                                                     "fault": fault, "times": times})

    def stop(self):
        for server in (self.engine, self.sandbox):
            if server is not None:
                server.stop()


def tell(story):
    print("""# A worked example: one action, told by its events

One mail is to be sent, by a tool of mode `lookup` (`examples/tools/mail.send.json`): the mail service does not
deduplicate, but it can be searched by the reference that we send. If the mail fails, a ticket is to be opened instead.
On the way the answer gets lost, the engine is killed, the mail is found, what the read-back sees is not what was asked
for, and a person decides. Every block below is what the command printed; `scripts/worked_example.py` runs the story
again.

## 1. The answer is lost, and the engine is killed

The mail service carries the call out and cuts the connection. It is slow to be searched, too: the first four questions
end with 500. In the middle of this the engine is killed with `kill -9`.
""")
    story.fault("drop_after", "POST", 1, 1)
    story.fault("e500_before", "GET", 1, 4)
    story.fault("e500_before", "GET", 6, 1_000)
    story.tell("submit", "plan.json", "--id", "story")
    wait_until(lambda: story.happened("action.unclear"), "the answer is lost")
    story.tell("show", "story")
    story.kill_engine()
    print("""`in_doubt` is the honest word: the mail may be out or not. A second send could be a second mail, so Settle asks.

## 2. After the restart: looked up, found, adopted

Nothing is submitted again. The engine takes the workflow up where it was, asks by the reference, and finds one mail. It
takes that record as the answer that had been lost. Now the read-back has to confirm it; for the moment nobody can look.
""")
    story.start_engine()
    wait_until(lambda: story.happened("action.executed"), "the mail is found")
    story.tell("show", "story")
    key = json.loads(story.run("--json", "receipts", "story"))["receipts"][-1]["idempotency_key"]
    story.to_sandbox("POST", "/mail/messages", {"to": "ada@example.org", "subject": "Welcome", "reference": key,
                                                "body": "Your account is ready."})
    print("""## 3. The read-back differs

Meanwhile a colleague, who saw no answer either, has sent the same mail by hand. The service can be looked at again: two
mails stand under one reference, where the tool expects exactly one. That is a failure with an effect, and it is said so.
The fallback (the ticket) is *not* tried by itself, since something was left behind: the action waits for a person.
""")
    story.to_sandbox("DELETE", "/_sandbox/faults")
    wait_until(lambda: story.document()["attention"], "a person is asked for")
    story.tell("show", "story")
    print("""## 4. An operator decides

Ada looks into the mail service. Both mails are there, so no ticket is needed. She says what she saw; that becomes a part
of the receipt. (`--did-not-happen` would have let the fallback run.) It does not make the action verified: nobody can
make true what a look has shown to be otherwise.
""")
    story.tell("resolve", "story", "welcome", "--happened", "--who", "ada", "--seen", "two identical mails in the outbox")
    wait_until(lambda: story.document()["status"] == "ended", "the workflow ends")
    story.tell("show", "story")
    print("""## The whole history

Each line was durable before anything that follows from it left the engine.
""")
    story.tell("events", "story")
    print("## The receipts\n\nA later one of an action supersedes the earlier. None is ever changed.\n")
    story.tell("receipts", "story")
    last = json.loads(story.run("--json", "receipts", "story"))["receipts"][-1]["receipt"]
    story.tell("receipt", last)
    story.tell("report", "story")
    print("The mail service's own count agrees: one send by Settle, one by hand.\n")
    story.tell("sandbox", "summary")


def main():
    with tempfile.TemporaryDirectory() as folder:
        story = Story(pathlib.Path(folder))
        try:
            tell(story)
        finally:
            story.stop()


if __name__ == "__main__":
    main()
