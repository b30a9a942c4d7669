"""What the API answers: shapes, waiting, events, receipts, reports, lists, tools (docs/api.md)."""
import hashlib
import http.client
import json
import time
import unittest

import harness
from canonical_json import canonical
from harness import in_parallel, quoted, wait_until
from tool_documents import ALL, KEY, LOOKUP, NONE, READ, changed, make

TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
CHAIN = [make("first"), {**make("second"), "input": {"name": {"$text": "after-${/actions/first/record_id}"}}},
         {"id": "look", "tool": "things.get", "input": {"id": {"$from": "/actions/second/record_id"}}}]


def digest(value):
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


class Feed:
    """Server-sent events of a workflow, as they come."""

    def __init__(self, client, id, last=None, query=""):
        self.connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=harness.PATIENCE)
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(last)} if last is not None else {})}
        self.connection.request("GET", f"/v1/workflows/{id}/events{query}", headers=headers)
        self.response = self.connection.getresponse()

    def next(self):
        """The next event as {"id", "event", "data"}; None at the end."""
        event = {}
        while True:
            line = self.response.readline().decode()
            if line == "":
                return None
            if line == "\n" and "data" in event:
                return event
            name, _, value = line.rstrip("\n").partition(": ")
            if name in ("id", "event", "data"):
                event[name] = value

    def all(self):
        return list(iter(self.next, None))

    def close(self):
        self.connection.close()


