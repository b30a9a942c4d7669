#!/usr/bin/env python3
"""Runs plans made from a seed through the real engine against the sandbox, with faults and kill -9, and judges what the
engine says by what the sandbox knows. README.md says what counts. Prints a table and `N passed, N failed`.

run_scenario.py --plans 40 --seed 7 --faults lossy --kills 6          (SETTLE_BINARY names the engine)
"""
import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from harness import PATIENCE, ROOT, Engine  # noqa: E402
from judge import Case, is_settled, judge  # noqa: E402
from plans import make_plan  # noqa: E402
from restarting import EngineDied, Restarting  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from truth import Truth, disagreements  # noqa: E402

# What is armed, with its weight. A fault on a read is one of those that break the answer.
PROFILES = {
    "clean": {},
    "lossy": {"drop_before": 3, "drop_after": 4, "e500_before": 2, "e500_after": 3, "truncate": 3, "malformed": 3, "delay": 2},
    "throttled": {"r429": 3, "r503": 2},
    "late": {"late": 4, "drop_after": 2},
    "liar": {"lie": 3, "partial": 3},
}
DELAYS_MS = {"delay": 400, "late": 700, "r429": 1000, "r503": 1000}
PLACES = (("POST", "/crm/contacts", 5), ("POST", "/mail/messages", 5), ("PUT", "/crm/contacts/", 4), ("POST", "/tickets", 2),
          ("GET", "/crm/contacts", 3), ("GET", "/mail/messages", 2))
ARMED_MAX = 10


class Faults(threading.Thread):
    """Keeps some faults armed until its budget is spent; each meets one call within the next few of its place."""

    def __init__(self, sandbox, profile, budget, rng):
        super().__init__(daemon=True)
        self.sandbox, self.weights, self.left, self.rng = sandbox, PROFILES[profile], budget if PROFILES[profile] else 0, rng
        self.stopping = threading.Event()

    def arm_one(self):
        kind = self.rng.choices(list(self.weights), list(self.weights.values()))[0]
        places = [place for place in PLACES if place[0] != "GET" or kind not in ("lie", "partial", "late")]
        method, prefix, _ = self.rng.choices(places, [weight for _, _, weight in places])[0]
        self.left -= self.sandbox.arm(kind, method, prefix, self.rng.randint(1, 4), 1, DELAYS_MS.get(kind, 1000))

    def run(self):
        while self.left > 0 and not self.stopping.is_set():
            for _ in range(min(self.left, ARMED_MAX - self.sandbox.armed())):
                self.arm_one()
            self.stopping.wait(0.05)

    def stop(self):
        self.stopping.set()
        self.join()


class Killer(threading.Thread):
    """Kills the engine at random moments, as long as there is work to kill."""

    def __init__(self, engine, kills, rng, has_work):
        super().__init__(daemon=True)
        self.engine, self.kills, self.rng, self.has_work = engine, kills, rng, has_work
        self.error = None

    def run(self):
        moment = threading.Event()
        try:
            while self.engine.kills < self.kills and self.has_work():
                moment.wait(self.rng.uniform(0.02, 0.6))
                self.engine.kill_and_restart()
        except Exception as error:  # told by the main thread
            self.error = error


