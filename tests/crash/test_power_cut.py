"""Power cuts with plans under way, judged by the sandbox, which keeps its power: nothing acknowledged is lost or changed, no
effect is doubled, none has happened that the engine does not know of."""
import http.client
import os
import pathlib
import shutil
import tempfile
import unittest
from collections import Counter

import run_scenario
from harness import Engine, wait_until
from power import CutBelow, CutEngine, CutOnLoop, LoopDisk, preload
from small_disk import NotPossible
from support import CrashTest, example_tools, say

CUTS = int(os.environ.get("SETTLE_POWER_CUTS", "30"))
SEED = int(os.environ.get("SETTLE_SEED", "1"))
CUTS_OF_A_RUN = 10


class CutRun(run_scenario.Run):
    """A scenario whose kills are power cuts; `wrap` makes the engine."""

    def __init__(self, options, folder, wrap):
        super().__init__(options, folder)
        self.wrap = wrap

    def make_engine(self, folder, tools):
        return self.wrap(folder, tools, {"sandbox": self.sandbox.url})


class PowerCutTest(unittest.TestCase):
    maxDiff = None  # a row that did not pass has its events and the sandbox's entries with it

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="settle-power-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def scenario(self, seed, wrap):
        """One run with its cuts; returns the Restarting and a line about it."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        options = run_scenario.read_options(["--plans", "60", "--seed", str(seed), "--kills", str(CUTS_OF_A_RUN)])
        run = CutRun(options, folder, wrap)
        try:
            run.start(folder)
            run.run()
            rows, wrong, _ = run.judge()
        finally:
            if run.engine:
                run.engine.engine.close()
            run.sandbox.close()
        self.assertEqual([row for row in rows if row["verdict"] != "pass"], [])
        self.assertEqual([what for what in wrong if "kills before all plans" not in what], [])
        return run.engine, Counter(row["outcome"] for row in rows)

    def cuts(self, wrap):
        """Runs until there were enough; seeds count up."""
        cuts, endings, outcomes, seed = 0, Counter(), Counter(), SEED * 1000
        while cuts < CUTS:
            seed += 1
            with self.subTest(seed=seed):
                engine, outcome = self.scenario(seed, wrap)
                cuts += sum(ending in (True, 13) for ending in engine.endings)
                endings.update(map(str, engine.endings))
                outcomes.update(outcome)
        return f"{cuts} cuts; endings {dict(endings)}; outcomes {dict(outcomes)}; nothing lost, changed or doubled"

    def test_on_a_file_system_whose_device_loses_its_power(self):
        try:
            disk = LoopDisk(self.folder, 128)
        except NotPossible as reason:
            self.skipTest(f"NO POWER WAS CUT: {reason}")
        self.addCleanup(disk.close)

        def wrap(folder, tools, values):
            shutil.rmtree(disk.at / "data", ignore_errors=True)
            return CutOnLoop(Engine(folder, tools, values), disk)

        say(self.cuts(wrap))

    def test_on_a_disk_that_forgets_what_was_not_synced(self):
        try:
            preload()
        except NotPossible as reason:
            self.skipTest(f"NO POWER WAS CUT: {reason}")
        say(self.cuts(lambda *arguments: CutBelow(CutEngine(*arguments))))


class LyingDiskTest(CrashTest):
    """The control: with a disk that only says that it synced the log, the same cut must cost what was acknowledged."""

    def test_what_a_lying_disk_lost_is_noticed_at_the_next_start(self):
        try:
            engine = CutEngine(tempfile.mkdtemp(dir=self.folder), example_tools(), {"sandbox": self.sandbox.url}, lies=".log")
        except NotPossible as reason:
            self.skipTest(f"NO DISK LIED: {reason}")
        self.addCleanup(engine.close)
        engine.start()
        plan = {"name": "one", "actions": [{"id": "mail", "tool": "mail.send", "input": {
            "to": "a@example.org", "subject": "S", "body": "B"}}]}
        ids = [engine.client.submit(plan).json["id"] for _ in range(20)]
        for id in ids:
            engine.client.end_of(id)
        # The floor follows within a tenth of a second; one more round trip of a durable write is not enough to wait for.
        floor = engine.data / "FLOOR"
        before = floor.read_bytes()
        engine.client.submit(plan)
        wait_until(lambda: floor.read_bytes() != before, "the floor was raised")

        def submit_until_gone():
            for _ in range(100):
                try:
                    engine.client.submit(plan)
                except (OSError, http.client.HTTPException):
                    return

        self.assertTrue(engine.cut(submit_until_gone), "it was idle")
        code, message = engine.refused()
        self.assertEqual(code, 12, message)
        self.assertIn("was acknowledged", message)
        say(f"refused with 12: {message.strip()[:110]}…")