class Shapes(harness.SharedEngineTest):
    tools = ALL

    def test_a_workflow_is_shown_as_documented(self):
        plan = {"name": "a-plan", "labels": {"team": "plan", "of": "plan"}, "actions": CHAIN}
        made = self.client.submit(plan, id="shown", labels={"team": "sales"})
        self.assertEqual(made.status, 201)
        document = self.client.end_of("shown")
        self.assertEqual(set(document), {"id", "namespace", "name", "status", "outcome", "attention", "labels",
                                         "plan_digest", "created_at",
                                         "ended_at", "deadline_at", "retries", "version", "parent", "actions"})
        self.assertEqual((document["id"], document["namespace"], document["name"]), ("shown", "default", "a-plan"))
        self.assertEqual((document["status"], document["outcome"], document["attention"]), ("ended", "verified", False))
        self.assertEqual(document["labels"], {"team": "sales", "of": "plan"})
        self.assertEqual(document["plan_digest"], digest(plan))
        for member in ("created_at", "ended_at"):
            self.assertRegex(document[member], TIME)
        self.assertEqual([action["id"] for action in document["actions"]], ["first", "second", "look"], "in plan order")
        self.assertEqual([action["after"] for action in document["actions"]], [[], ["first"], ["second"]])
        versions = {tool["name"]: tool["version"] for tool in self.client.get("/v1/tools").json["tools"]}
        for action in document["actions"]:
            self.assertEqual(set(action), {"id", "tool", "after", "state", "phase", "attempts", "record_id",
                                           "confidence", "effect", "receipt",
                                           "since", "next_at", "waits_for", "error", "operator", "started_at",
                                           "executed_at", "verified_at"})
            self.assertEqual((action["state"], action["phase"], action["attempts"], action["error"], action["next_at"]),
                             ("verified", None, 1, None, None))
            self.assertEqual(action["tool"]["version"], versions[action["tool"]["name"]])
            self.assertLessEqual(action["started_at"], action["executed_at"])
            self.assertLessEqual(action["executed_at"], action["verified_at"])
        first, second, look = document["actions"]
        self.assertEqual([action["confidence"] for action in document["actions"]],
                         ["read_back", "read_back", "response"])
        self.assertEqual([action["effect"] for action in document["actions"]], ["complete", "complete", "none"])
        self.assertEqual(look["record_id"], second["record_id"])
        self.assertEqual(self.world.things[second["record_id"]]["name"], f"after-{first['record_id']}")

    def test_an_outcome_is_that_of_the_weakest_action(self):
        id = self.client.start(make("thing"), make("order", NONE))
        document = self.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][1]["state"]), ("executed", "executed"))
        self.assertEqual(document["actions"][1]["confidence"], "acknowledged")
        self.world.fault("POST", "/orders", "status_before", status=400)
        id = self.client.start(make("thing"), make("order", NONE), make("later", after=["order"]))
        document = self.client.end_of(id)
        self.assertEqual(document["outcome"], "failed")
        self.assertEqual([action["state"] for action in document["actions"]], ["verified", "failed", "cancelled"])
        self.assertEqual((document["actions"][1]["phase"], document["actions"][1]["effect"]), ("http_400", "none"))

    def test_with_wait_the_answer_comes_at_the_end_or_when_the_time_is_over(self):
        gate = self.world.fault("POST", "/things", "gate_before")
        id = self.client.start(make())
        gate.wait_reached()
        begun = time.monotonic()
        answer = self.client.get(f"/v1/workflows/{id}?wait=300ms")
        self.assertEqual((answer.status, answer.json["status"]), (200, "running"), "200 with the document as it is")
        self.assertGreaterEqual(time.monotonic() - begun, 0.29)

        def wait_or_open(index):
            if index == 0:
                return self.client.get(f"/v1/workflows/{id}?wait=60s")
            gate.open()
            return None
        answer = in_parallel(2, wait_or_open)[0]
        self.assertEqual((answer.json["status"], answer.json["outcome"]), ("ended", "verified"))
        self.assertLess(time.monotonic() - begun, 20 * harness.SLOWNESS)
        self.assertEqual(self.client.get(f"/v1/workflows/{id}?wait=60s").json, answer.json,
                         "an ended one is answered at once")

    def test_until_attention_answers_when_a_person_is_needed(self):
        self.world.fault("POST", "/orders", "drop_after")
        id = self.client.start(make("order", NONE))
        answer = self.client.get(f"/v1/workflows/{id}?wait=60s&until=attention")
        self.assertEqual((answer.json["status"], answer.json["attention"]), ("running", True))
        self.assertEqual((answer.json["actions"][0]["phase"], answer.json["actions"][0]["effect"]),
                         ("in_doubt", "unknown"))

    def test_a_known_version_is_answered_with_304(self):
        id = self.client.start(make())
        self.client.end_of(id)
        answer = self.client.get(f"/v1/workflows/{id}")
        again = self.client.get(f"/v1/workflows/{id}", If_None_Match=answer.headers["ETag"])
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", answer.headers["ETag"]))
        self.assertEqual(self.client.get(f"/v1/workflows/{id}", If_None_Match='"0"').status, 200)

    def test_head_is_answered_like_get_without_a_body(self):
        answer = self.client.send("HEAD", "/v1/tools")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(int(answer.headers["Content-Length"]), len(self.client.get("/v1/tools").body))

    def test_tools_are_listed_and_shown_with_the_version_of_their_canonical_form(self):
        listed = {tool["name"]: tool for tool in self.client.get("/v1/tools").json["tools"]}
        self.assertEqual(list(listed), sorted(listed))
        own = {name for name, tool in listed.items() if tool.pop("builtin")}
        self.assertEqual(own, {"flow.approve", "flow.assert", "flow.emit", "flow.run_plan", "flow.sleep", "flow.wait_signal"})
        self.assertEqual(set(listed) - own - {"things.look"}, {tool["name"] for tool in ALL})
        for tool in ALL:
            self.assertEqual(listed[tool["name"]], {"name": tool["name"], "version": digest(tool), "risk": tool["risk"],
                                                    "description": tool["description"], "deprecated": False,
                                                    "deprecation": None})
            self.assertEqual(self.client.get(f"/v1/tools/{tool['name']}").json,
                             {"name": tool["name"], "version": digest(tool), "document": tool})

    def test_a_tool_is_put_once_for_each_version(self):
        tool = changed(READ, name="things.look")
        answer = self.client.send("PUT", "/v1/tools/things.look", tool)
        self.assertEqual((answer.status, answer.json, answer.headers["Location"]),
                         (201, {"name": "things.look", "version": digest(tool)}, "/v1/tools/things.look"))
        self.assertEqual(self.client.send("PUT", "/v1/tools/things.look", tool).status, 200)
        other = changed(tool, description="Looks.")
        self.assertEqual(self.client.send("PUT", "/v1/tools/things.look", other).status, 201)
        self.assertEqual(self.client.get("/v1/tools/things.look").json["version"], digest(other))
        self.assertEqual(self.client.send("PUT", "/v1/tools/things.look", tool).status, 200,
                         "known, and the latest again")
        self.assertEqual(self.client.get("/v1/tools/things.look").json["version"], digest(tool))


