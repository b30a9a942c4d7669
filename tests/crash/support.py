"""What the crash tests share: a sandbox and engines on it, stores full of finished and parked work, and all that a store says."""
import json
import pathlib
import shutil
import tempfile
import unittest

from harness import ROOT, Engine, in_parallel, wait_until
from judge import is_settled
from plans import make_plan
from sandbox import Sandbox

# Exit codes with which `settle serve` may refuse a damaged store (docs/operating.md): damaged, missing, the system refused.
REFUSALS = {11, 12, 13}


def example_tools():
    return [json.loads(file.read_text()) for file in sorted((ROOT / "examples" / "tools").glob("*.json"))]


def say(text):
    print(f"    {text}", flush=True)


class CrashTest(unittest.TestCase):
    """A folder and a sandbox for the tests of the class; they and every process are gone afterwards."""

    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="settle-crash-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.sandbox = Sandbox(cls.folder)
        cls.addClassCleanup(cls.sandbox.close)

    @classmethod
    def new_engine(cls, folder=None):
        """Not started; who asks for it closes it."""
        return Engine(folder or tempfile.mkdtemp(dir=cls.folder), example_tools(), {"sandbox": cls.sandbox.url})

    def engine(self, folder=None):
        made = self.new_engine(folder)
        self.addCleanup(made.close)
        return made

    @classmethod
    def add_contacts(cls, cases):
        """What the cases expect to find; before any fault is armed, which would meet these calls too."""
        for contact in filter(None, (case["contact"] for case in cases)):
            status, _ = cls.sandbox.call("PUT", f"/crm/contacts/{contact['id']}",
                                         {name: contact[name] for name in ("email", "name", "tier")})
            assert status == 201, status


def submit_cases(client, cases):
    """Every one must be taken."""
    for case in cases:
        answer = client.submit(case["plan"], id=case["id"], key=f"key-of-{case['id']}")
        assert answer.status == 201, answer


def settle_all(client, cases):
    """Waits until none of them can go on by itself."""
    for case in cases:
        wait_until(lambda id=case["id"]: is_settled(client.get(f"/v1/workflows/{id}?wait=5s&until=attention").json),
                   f"{case['id']} has settled", 90)


def some_cases(seed, first, count):
    return [make_plan(seed, number) for number in range(first, first + count)]


def listed(client):
    """Ids of all workflows, page by page; or the first answer that is no page."""
    ids, cursor = [], None
    while True:
        answer = client.get("/v1/workflows?limit=100" + (f"&cursor={cursor}" if cursor else ""))
        if answer.status != 200:
            return answer
        ids += [row["id"] for row in answer.json["workflows"]]
        cursor = answer.json["next_cursor"]
        if not cursor:
            return sorted(ids)


def everything(client, ids):
    """{path: answer} of every document, all receipts and all events of these workflows."""
    paths = [f"/v1/workflows/{id}{part}" for id in ids for part in ("", "/receipts", "/events?limit=1000")]
    answers = in_parallel(4, lambda part: {path: client.get(path) for path in paths[part::4]})
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return {path: found[path] for found in answers for path in found}


def documents(client):
    """Everything that a sound store says: the list, and {path: document}."""
    ids = listed(client)
    assert isinstance(ids, list), ids
    answers = everything(client, ids)
    assert all(answer.status == 200 for answer in answers.values()), [a for a in answers.values() if a.status != 200][:1]
    return ids, {path: answer.json for path, answer in answers.items()}
