"""The published JSON Schemas of plans and tools, with a validator that we did not write (python3-jsonschema): every
document that this repository shows is valid, what the engine accepts is valid, and broken documents are not."""
import copy
import json
import os
import pathlib
import re
import unittest
import warnings

import harness
from harness import ROOT
from tool_documents import ALL, KEY, LOOKUP, NATURAL, NONE, NONE_WITH_LOOK, READ, changed, make

try:
    from jsonschema import Draft202012Validator
except ImportError:  # scripts/packages.txt names it
    Draft202012Validator = None

PLAN = {"name": "p", "input": {"who": "x"}, "labels": {"a": "b"}, "on_failure": "continue", "actions": [
    make("a", retry={"maximum_attempts": 1, "initial_interval": "1s"}, start_to_close_timeout="1s"),
    {"id": "b", "tool": KEY["name"], "after": ["a"], "schedule_to_close_timeout": "1m",
     "input": {"name": {"$from": "/input/who"}, "note": {"$text": "of ${/actions/a/record_id}"}}},
    {"id": "c", "tool": READ["name"], "input": {"id": {"$from": "/actions/a/output/id"}}}]}
ACTION = PLAN["actions"][0]
CALL = {"tool": KEY["name"], "input": {"name": "y"}}
JUNK = (None, True, 7, -1, "", "x", "$", [], ["x"], {}, {"x": 1}, {"$from": "/input"}, {"$text": "${/input/name}"})

# What the contract has and this version may refuse as not offered: the schemas have it already.
FUTURE_PLANS = {
    "conditions": {**PLAN, "actions": [{**ACTION, "when": {"all": [
        {"equals": [{"$from": "/input/who"}, "x"]}, {"not": {"exists": {"$from": "/input/none"}}},
        {"any": [{"less": [{"$from": "/input/n"}, 3]}, {"in": ["x", ["x", "y"]]}, {"count": [[1], 1]}]}]}}]},
    "elements": {**PLAN, "actions": [{**ACTION, "for_each": {"$from": "/input/list"}, "max_parallel": 3, "on_element_failure": "stop"}]},
    "fallback": {**PLAN, "actions": [{**ACTION, "fallback": {**CALL, "compensate": CALL}, "fallback_when": "any_failure", "compensate": CALL}]},
    "deadline": {**PLAN, "deadline": "1h", "on_failure": "compensate"},
    "approval": {**PLAN, "actions": [{**ACTION, "approval": {"approvers": 2, "expires": "24h"}}]},
    "flow": {**PLAN, "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1s"}}]},
    "hint": {"$schema": "http://127.0.0.1:8700/v1/schemas/plan", **PLAN},
}
LOOK = KEY["verify"]["read"]
FUTURE_TOOLS = {
    "of the contract": changed(KEY, rate_limit={"per_second": 20, "concurrency": 8}, not_processed=[], approval={
        "when": {"equals": [{"$from": "/input/tier"}, "pro"]}, "approvers": 1, "expires": "24h"}),
    "difference": changed(KEY, verify={"read": LOOK, "before": LOOK, "expect": [{"at": "/size", "increased_by": {"$from": "/input/size"}}]}),
    "asynchronous": changed(KEY, verify={"read": LOOK, "expect": [{"at": "/state", "equals": "done"}], "unique": "/things",
                                         "next": "/next", "recheck": {"after": "1d", "times": 3},
                                         "pending": [{"at": "/state", "in": ["new", "busy"]}], "callback": {}}),
    "several looks": changed(KEY, verify={"reads": [
        {"name": name, "read": {**LOOK, "output_schema": {"type": "object"}}, "expect": [{"at": "/id", "exists": True}]}
        for name in ("one", "two")], "read_unseen": {"read": LOOK, "expect": [{"at": "/name", "exists": True}]}}),
    "unseen": changed(KEY, verify={**KEY["verify"], "read_unseen": {**LOOK, "url": {"$text": "${world}/things/${/input/name}"}}}),
    "another connector": changed(KEY, execute={"connector": "smtp", "to": {"$from": "/input/name"}}),
    "destructive": changed(KEY, risk="destructive"),
    "deprecated": changed(KEY, deprecated=True, deprecation="use things.put"),
    "hint": {"$schema": "http://127.0.0.1:8700/v1/schemas/tool", **KEY},
}