class History(harness.SharedEngineTest):
    tools = ALL

    def test_events_come_without_gaps_in_pages(self):
        id = self.client.start(*CHAIN)
        self.client.end_of(id)
        events, after = [], 0
        while True:
            page = self.client.get(f"/v1/workflows/{id}/events?after={after}&limit=3").json
            self.assertEqual(set(page), {"events", "next_after"})
            if not page["events"]:
                self.assertEqual(page["next_after"], after)
                break
            self.assertLessEqual(len(page["events"]), 3)
            events, after = events + page["events"], page["next_after"]
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events, self.client.events(id))
        self.assertEqual((events[0]["type"], events[-1]["type"]), ("workflow.submitted", "workflow.ended"))
        of_first = [event["type"] for event in events if event["action"] == "first"]
        self.assertEqual(of_first, ["action.started", "action.executed", "action.verified"])
        for event in events:
            self.assertEqual(set(event), {"seq", "type", "at", "action", "data"})
            self.assertRegex(event["at"], TIME)

    def test_a_live_feed_gives_each_event_once_and_ends_with_the_workflow(self):
        gate = self.world.fault("POST", "/things", "gate_before")
        id = self.client.start(*CHAIN)
        feed = Feed(self.client, id)
        self.addCleanup(feed.close)
        self.assertEqual((feed.response.status, feed.response.headers["Content-Type"]), (200, "text/event-stream"))
        seen = [feed.next(), feed.next()]
        self.assertEqual([event["event"] for event in seen], ["workflow.submitted", "action.started"])
        gate.open()
        seen += feed.all()
        self.assertEqual([json.loads(event["data"]) for event in seen], self.client.events(id))
        for event in seen:
            data = json.loads(event["data"])
            self.assertEqual((event["id"], event["event"]), (str(data["seq"]), data["type"]))

    def test_a_feed_resumes_behind_the_last_event_that_was_seen(self):
        id = self.client.start(*CHAIN)
        self.client.end_of(id)
        total = len(self.client.events(id))
        for last in (0, 1, 3, total - 1):
            feed = Feed(self.client, id, last)
            self.assertEqual([int(event["id"]) for event in feed.all()], list(range(last + 1, total + 1)))
            feed.close()
        feed = Feed(self.client, id, last=2, query="?after=5")
        self.assertEqual(feed.next()["id"], "3", "Last-Event-ID is the later word")
        feed.close()

    def test_many_feeds_of_one_workflow_see_the_same(self):
        gate = self.world.fault("POST", "/things", "gate_before")
        id = self.client.start(*CHAIN)
        feeds = [Feed(self.client, id) for _ in range(20)]
        feeds.pop().close()  # one leaves early
        gate.open()
        seen = [[event["data"] for event in feed.all()] for feed in feeds]
        self.assertEqual(len({tuple(each) for each in seen}), 1)
        self.assertEqual(len(seen[0]), len(self.client.events(id)))


