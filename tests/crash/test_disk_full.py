"""A disk that runs full: new work is refused early, what runs goes on, and nothing that was acknowledged is lost."""
import tempfile

from harness import wait_until
from judge import is_settled
from small_disk import NotPossible, SmallDisk
from support import CrashTest, documents, everything, listed, say, settle_all, some_cases, submit_cases



def big_plan(number, mails=8):
    """Mails of nearly 20 kB each, so that the work itself needs room."""
    return {"name": "big", "input": {"to": f"big.{number}@example.org"}, "actions": [
        {"id": f"mail-{mail}", "tool": "mail.send",
         "input": {"to": {"$from": "/input/to"}, "subject": f"Number {mail}", "body": (f"{number}.{mail} " * 5000)[:19000]}}
        for mail in range(mails)]}


class DiskTest(CrashTest):
    """With room for the reserve and for all that the log sets aside."""

    mebibytes, left_early, flows = 256, 12 << 20, 100

    def setUp(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        try:
            self.disk = SmallDisk(folder, self.mebibytes)
        except NotPossible as reason:
            self.skipTest(f"NO SMALL DISK, SO NOTHING IS KNOWN ABOUT A FULL ONE: {reason}")
        self.addCleanup(self.disk.close)
        self.server = self.engine()
        self.server.data = self.disk.at / "data"
        self.acknowledged = set()

    def submit_big(self, count):
        for number in range(count):
            id = f"big-{number}"
            answer = self.server.client.submit(big_plan(number), id=id, key=f"key-of-{id}")
            self.assertEqual(answer.status, 201, answer)
            self.acknowledged.add(id)

    def submit_until(self, status, name):
        """Submits small plans, each acknowledged or refused with 507, until one is answered with this status."""
        def submitted():
            self.probes = getattr(self, "probes", 0) + 1
            id = f"{name}-{self.probes}"
            answer = self.server.client.submit(big_plan(id, 1), id=id)
            self.assertIn(answer.status, (201, 507), answer)
            if answer.status == 201:
                self.acknowledged.add(id)
            return answer if answer.status == status else None

        return wait_until(submitted, f"a submission is answered with {status}", 20)

    def settled(self):
        client = self.server.client
        return all(is_settled(client.workflow(id)) for id in self.acknowledged)

    def assert_nothing_lost(self, allowed=()):
        """Everything acknowledged is there, and nothing else but what a refused submission may have left: nothing."""
        ids, _ = documents(self.server.client)
        self.assertEqual(set(ids), self.acknowledged | set(allowed))

    def test_new_work_is_refused_early_and_taken_again_once_there_is_room(self):
        engine, cases = self.server.start(), some_cases(9, 0, 10)
        self.add_contacts(cases)
        self.sandbox.arm("delay", "POST", times=20, delay_ms=1500)
        submit_cases(engine.client, cases)
        self.acknowledged |= {case["id"] for case in cases}
        free = self.disk.fill(self.left_early)
        refused = self.submit_until(507, "early")
        problem = refused.json
        self.assertEqual((problem["code"], problem["safe_to_retry"]), ("disk_full", True), problem)
        ready = engine.client.get("/readyz")
        self.assertEqual(ready.status, 503, ready)
        self.assertIn(b"disk_full", ready.body)
        settle_all(engine.client, cases)
        ids, before = documents(engine.client)
        self.assertEqual(set(ids), self.acknowledged)
        check = engine.client.post("/v1/plans:check", {"plan": big_plan(1)})
        self.assertEqual(check.status, 200, check)
        known = engine.client.submit(cases[0]["plan"], id=cases[0]["id"], key=f"key-of-{cases[0]['id']}")
        self.assertIn(known.status, (200, 507), known)
        left = self.disk.free()
        self.disk.make_room()
        self.submit_until(201, "again")
        wait_until(lambda: engine.client.get("/readyz").status == 200, "it is ready again")
        wait_until(self.settled, "all work has settled")
        self.assert_nothing_lost()
        self.assertEqual({path: answer.json for path, answer in everything(engine.client, [c["id"] for c in cases]).items()},
                         {path: said for path, said in before.items() if path.split("/")[3].startswith("plan-")})
        self.assertEqual(engine.stop(), 0)
        say(f"{self.disk.kind}, {self.mebibytes} MiB: refused with {left >> 20} of {free >> 20} MiB left, a known submission then "
            f"answered {known.status}; {len(cases)} running workflows settled; taken again without a restart")

    def test_a_disk_without_a_byte_left_loses_nothing(self):
        """Each mail is turned away for some seconds first, so that the disk is full before the work needs it."""
        count = self.flows
        engine = self.server.start()
        self.sandbox.arm("r503", "POST", "/mail/messages", times=8 * count, delay_ms=4000)
        self.submit_big(count)
        free = self.disk.fill(0)
        story = [f"{free} bytes free"]
        wait_until(lambda: not engine.alive() or self.settled_or_gone(), "the work settles, or the engine ends", 90)
        if engine.alive():
            story.append("the work settled in what was reserved")
            self.assertEqual(self.submit_until(507, "full").json["code"], "disk_full")
        else:
            story.append(f"it ended with {self.end_on_full_disk(engine)} ({engine.log().strip().splitlines()[-1][:110]}…)")
            story.append(self.start_on_full_disk(engine))
        if engine.alive():
            self.assertIsInstance(listed(engine.client), list)
            engine.kill9()
        self.disk.make_room()
        engine.start()
        self.submit_until(201, "room")
        wait_until(self.settled, "all work has settled", 90)
        self.assert_nothing_lost()
        _, said = documents(engine.client)
        outcomes = {flow["outcome"] for path, flow in said.items() if path.count("/") == 3}
        self.assertEqual(outcomes, {"verified"})
        summary = self.sandbox.summary()
        self.assertEqual(summary["duplicates"], 0, [row for row in summary["keys"] if row["duplicates"]])
        self.assertEqual(engine.stop(), 0)
        say(f"{self.disk.kind}: {'; '.join(story)}; with room all {len(self.acknowledged)} workflows are verified, nothing twice")

    def settled_or_gone(self):
        try:
            return self.settled()
        except (OSError, AssertionError):
            return not self.server.alive()

    def end_on_full_disk(self, engine):
        """13 by our own hand, before RocksDB fails an assertion over the same write."""
        code = engine.ended()
        self.assertEqual(code, 13, engine.log())
        return code

    def start_on_full_disk(self, engine):
        """It comes up with what the reserve gives, or says that the disk is full; either is honest."""
        engine.launch()
        wait_until(lambda: not engine.alive() or any("listening" in line for line in engine.lines), "it listens or ends")
        if not engine.alive():
            self.assertIn(engine.ended(), (7, 13), engine.log())
            return f"the start on the full disk ended with {engine.process.returncode}"
        engine.kill9()
        return "it starts on the full disk with its reserve"


class SmallerDiskTest(DiskTest):
    """About the smallest that is ready for work: the log sets 35 MiB aside, and the reserve is 16."""

    mebibytes, left_early, flows = 96, 8 << 20, 25