def action(**members):
    return {"name": "p", "actions": [changed(ACTION, **members)]}


BROKEN_PLANS = {
    "no name": {"actions": [ACTION]}, "no actions": {"name": "p"}, "an empty list": {"name": "p", "actions": []},
    "a list": [], "an unknown member": {**PLAN, "action": []}, "a name with a space": {**PLAN, "name": "a b"},
    "a label that is no text": {**PLAN, "labels": {"a": 1}}, "a wrong rule": {**PLAN, "on_failure": "ignore"},
    "an action without a tool": {"name": "p", "actions": [{"id": "a"}]}, "an action that is a text": {"name": "p", "actions": ["a"]},
    "an unknown member of an action": action(inputs={}), "a dot in front": action(id=".a"), "after that is a text": action(after="b"),
    "a time that is a number": action(start_to_close_timeout=5), "no time at all": action(start_to_close_timeout="0s"),
    "a unit in words": action(schedule_to_close_timeout="5 minutes"), "no attempt": action(retry={"maximum_attempts": 0}),
    "half an attempt": action(retry={"maximum_attempts": 1.5}), "an unknown policy": action(retry={"attempts": 1}),
    "a reference with a neighbour": action(input={"name": {"$from": "/input/who", "x": 1}}),
    "a reference that is no pointer": action(input={"name": {"$from": "input/who"}}),
    "an unknown reference": action(input={"name": {"$form": "/input/who"}}),
    "an open reference": action(input={"name": {"$text": "${/input/who"}}),
    "a configured value": action(input={"name": {"$text": "${secret}"}}), "an input that is a list": action(input=[]),
    "a reference deep inside": action(input={"name": "x", "note": [{"deep": {"$text": 1}}]}),
    "two operators": action(when={"equals": [1, 1], "less": [1, 2]}), "one side": action(when={"equals": [1]}),
    "an unknown operator": action(when={"equal": [1, 1]}), "max_parallel alone": action(max_parallel=2),
    "fallback_when alone": action(fallback_when="any_failure"), "a fallback with an id": action(fallback={**CALL, "id": "x"}),
    "a fallback of a fallback": action(fallback={**CALL, "fallback": CALL}), "an undoing that is undone": action(compensate={**CALL, "compensate": CALL}),
}


def key(**members):
    return changed(KEY, **members)