class Receipts(harness.SharedEngineTest):
    tools = ALL

    def test_receipts_are_canonical_bytes_with_gapless_numbers_and_the_states_of_their_actions(self):
        before = len(self.world.calls)
        plan_input = {"text": "Grüße, 𝄞 \u007f \"quoted\" \\ \n\t\u0001 €", "number": -7}
        first = {"id": "first", "tool": KEY["name"], "input": {"name": {"$from": "/input/text"},
                                                               "size": 9007199254740991}}
        id = self.client.start(first, make("order", NONE), *CHAIN[1:], input=plan_input)
        document = self.client.end_of(id)
        body = self.client.get(f"/v1/workflows/{id}/receipts").body.decode()
        receipts = json.loads(body)["receipts"]
        self.assertEqual(body, '{"receipts":[' + ",".join(canonical(receipt) for receipt in receipts) + "]}")
        self.assertEqual([receipt["receipt"] for receipt in receipts], [f"rcp_{id}.{number}" for number in range(1,
            len(receipts) + 1)])
        for receipt in receipts:
            one = self.client.get(f"/v1/receipts/{receipt['receipt']}")
            self.assertEqual(one.body.decode(), canonical(receipt))
            self.assertEqual((receipt["workflow"], receipt["namespace"]), (id, "default"))
            self.assertEqual(receipt["input_digest"], digest(receipt["input"]))
        latest = {receipt["action"]: receipt for receipt in receipts}
        for action in document["actions"]:
            receipt = latest[action["id"]]
            for member in ("state", "phase", "record_id", "confidence", "effect", "tool", "receipt", "executed_at",
                           "verified_at", "started_at"):
                self.assertEqual(receipt[member], action[member], member)
            self.assertEqual(receipt["attempt"], action["attempts"])
        keys = [receipt["idempotency_key"] for receipt in latest.values()]
        self.assertEqual(len(set(keys)), len(keys))
        sent = {call.key for call in self.world.calls[before:] if call.key}
        self.assertEqual(sent, {latest["first"]["idempotency_key"], latest["second"]["idempotency_key"]},
                         "the key of the receipt was sent")

    def test_a_receipt_holds_the_checks_that_prove_it(self):
        id = self.client.start(make("thing"))
        self.client.end_of(id)
        receipts = self.client.receipts(id)
        last = receipts[-1]
        self.assertEqual(last["verification"]["method"], "read_back")
        self.assertEqual(last["verification"]["checks"], [{"at": "/name", "operator": "equals",
                                                           "expected": "name-of-thing",
                                                           "actual": "name-of-thing", "ok": True}])
        self.assertRegex(last["verification"]["observed_at"], TIME)
        self.assertEqual((last["status_code"], last["ids"], last["errors"], last["next_state"]),
                         (201, [last["record_id"]], [], "end"))
        self.assertEqual(last["result"]["summary"]["id"], last["record_id"])
        self.assertEqual(last["result"]["digest"], digest(last["result"]["summary"]))
        self.assertEqual(last["idempotency"], {"mode": "key", "window": "24h"})
        if len(receipts) == 2:
            self.assertEqual((receipts[0]["state"], last["supersedes"]), ("executed", receipts[0]["receipt"]))

    def test_a_report_says_what_its_receipts_prove_and_no_more(self):
        self.world.fault("POST", "/things", "status_before", status=409)
        id = self.client.start(make("order", NONE), make("refused"), on_failure="continue")
        self.client.end_of(id)
        other = self.client.start(make("thing"), {"id": "look", "tool": "things.get",
                                                  "input": {"id": {"$from": "/actions/thing/record_id"}}})
        self.client.end_of(other)
        report, other_report = (self.client.get(f"/v1/workflows/{each}/report").json for each in (id, other))
        self.assertEqual(set(report), {"workflow", "name", "outcome", "attention", "text", "actions"})
        sentences = {action["action"]: action["sentence"] for each in (report,
                                                                       other_report) for action in each["actions"]}
        self.assertIn("The tool says it was done", sentences["order"])
        self.assertIn("the shop shows no orders", sentences["order"])
        self.assertIn("Failed", sentences["refused"])
        self.assertIn("http_409", sentences["refused"])
        self.assertIn("nothing was changed", sentences["refused"])
        self.assertIn("Was done", sentences["thing"])
        self.assertIn("Was read", sentences["look"])
        for each in (report, other_report):
            for action in each["actions"]:
                self.assertIn(action["sentence"], each["text"])
                self.assertIn(action["receipt"], each["text"])

    def test_a_workflow_that_runs_reports_that_nothing_is_known_yet(self):
        gate = self.world.fault("POST", "/things", "gate_before")
        id = self.client.start(make("thing"))
        gate.wait_reached()
        report = self.client.get(f"/v1/workflows/{id}/report").json
        self.assertEqual((report["outcome"], report["actions"][0]["receipt"]), (None, None))
        self.assertIn("still running", report["text"])
        self.assertEqual(self.client.receipts(id), [])
        gate.open()
        self.client.end_of(id)


