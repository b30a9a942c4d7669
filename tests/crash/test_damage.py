"""A stopped store is damaged: `settle serve` refuses it, or shows exactly what it showed before. Never silently less."""
import hashlib
import os
import random
import shutil
import unittest
from collections import Counter

import damage
from harness import run_cli, wait_until
from support import REFUSALS, CrashTest, documents, everything, listed, say, some_cases

DAMAGES = int(os.environ.get("SETTLE_DAMAGES", "30"))
SEED = int(os.environ.get("SETTLE_SEED", "4"))


def fingerprint(data):
    """Name and content of every file that matters; the lock and RocksDB's diary do not."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in data.iterdir()
            if path.name != "LOCK" and not path.name.startswith("LOG")}


class DamageTest(CrashTest):
    def setUp(self):
        super().setUp()
        self.old, self.data = self.folder / "old", self.folder / "sound"
        self.make_store()
        self.trials = 0
        engine, data = self.copy_of(self.data)
        engine.start()
        self.ids, self.documents = documents(engine.client)
        self.assertEqual(engine.stop(), 0)

    def make_store(self):
        """Work that ended in every way, some that waits for a person; tables and a log; and a copy made on the way."""
        engine = self.engine().start()
        cases = some_cases(SEED, 0, 20)
        for kind, method, prefix in (("e500_after", "POST", "/tickets"), ("drop_before", "POST", "/mail/messages"),
                                     ("lie", "POST", "/crm/contacts"), ("drop_after", "PUT", "/crm/contacts/")):
            self.sandbox.arm(kind, method, prefix, 2)
        self.submit_cases(engine.client, cases[:8])
        engine.kill9()
        engine.start()
        self.submit_cases(engine.client, cases[8:])
        self.settle_all(engine.client, cases)
        self.assertEqual(engine.stop(), 0)
        damage.copy_store(engine.data, self.old)
        engine.start()
        more = some_cases(SEED, 20, 15)
        self.submit_cases(engine.client, more)
        self.settle_all(engine.client, more)
        self.assertEqual(engine.stop(), 0)
        damage.copy_store(engine.data, self.data)
        self.assertTrue(damage.files(self.data, "*.sst") and damage.files(self.data, "*.log"), "the store has no tables")

    def copy_of(self, source):
        """A stopped engine on a copy of this store."""
        self.trials += 1
        engine = self.engine(self.folder / f"trial-{self.trials}")
        damage.copy_store(source, engine.data)
        return engine, engine.data

    def outcome(self, engine):
        """Starts it: "refused CODE", "same", or "said so" when single answers name the damage. Fails on anything else."""
        before = fingerprint(engine.data)
        engine.launch()
        wait_until(lambda: engine._listening() or engine.process.poll() is not None, "the engine listens or ends")
        if engine.process.poll() is not None:
            return self.check_refusal(engine, before)
        engine.port = int(engine._listening()[1])
        engine.client = type(engine).client_class(engine.port) if hasattr(type(engine), "client_class") else None
        return self.check_answers(engine)

    def check_refusal(self, engine, before):
        code = engine.ended()
        self.assertIn(code, REFUSALS, engine.log())
        self.assertRegex(engine.log(), r"settle serve: .{30,}")
        self.assertEqual(fingerprint(engine.data), before, f"it was refused with {code}, and is not as it was found")
        return f"refused {code}"

    def check_answers(self, engine):
        raise NotImplementedError


if __name__ == "__main__":
    unittest.main()