BROKEN_TOOLS = {
    "a list": [], "nothing": {}, "an unknown member": key(outputs={}), "a reserved name": key(name="flow.x"),
    "an unknown risk": key(risk="low"), "no risk": key(risk=None), "no input_schema": key(input_schema=None),
    "an open input": key(input_schema={"type": "object"}), "an input that is a list": key(input_schema={"type": "array", "additionalProperties": False}),
    "an unknown keyword": key(output_schema={"typ": "object"}), "an unknown type": key(output_schema={"type": "text"}),
    "required as text": key(output_schema={"required": "id"}), "no execute": key(execute=None),
    "an unknown connector": key(execute={**KEY["execute"], "connector": "htpp"}),
    "an unknown method": key(execute={**KEY["execute"], "method": "FETCH"}), "no URL": key(execute={"connector": "http", "method": "POST"}),
    "an URL from a document": key(execute={**KEY["execute"], "url": {"$from": "/input/name"}}),
    "a host from a document": key(execute={**KEY["execute"], "url": {"$text": "http://${/input/name}/"}}),
    "an URL with a password": key(execute={**KEY["execute"], "url": "http://a:b@host/"}), "a relative URL": key(execute={**KEY["execute"], "url": "/x"}),
    "our header": key(execute={**KEY["execute"], "headers": {"Content-type": "text/plain"}}),
    "a header that is a number": key(execute={**KEY["execute"], "headers": {"X": 1}}),
    "a header that is no token": key(execute={**KEY["execute"], "headers": {"X Y": "1"}}),
    "an unknown member of a call": key(execute={**KEY["execute"], "timeout": "1s"}), "a write by GET": key(execute=LOOK),
    "a write declared safe": key(execute={**KEY["execute"], "safe": True}), "a body with GET": changed(READ, execute={**READ["execute"], "body": {}}),
    "no idempotency": key(idempotency=None), "an unknown mode": key(idempotency={"mode": "maybe"}), "a key without window": key(idempotency={"mode": "key"}),
    "natural with a window": changed(NATURAL, idempotency={"mode": "natural", "window": "1h"}), "natural without a read-back": changed(NATURAL, verify="none", reason="x"),
    "a look-up without quiet": changed(LOOKUP, idempotency={**LOOKUP["idempotency"], "quiet": None}),
    "a look-up that writes": changed(LOOKUP, idempotency={"mode": "lookup", "quiet": "1s", "lookup": {"read": KEY["execute"], "records": "/x"}}),
    "a read with idempotency": changed(READ, idempotency={"mode": "none"}), "a read that nothing verifies": changed(READ, verify="none", reason="x"),
    "no verify": key(verify=None), "a write verified by its answer": key(verify="response"), "none without a reason": changed(NONE, reason=None),
    "a reason for nothing": key(reason="x"), "a read-back that writes": key(verify={**KEY["verify"], "read": KEY["execute"]}),
    "no expectation": key(verify={"read": LOOK}), "an empty expectation": key(verify={**KEY["verify"], "expect": []}),
    "a check without a place": key(success=[{"equals": 1}]), "two operators": key(success=[{"at": "/a", "equals": 1, "less": 2}]),
    "an unknown operator": key(success=[{"at": "/a", "equal": 1}]), "all with a place": key(success=[{"at": "/a", "all": [{"at": "", "exists": True}]}]),
    "exists as text": key(success=[{"at": "/a", "exists": "yes"}]), "count below 0": key(success=[{"at": "/a", "count": -1}]),
    "a place that is no pointer": key(record_id="id"), "a coefficient below 1": key(retry={"backoff_coefficient": 0.5}),
    "a time without a unit": key(start_to_close_timeout="10"), "a rule without a limit": key(rate_limit={}),
    "a rate of nothing": key(rate_limit={"per_second": 0}), "half a call": key(rate_limit={"concurrency": 1.5}),
    "an error that says nothing was done": key(not_processed=[500]), "a status twice": key(not_processed=[429, 429]), "an approval of words": key(approval="please"),
}


def documents_of_the_repository():
    """(where, kind, document) of every plan and tool that the repository shows, and of the retail set beside the suites."""
    for kind in ("plan", "tool"):
        for path in sorted((ROOT / "examples").rglob(f"{kind}s/*.json")):
            yield str(path), kind, json.loads(path.read_text())
    for path in sorted((ROOT / "bench/load/tools").glob("*.json")):
        yield str(path), "tool", json.loads(path.read_text())
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```json\n(.*?)```", path.read_text(), re.DOTALL):
            try:
                document = json.loads(block)
            except ValueError:  # an excerpt
                continue
            if isinstance(document, dict) and "input_schema" in document:
                yield str(path), "tool", document
            elif isinstance(document, dict) and "actions" in document and "status" not in document:
                yield str(path), "plan", document
    for tool in ALL:
        yield "tool_documents.py", "tool", tool
    suites = os.environ.get("SETTLE_SUITES")
    retail = pathlib.Path(suites).parent / "retail" if suites else None
    if retail is None or not retail.is_dir():
        print("SKIPPED: the retail plans and tools are not at hand (SETTLE_SUITES)")
        return
    for folder, kind in (("tools", "tool"), ("plans", "plan")):
        for path in sorted((retail / folder).glob("*.json")):
            yield str(path), kind, json.loads(path.read_text())


def mutations(document):
    """The document with one place of it taken out, replaced by junk, or given an unknown neighbour; one copy at a time."""
    def places(value, path):
        yield path
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for step, inner in steps:
            yield from places(inner, [*path, step])

    for path in list(places(document, [])):
        for junk in (*JUNK, "take out", "neighbour"):
            out = copy.deepcopy(document)
            parent = out
            for step in path[:-1]:
                parent = parent[step]
            if junk == "neighbour":
                target = parent[path[-1]] if path else out
                if not isinstance(target, dict):
                    continue
                target["unknown_member"] = 1
            elif not path:
                continue
            elif junk == "take out":
                del parent[path[-1]]
            else:
                parent[path[-1]] = junk
            yield f"{'/'.join(map(str, path))} {junk!r}", out


