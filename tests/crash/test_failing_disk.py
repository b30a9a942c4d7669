"""The k-th write or sync of the log fails under the real binary: it ends with 13 within a second, sends and answers nothing
more, and the next start knows everything that was acknowledged."""
import os
import random
import re
import shutil
import tempfile
import threading
import time
import unittest
from collections import Counter

from harness import PATIENCE
from power import CutEngine
from small_disk import NotPossible
from support import say
from tool_documents import KEY, make
from world import World

FAILURES = int(os.environ.get("SETTLE_ENGINE_DISK_FAILURES", "15"))
SEED = int(os.environ.get("SETTLE_SEED", "1"))
KINDS = ("sync .log {} eio", "sync .log {} enospc", "write .log {} eio", "write .log {} enospc", "write .log {} short")
# What was on its way through the loopback when the disk failed arrives a moment later.
ARRIVAL_S = 0.1 * float(os.environ.get("SETTLE_SLOWNESS", "1"))


class Clients:
    """Four that submit plans one after another until nobody answers; `acknowledged` has id: time of the answer."""

    def __init__(self, client):
        self.client, self.acknowledged, self.odd = client, {}, []
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        for count in range(1000):
            id = f"flow-{number}-{count}"
            actions = [make(step, KEY, input={"name": f"{id}.{step}"}) for step in ("one", "two")]
            try:
                answer = self.client.submit({"name": "a-plan", "actions": actions}, id=id)
            except Exception:
                return
            if answer.status == 201:
                self.acknowledged[id] = time.monotonic()
            else:
                self.odd.append(answer)

    def join(self):
        for thread in self.threads:
            thread.join()


class FailingDiskTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="settle-failing-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.world = World()
        self.addCleanup(self.world.close)

    def fail_once(self, fault):
        """Returns the milliseconds from the failure to the end, and how many were acknowledged before."""
        engine = CutEngine(tempfile.mkdtemp(dir=self.folder), [KEY], {"world": self.world.url}, fault=fault)
        self.addCleanup(engine.close)
        engine.start(ready=False)
        clients = Clients(engine.client)
        code = engine.process.wait(PATIENCE)
        ended = time.monotonic()
        clients.join()
        engine.reader.join()
        self.assertEqual(code, 13, engine.log())
        failed = int(re.search(r"crash disk: failed at (\d+)", engine.log())[1]) / 1e9
        self.assertLess(ended - failed, 1, engine.log())
        late = [call.at - failed for call in self.world.sends() if call.at > failed + ARRIVAL_S]
        self.assertEqual(late, [], "calls left after the failure")
        late = [at - failed for at in clients.acknowledged.values() if at > failed + ARRIVAL_S]
        self.assertEqual(late, [], "acknowledged after the failure")
        self.assertEqual(clients.odd, [])
        self.check_restart(engine, clients.acknowledged)
        return (ended - failed) * 1000, len(clients.acknowledged)

    def check_restart(self, engine, acknowledged):
        engine.environment = {}
        engine.start()
        for id in acknowledged:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        for call in self.world.effects("/things"):
            id = call.body["name"].partition(".")[0]
            self.assertEqual(engine.client.get(f"/v1/workflows/{id}").status, 200, f"{id} acted and is unknown")
        # An effect is one for each action: a call that was repeated after the restart found the first one's.
        names = Counter(call.body["name"] for call in self.world.effects("/things"))
        self.assertEqual([name for name, count in names.items() if count > 1], [])
        self.assertEqual(engine.stop(), 0)
        engine.close()
        self.world.calls.clear()

    def test_nothing_leaves_once_a_write_or_sync_has_failed(self):
        rng, longest, acknowledged = random.Random(SEED), 0, 0
        for number in range(FAILURES):
            # After the two of the opening itself.
            fault = KINDS[number % len(KINDS)].format(3 + rng.randrange(198))
            with self.subTest(fault):
                try:
                    took, count = self.fail_once(fault)
                except NotPossible as reason:
                    self.skipTest(f"NO DISK FAILED: {reason}")
                longest, acknowledged = max(longest, took), acknowledged + count
        self.assertGreater(acknowledged, FAILURES, "hardly anything was acknowledged before the failures")
        say(f"{FAILURES} failures: 13 each time, at most {longest:.0f} ms later; {acknowledged} workflows acknowledged before, "
            "all verified after a restart, nothing twice")