class Run:
    def __init__(self, options, folder):
        self.options, self.rng = options, random.Random(options.seed)
        self.cases = [make_plan(options.seed, number) for number in range(options.plans)]
        self.sandbox = Sandbox(folder)
        self.engine = None
        self.settled, self.before = {}, {}

    def start(self, folder):
        for case in self.cases:
            contact = case["contact"]
            if contact:
                status, _ = self.sandbox.call("PUT", f"/crm/contacts/{contact['id']}",
                                              {name: contact[name] for name in ("email", "name", "tier")})
                assert status == 201, status
        self.first = len(self.sandbox.journal())
        tools = [json.loads(file.read_text()) for file in sorted((ROOT / "examples" / "tools").glob("*.json"))]
        self.engine = self.make_engine(folder, tools).start()

    def make_engine(self, folder, tools):
        return Restarting(Engine(folder, tools, {"sandbox": self.sandbox.url}))

    def drive(self, case):
        """Submits (again and again, until it is acknowledged), then waits until nothing more can happen by itself."""
        id = case["id"]
        answer = self.engine.ask("POST", "/v1/workflows", {"id": id, "plan": case["plan"]}, {"Idempotency-Key": f"key-of-{id}"})
        if answer.status not in (200, 201) or answer.json["id"] != id:
            raise AssertionError(f"{id} was not taken: {answer!r}")
        deadline = time.monotonic() + self.options.timeout
        pause = threading.Event()
        while time.monotonic() < deadline:
            flow = self.engine.get(f"/v1/workflows/{id}?wait=2s&until=attention")
            if flow is None:
                break
            if is_settled(flow):
                self.before[id] = (flow, self.engine.receipts(id)) if flow["status"] == "ended" else None
                break
            if flow["attention"]:
                pause.wait(0.1)
        self.settled[id] = True

    def run(self):
        faults = Faults(self.sandbox, self.options.faults, round(self.options.plans * self.options.fault_rate), self.rng)
        killer = Killer(self.engine, self.options.kills, random.Random(self.options.seed + 1),
                        lambda: len(self.settled) < len(self.cases))
        faults.start()
        killer.start()
        try:
            with ThreadPoolExecutor(self.options.parallel) as pool:
                list(pool.map(self.drive, self.cases))
        finally:
            killer.join()
            faults.stop()
        if killer.error:
            raise killer.error
        self.sandbox.disarm()
        if self.options.kills:
            self.engine.kill_and_restart()

    def judge(self):
        """Rows of the table, and what is wrong with the run as a whole."""
        said = {}
        for case in self.cases:
            flow = self.engine.get(f"/v1/workflows/{case['id']}")
            said[case["id"]] = (flow, self.engine.receipts(case["id"]), self.engine.events(case["id"])) if flow else (None, [], [])
        code = self.engine.stop()
        self.sandbox.wait_for_late_effects()
        entries, summary = self.sandbox.journal(), self.sandbox.summary()
        wrong = disagreements(entries, summary, self.sandbox.log())
        truth = Truth(self.cases, entries[self.first:])
        wrong += [f"nobody asked for this call: {entry}" for entry in truth.strays]
        wrong += [f"the engine ended with {code} on SIGTERM"] if code else []
        rows = []
        for case in self.cases:
            flow, receipts, events = said[case["id"]]
            facts = truth.facts[case["id"]]
            verdict, why = judge(Case(case, flow, receipts, events, facts, bool(self.engine.kills), self.before.get(case["id"])))
            rows.append({"id": case["id"], "plan": case["plan"]["name"], "verdict": verdict, "why": why,
                         "outcome": (flow["outcome"] or ("attention" if flow["attention"] else flow["status"])) if flow else "lost",
                         "sends": sum(len(fact.sends) for fact in facts.values()),
                         "effects": sum(len(fact.effects) for fact in facts.values()),
                         "faults": sum(bool(entry.get("fault")) for fact in facts.values() for entry in fact.sends),
                         "resumed": sum(event["type"] == "workflow.resumed" for event in events)})
            if verdict != "pass":
                rows[-1]["evidence"] = {"events": events, "journal": {id: fact.sends + fact.effects for id, fact in facts.items()}}
        return rows, wrong + self._not_reached(truth, rows), truth

    def _not_reached(self, truth, rows):
        """A run that met nothing proves nothing."""
        met = {entry.get("fault") for entry in truth.entries}
        missing = [f"no call met the fault {kind}" for kind in PROFILES[self.options.faults] if kind not in met]
        if 2 * self.engine.kills < self.options.kills:
            missing.append(f"only {self.engine.kills} kills before all plans were done")
        if self.options.kills and not any(row["resumed"] for row in rows):
            missing.append("no kill hit a workflow with a call under way")
        return missing


def report(options, rows, wrong, truth, kills, seconds):
    shown = [row for row in rows if options.verbose or row["verdict"] != "pass"]
    if shown:
        print(f"{'workflow':16} {'plan':20} {'outcome':10} sends effects faults resumed  verdict")
    for row in shown:
        print(f"{row['id']:16} {row['plan']:20} {row['outcome']:10} {row['sends']:5} {row['effects']:7} {row['faults']:6} "
              f"{row['resumed']:7}  {row['verdict']}{': ' + row['why'] if row['why'] else ''}")
    outcomes, verdicts = Counter(row["outcome"] for row in rows), Counter(row["verdict"] for row in rows)
    met = Counter(entry["fault"] for entry in truth.entries if entry["kind"] == "request" and entry["fault"])
    print(f"{options.faults}, seed {options.seed}, {kills} kills, {seconds:.1f} s: "
          + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())))
    print(f"  {len(truth.entries)} calls, {sum(row['sends'] for row in rows)} sends, {sum(row['effects'] for row in rows)} effects; "
          f"{sum(row['resumed'] for row in rows)} resumed; faults met: "
          + (", ".join(f"{count} {name}" for name, count in sorted(met.items())) or "none"))
    for problem in wrong:
        print(f"  WRONG: {problem}")
    failed = len(rows) - verdicts["pass"]
    print(f"{verdicts['pass']} passed, {failed} failed")
    return 1 if failed or wrong or not rows else 0


def read_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", choices=sorted(PROFILES), default="lossy")
    parser.add_argument("--fault-rate", type=float, default=1.5, help="faults for each plan")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=3 * PATIENCE, help="seconds that one plan may take")
    parser.add_argument("--keep", type=pathlib.Path, help="keep store, journal and what was judged in this folder")
    parser.add_argument("-v", "--verbose", action="store_true", help="all plans in the table")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = read_options(arguments)
    folder = tempfile.mkdtemp(prefix="settle-scenario-")
    begun = time.monotonic()
    run = Run(options, folder)
    try:
        run.start(folder)
        run.run()
        rows, wrong, truth = run.judge()
        return report(options, rows, wrong, truth, run.engine.kills, time.monotonic() - begun)
    except EngineDied as died:
        print(f"WRONG: {died}\n0 passed, {len(run.cases)} failed")
        return 1
    finally:
        if run.engine:
            run.engine.engine.close()
        run.sandbox.close()
        if options.keep:
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