@unittest.skipIf(Draft202012Validator is None, "SKIPPED: python3-jsonschema is not installed for this Python")
class Schemas(harness.SharedEngineTest):
    tools = ALL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        warnings.simplefilter("ignore", DeprecationWarning)
        cls.schemas = {kind: json.loads((ROOT / f"docs/schemas/{kind}.schema.json").read_text()) for kind in ("plan", "tool")}
        cls.validators = {kind: Draft202012Validator(schema) for kind, schema in cls.schemas.items()}

    def refusals(self, kind, document):
        return [f"/{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in self.validators[kind].iter_errors(document)]

    def accepted_by_the_engine(self, kind, document):
        if kind == "plan":
            answer = self.client.send("POST", "/v1/plans:check", {"plan": document})
        else:
            name = document.get("name") if isinstance(document, dict) else None
            place = name if isinstance(name, str) and re.fullmatch(r"[\w~-][\w.~-]*", name) else "things.make"
            answer = self.client.send("PUT", f"/v1/tools/{place}", document)
        self.assertIn(answer.status, (200, 201, 400, 422), answer)
        return answer.status < 300

    def test_the_engine_serves_the_files_of_the_repository(self):
        for kind in self.schemas:
            answer = self.client.get(f"/v1/schemas/{kind}")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"].partition(";")[0], "application/schema+json")
            self.assertEqual(answer.body.decode(), (ROOT / f"docs/schemas/{kind}.schema.json").read_text())

    def test_the_schemas_are_schemas_with_an_id_and_a_word_on_every_member(self):
        for kind, schema in self.schemas.items():
            Draft202012Validator.check_schema(schema)
            self.assertEqual(schema["$id"], f"urn:settle:schema:{kind}")
            self.assertEqual(schema["$schema"], Draft202012Validator.META_SCHEMA["$id"])
            used = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
            self.assertEqual(used, set(schema["$defs"]))
            for name, member in schema["properties"].items():
                described = member.get("description") or schema["$defs"][member["$ref"].rpartition("/")[2]].get("description")
                self.assertTrue(described, name)

    def test_every_document_that_the_repository_shows_is_valid(self):
        count = {"plan": 0, "tool": 0}
        for where, kind, document in documents_of_the_repository():
            with self.subTest(where):
                self.assertEqual(self.refusals(kind, document), [])
            count[kind] += 1
        self.assertGreaterEqual(count["plan"], 2)
        self.assertGreaterEqual(count["tool"], 12)

    def test_what_the_contract_has_and_this_version_may_not_offer_is_valid(self):
        for kind, documents in (("plan", FUTURE_PLANS), ("tool", FUTURE_TOOLS)):
            for name, document in documents.items():
                with self.subTest(f"{kind}: {name}"):
                    self.assertEqual(self.refusals(kind, document), [])

    def test_broken_documents_are_refused_by_schema_and_engine(self):
        for kind, documents in (("plan", BROKEN_PLANS), ("tool", BROKEN_TOOLS)):
            for name, document in documents.items():
                with self.subTest(f"{kind}: {name}"):
                    self.assertNotEqual(self.refusals(kind, document), [])
                    self.assertFalse(self.accepted_by_the_engine(kind, document))

    def test_a_tool_may_name_its_schema(self):
        self.assertTrue(self.accepted_by_the_engine("tool", {**FUTURE_TOOLS["hint"], "name": "things.hinted"}))

    def test_what_the_engine_accepts_is_valid_and_most_of_what_it_refuses_is_not(self):
        self.assertTrue(self.accepted_by_the_engine("plan", PLAN))
        documents = [("plan", PLAN), *(("tool", tool) for tool in (KEY, LOOKUP, NONE, NONE_WITH_LOOK, READ))]
        refused = seen = 0
        for kind, document in documents:
            for what, mutant in mutations(document):
                refusals = self.refusals(kind, mutant)
                if self.accepted_by_the_engine(kind, mutant):
                    with self.subTest(f"{document['name']}: {what}"):
                        self.assertEqual(refusals, [])
                else:
                    refused += 1
                    seen += refusals != []
        print(f"the schemas see {seen} of {refused} refusals of the engine")
        # The rest is what no schema can know: references, types of tools' inputs, what this version does not offer.
        self.assertGreater(seen / refused, 0.9)


if __name__ == "__main__":
    unittest.main()
