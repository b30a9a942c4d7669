"""A stopped store is damaged: `settle serve` refuses it, or shows exactly what it showed before. Never silently less."""
import hashlib
import http.client
import os
import random
import re
import shutil
from collections import Counter

import damage
from harness import Client, run_cli, wait_until
from support import REFUSALS, CrashTest, documents, everything, listed, say, settle_all, some_cases, submit_cases

DAMAGES = int(os.environ.get("SETTLE_DAMAGES", "30"))
SEED = int(os.environ.get("SETTLE_SEED", "4"))


def fingerprint(data):
    """Name and content of every file that matters; the lock and RocksDB's diary do not."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in data.iterdir()
            if path.name != "LOCK" and not path.name.startswith("LOG")}


def address_of(engine):
    """The port on which it listens, once it says so."""
    return next((int(found[1]) for line in engine.lines if (found := re.match(r"settle listening on http://.*:(\d+)$", line))), 0)


class DamageTest(CrashTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.old, cls.data, cls.trials = cls.folder / "old", cls.folder / "sound", 0
        engine = cls.new_engine()
        try:
            cls.make_store(engine)
        finally:
            engine.close()

    @classmethod
    def make_store(cls, engine):
        """Work that ended in every way, some that waits for a person; tables and a log; and a copy made on the way."""
        first, second, third = some_cases(SEED, 0, 8), some_cases(SEED, 8, 12), some_cases(SEED, 20, 15)
        cls.add_contacts(first + second + third)
        for kind, method, prefix in (("e500_after", "POST", "/tickets"), ("drop_before", "POST", "/mail/messages"),
                                     ("lie", "POST", "/crm/contacts"), ("drop_after", "PUT", "/crm/contacts/")):
            cls.sandbox.arm(kind, method, prefix, 2)
        submit_cases(engine.start().client, first)
        engine.kill9()
        submit_cases(engine.start().client, second)
        settle_all(engine.client, first + second)
        assert engine.stop() == 0
        damage.copy_store(engine.data, cls.old)
        submit_cases(engine.start().client, third)
        settle_all(engine.client, third)
        cls.ids, cls.documents = documents(engine.client)
        assert engine.stop() == 0
        damage.copy_store(engine.data, cls.data)
        assert damage.files(cls.data, "*.sst") and damage.files(cls.data, "*.log"), "the store has no tables, or no log"
        said = [document for path, document in cls.documents.items() if path.count("/") == 3]
        say(f"a store with {len(said)} workflows: {dict(Counter(str(flow['outcome']) for flow in said))}, "
            f"{len(damage.files(cls.data, '*.sst'))} tables, {len(damage.files(cls.data, '*.log'))} logs")

    def copy_of(self, source):
        """A stopped engine on a copy of this store."""
        DamageTest.trials += 1
        engine = self.engine(self.folder / f"trial-{self.trials}")
        damage.copy_store(source, engine.data)
        return engine, engine.data

    def outcome(self, engine):
        """Starts it and returns "refused CODE", "the same", or "says so" when an answer names the damage. Fails on else."""
        before = fingerprint(engine.data)
        engine.launch()
        listening = wait_until(lambda: address_of(engine) or engine.process.poll() is not None, "the engine listens or ends")
        if listening is True:
            return self.check_refusal(engine, before)
        return self.check_answers(engine, Client(listening))

    def check_refusal(self, engine, before):
        code = engine.ended()
        self.assertIn(code, REFUSALS, engine.log())
        self.assertRegex(engine.log(), "settle serve: .{30,}")
        self.assertEqual(fingerprint(engine.data), before, f"it was refused with {code}, and is not as it was found")
        return f"refused {code}"

    def check_answers(self, engine, client):
        """Each answer is what it was, or a loud one: 500 `corruption`, or the end of the process with a code of damage."""
        try:
            ids = listed(client)
            answers = everything(client, self.ids)
        except (OSError, http.client.HTTPException):
            self.assertIn(engine.ended(), REFUSALS, engine.log())
            return f"ended {engine.process.returncode}"
        loud = [path for path, answer in answers.items() if answer.status == 500 and answer.json["code"] == "corruption"]
        for path in answers.keys() - set(loud):
            self.assertEqual(answers[path].status, 200, f"{path}: {answers[path]!r}")
            self.assertEqual(answers[path].json, self.documents[path], path)
        if not isinstance(ids, list):
            self.assertEqual((ids.status, ids.json["code"]), (500, "corruption"), "the list")
            loud.append("the list")
        else:
            self.assertEqual(ids, self.ids)
        self.assertIn(engine.stop(), {0, *REFUSALS})
        return f"says so in {len(loud)} answers" if loud else "the same"

    def test_a_sound_copy_shows_the_same(self):
        engine, _ = self.copy_of(self.data)
        self.assertEqual(self.outcome(engine), "the same")

    def test_random_damage_is_refused_or_harmless(self):
        rng = random.Random(SEED)
        plan = [damage.ALL[number % len(damage.ALL)] for number in range(DAMAGES)]
        counts = Counter()
        for number, harm in enumerate(plan, 1):
            engine, data = self.copy_of(self.data)
            what = harm(data, rng)
            with self.subTest(f"{harm.__name__}: {what}"):
                seen = self.outcome(engine)
                counts[re.sub(r" in \d+ answers", "", seen)] += 1
                say(f"{number:2} {harm.__name__.replace('_', ' ')}: {what}: {seen}")
            engine.close()
            shutil.rmtree(engine.folder)
        say(", ".join(f"{count} {seen}" for seen, count in sorted(counts.items())))
        self.assertTrue(any(seen.startswith("refused") for seen in counts), "no damage was noticed")

    def test_the_newest_log_or_its_floor_can_not_be_missing(self):
        for harm, code in ((damage.delete_live_log, 12), (damage.delete_floor, 12), (damage.zero_floor, 11),
                           (damage.delete_current, 12), (damage.delete_everything_but_floor, 12)):
            with self.subTest(harm.__name__):
                engine, data = self.copy_of(self.data)
                harm(data, random.Random(SEED))
                self.assertEqual(self.outcome(engine), f"refused {code}")
                refused, _, message = run_cli("inspect", "--data", str(data))
                self.assertEqual(refused, code, message)

    def test_an_old_copy_below_todays_floor_is_refused(self):
        engine, data = self.copy_of(self.data)
        damage.put_back_all_but(data, self.old, "FLOOR")
        self.assertEqual(self.outcome(engine), "refused 12")
        self.assertIn("was acknowledged", engine.log())
        say(f"old files below today's FLOOR: {engine.log().strip()[:120]}…")

    def test_an_old_floor_below_todays_files_hides_nothing(self):
        engine, data = self.copy_of(self.data)
        shutil.copy2(self.old / "FLOOR", data / "FLOOR")
        self.assertEqual(self.outcome(engine), "the same")

    def test_todays_log_among_old_files_is_never_shown_as_if_it_were_whole(self):
        engine, data = self.copy_of(self.data)
        damage.put_back_all_but(data, self.old, "FLOOR", damage.files(data, "*.log")[-1].name)
        say(f"old files with today's log and FLOOR: {self.outcome(engine)}")

    def test_a_whole_old_copy_is_shown_as_it_was(self):
        """Nobody can tell it from an engine that stopped then (docs/operating.md warns of it); it must at least be itself."""
        engine, _ = self.copy_of(self.old)
        engine.start()
        ids, found = documents(engine.client)
        self.assertLess(set(ids), set(self.ids))
        self.assertEqual(found, {path: self.documents[path] for path in found})
        self.assertEqual(engine.stop(), 0)