class Lists(harness.SharedEngineTest):
    tools = ALL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.client
        cls.ids = []
        for number in range(12):
            tool = NONE if number % 3 == 0 else KEY
            if number % 4 == 3:
                cls.world.fault("POST", "/", "status_before", status=400)
            plan = {"name": f"plan-{number % 2}", "actions": [make("a", tool)]}
            client.submit(plan, id=f"w-{number:02}", labels={"third": str(number % 3),
                                                             "empty": ""} if number % 2 else {})
            client.end_of(f"w-{number:02}")
            cls.ids.insert(0, f"w-{number:02}")
        cls.world.fault("POST", "/orders", "drop_after")
        client.submit({"name": "doubtful", "actions": [make("a", NONE)]}, id="doubtful")
        client.end_of("doubtful", until_attention=True)
        cls.ids.insert(0, "doubtful")

    def listed(self, query=""):
        return [workflow["id"] for workflow in self.client.get(f"/v1/workflows?{query}").json["workflows"]]

    def test_workflows_are_listed_newest_first(self):
        self.assertEqual(self.listed(), self.ids)
        page = self.client.get("/v1/workflows").json
        self.assertIsNone(page["next_cursor"])
        for summary in page["workflows"]:
            whole = self.client.workflow(summary["id"])
            self.assertEqual(summary, {name: whole[name] for name in ("id", "name", "status", "outcome", "attention",
                                                                      "labels", "created_at", "ended_at")})

    def test_filters_give_what_they_say_and_combine(self):
        everything = self.client.get("/v1/workflows").json["workflows"]
        for query, fits in (("status=ended", lambda w: w["status"] == "ended"),
                            ("status=running", lambda w: w["status"] == "running"),
                            ("outcome=executed", lambda w: w["outcome"] == "executed"), ("outcome=failed",
                                lambda w: w["outcome"] == "failed"),
                            ("outcome=cancelled", lambda w: False), ("attention=true", lambda w: w["attention"]),
                            ("attention=false", lambda w: not w["attention"]), ("name=plan-1",
                                                                                lambda w: w["name"] == "plan-1"),
                            ("name=nothing", lambda w: False), ("label=third:1",
                                                                lambda w: w["labels"].get("third") == "1"),
                            ("label=empty:", lambda w: w["labels"].get("empty") == ""),
                            ("label=third:1&outcome=verified&name=plan-1",
                             lambda w: w["labels"].get("third") == "1" and w["outcome"] == "verified")):
            with self.subTest(query):
                self.assertEqual(self.listed(query), [workflow["id"] for workflow in everything if fits(workflow)])
        self.assertTrue(self.listed("outcome=failed") and self.listed("label=third:1") and self.listed("attention=true"))

    def test_a_time_range_is_half_open(self):
        everything = self.client.get("/v1/workflows").json["workflows"]
        for chosen in (everything[0], everything[5], everything[-1]):
            at = quoted(chosen["created_at"])
            later = [workflow["id"] for workflow in everything if workflow["created_at"] > chosen["created_at"]]
            earlier = [workflow["id"] for workflow in everything if workflow["created_at"] < chosen["created_at"]]
            self.assertEqual(self.listed(f"created_after={at}"), later)
            self.assertEqual(self.listed(f"created_before={at}"), earlier)
        self.assertEqual(self.listed(f"created_before={quoted('2000-01-01T00:00:00+02:00')}"), [])

    def test_pages_cover_everything_once_whatever_their_size(self):
        for limit in (1, 2, 5, 13, 1000):
            seen, cursor = [], ""
            while cursor is not None:
                page = self.client.get(f"/v1/workflows?limit={limit}" + (f"&cursor={quoted(cursor)}" if cursor else "")).json
                self.assertLessEqual(len(page["workflows"]), limit)
                seen, cursor = seen + [workflow["id"] for workflow in page["workflows"]], page["next_cursor"]
            self.assertEqual(seen, self.ids)

    def test_a_page_goes_on_where_it_ended_though_new_workflows_came(self):
        first = self.client.get("/v1/workflows?limit=4").json
        new = self.client.start(make("new"))
        self.client.end_of(new)
        rest = self.listed(f"limit=1000&cursor={quoted(first['next_cursor'])}")
        self.assertEqual([workflow["id"] for workflow in first["workflows"]] + rest, self.ids)
        type(self).ids.insert(0, new)

    def test_filters_and_cursors_combine(self):
        whole = self.listed("outcome=verified&limit=1000")
        first = self.client.get("/v1/workflows?outcome=verified&limit=2").json
        rest = self.listed(f"outcome=verified&limit=1000&cursor={quoted(first['next_cursor'])}")
        self.assertEqual([workflow["id"] for workflow in first["workflows"]] + rest, whole)


class AfterARestart(harness.EngineTest):
    def test_everything_is_shown_as_before(self):
        engine = self.engine(*ALL)
        ids = [engine.client.start(*CHAIN), engine.client.start(make("order", NONE)),
               engine.client.start(make("found", LOOKUP))]
        for id in ids:
            engine.client.end_of(id)

        def shown():
            paths = [f"/v1/workflows/{id}{part}" for id in ids for part in ("", "/events", "/receipts", "/report")]
            return [engine.client.get(path).body for path in [*paths, "/v1/workflows", "/v1/tools"]]
        before = shown()
        engine.kill9()
        engine.start()
        self.assertEqual(shown(), before)
        self.assertEqual(engine.stop(), 0)
        engine.start()
        self.assertEqual(shown(), before)

    def test_a_feed_goes_on_behind_the_last_event_after_a_restart(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(*CHAIN)
        feed = Feed(engine.client, id)
        last = [feed.next(), feed.next()][-1]
        gate.wait_reached()
        engine.kill9()
        feed.close()
        gate.open()
        engine.start()
        feed = Feed(engine.client, id, last["id"])
        seqs = [int(event["id"]) for event in feed.all()]
        feed.close()
        self.assertEqual(seqs, list(range(int(last["id"]) + 1, int(last["id"]) + 1 + len(seqs))))
        self.assertIn("workflow.resumed", [event["type"] for event in engine.client.events(id)])
        wait_until(lambda: engine.client.workflow(id)["outcome"] == "verified", "it is verified")


if __name__ == "__main__":
    unittest.main()
