"""What a person decides: pause, resume, retry and resolve, for one workflow or for many, also across kill -9."""
import json
import pathlib
import unittest

import harness
from harness import wait_until
from tool_documents import ALL, KEY, LOOKUP, NATURAL, NONE, NONE_WITH_LOOK, changed, make

QUICK_LOOK = {"within": "100ms", "interval": "20ms"}
# Settled or given up within a moment.
ONCE = changed(NONE_WITH_LOOK, verify={**NONE_WITH_LOOK["verify"], **QUICK_LOOK}, schedule_to_close_timeout="1s",
               start_to_close_timeout="500ms")
# Its read-back needs the id of the record, which a lost answer takes with it.
BY_ID = changed(LOOKUP, name="things.make_by_id", verify={**LOOKUP["verify"], **QUICK_LOOK})
# A read-back that can't be read for long is given up soon.
IMPATIENT = changed(KEY, verify={**KEY["verify"], **QUICK_LOOK}, schedule_to_close_timeout="1s",
                    start_to_close_timeout="500ms")
TOOLS = (KEY, LOOKUP, NATURAL, NONE, ONCE, BY_ID)


def said(**more):
    return {"seen": "looked into the shop", **more}


class Operators(harness.EngineTest):
    def ask(self, path, body=None, status=200):
        answer = self.engine_.client.post(path, body)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def operate(self, id, verb, body=None, status=200):
        return self.ask(f"/v1/workflows/{id}:{verb}", body, status)

    def resolve(self, id, action, status=200, who="ada", **body):
        return self.ask(f"/v1/workflows/{id}/actions/{action}:resolve", {"who": who, **body}, status)

    def begin(self, *tools, **options):
        self.engine_ = self.engine(*(tools or TOOLS), **options)
        return self.engine_.client

    def in_doubt(self, tool=ONCE, kind="drop_before", path="/things", **more):
        """A workflow whose action "a" is in doubt."""
        self.world.fault("POST", path, kind)
        id = self.engine_.client.start(make("a", tool, **more))
        document = self.engine_.client.end_of(id, until_attention=True)
        self.assertEqual((document["actions"][0]["phase"], document["attention"]), ("in_doubt", True), document)
        return id


class Pausing(Operators):
    def test_nothing_is_sent_until_it_is_resumed_also_over_kill_9(self):
        client = self.begin()
        gate = self.world.fault("POST", "/things", "gate_after")
        id = client.start(make("first"), make("second", after=["first"]))
        gate.wait_reached()
        paused = self.operate(id, "pause")
        self.assertEqual((paused["status"], paused["outcome"]), ("paused", None))
        again = self.operate(id, "pause")
        self.assertEqual(again["version"], paused["version"], "pausing twice changes nothing")
        gate.open()
        document = client.wait_for_action(id, lambda action: action["phase"] == "ready", "is held back", action=1)
        self.assertEqual((document["status"], document["actions"][0]["state"]), ("paused", "verified"))

        self.engine_.kill9()
        client = self.engine_.start().client
        document = client.workflow(id)
        self.assertEqual((document["status"], document["actions"][1]["phase"]), ("paused", "ready"))
        self.assertEqual([w["id"] for w in client.get("/v1/workflows?status=paused").json["workflows"]], [id])
        self.assertEqual(len(self.world.sends("POST")), 1)

        self.assertIn(self.operate(id, "resume")["status"], ("running", "ended"))
        document = client.end_of(id)
        self.assertEqual((document["outcome"], len(self.world.things)), ("verified", 2))
        types = [event["type"] for event in client.events(id)]
        self.assertEqual([t for t in types if "pause" in t], ["workflow.paused", "workflow.unpaused"])
        self.operate(id, "pause", status=409)
        self.operate(id, "resume", status=409)

    def test_a_call_that_was_under_way_at_a_kill_is_not_repeated_while_it_is_paused(self):
        client = self.begin()
        gate = self.world.fault("POST", "/things", "gate_after")
        id = client.start(make("a"))
        gate.wait_reached()
        self.operate(id, "pause")
        self.engine_.kill9()
        gate.open()
        client = self.engine_.start().client
        client.wait_for_action(id, lambda action: action["phase"] == "ready", "would be sent again")
        self.assertEqual(len(self.world.sends("POST")), 1)
        self.operate(id, "resume")
        self.assertEqual(client.end_of(id)["outcome"], "verified")
        self.assertEqual((len(self.world.sends("POST")), len(self.world.things)), (2, 1))

    def test_cancelling_ends_a_pause(self):
        client = self.begin()
        gate = self.world.fault("POST", "/things", "gate_after")
        id = client.start(make("a"), make("b", after=["a"]))
        gate.wait_reached()
        self.operate(id, "pause")
        self.assertEqual(self.operate(id, "cancel")["status"], "cancelling")
        self.operate(id, "pause", status=409)
        gate.open()
        self.assertEqual([a["state"] for a in client.end_of(id)["actions"]], ["verified", "cancelled"])


class Resolving(Operators):
    def test_what_happened_is_read_back_and_names_the_person(self):
        client = self.begin()
        id = self.duplicate()
        self.engine_.kill9()
        client = self.engine_.start().client
        document = self.resolve(id, "a", happened=said(record_id="thing-2"))
        self.assertFalse(document["attention"])
        document = client.end_of(id)
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["state"], action["confidence"], action["record_id"]),
                         ("verified", "verified", "operator", "thing-2"))
        self.assertEqual(len(self.world.sends("POST")), 1)
        receipt = client.receipts(id)[-1]
        self.assertEqual((receipt["operator"]["said"], receipt["operator"]["who"], receipt["operator"]["seen"]),
                         ("happened", "ada", "looked into the shop"))
        self.assertEqual((receipt["state"], receipt["confidence"]), ("verified", "operator"))
        text = client.get(f"/v1/workflows/{id}/report").json["text"]
        self.assertIn("rests on the word of ada", text)
        event, = [event for event in client.events(id) if event["type"] == "action.resolved"]
        self.assertEqual(event["data"], {"said": "happened", "who": "ada", "seen": "looked into the shop", "by": "dev"})
        self.resolve(id, "a", 409, happened=said(record_id="thing-2"))

    def duplicate(self):
        """In doubt since the search finds two records under our key."""
        gate = self.world.fault("POST", "/things", "gate_lost")
        id = self.engine_.client.start(make("a", BY_ID))
        gate.wait_reached()
        reference = self.world.sends("POST")[0].key
        for number in (1, 2):
            self.world.things[f"thing-{number}"] = {"id": f"thing-{number}", "name": "name-of-a", "reference": reference}
        gate.open()
        document = self.engine_.client.end_of(id, until_attention=True)
        self.assertEqual(document["actions"][0]["error"]["code"], "duplicate_found")
        return id

    def test_what_is_missing_or_does_not_fit_is_said_at_once(self):
        client = self.begin()
        id = self.duplicate()
        path = f"/v1/workflows/{id}/actions/a:resolve"
        before = client.workflow(id)
        problem = self.assert_problem(client.post(path, {"happened": {"seen": " ", "verfy": False}, "did": 1}), 400,
                                      "invalid_argument")
        self.assert_places(problem, ("/who", "missing_member"), ("/happened/seen", "evidence_missing"),
                           ("/happened/verfy", "unknown_member"), ("/did", "unknown_member"))
        for both in ({}, {"happened": said(), "did_not_happen": said()}):
            problem = self.assert_problem(client.post(path, {"who": "ada", **both}), 400, "invalid_argument")
            self.assert_places(problem, ("", "one_of_two"))
        wrong = {"output": {"name": 7}}
        problem = self.assert_problem(client.post(path, {"who": "ada", "happened": said(**wrong)}), 400, "invalid_argument")
        self.assert_places(problem, ("/happened/output", "output_schema_violation"), ("/happened/output/name", "output_schema_violation"),
                           ("/happened/record_id", "missing_member"))
        differs = {"output": {"id": "thing-1"}, "record_id": "thing-2"}
        problem = self.assert_problem(client.post(path, {"who": "ada", "happened": said(**differs)}), 400,
                                      "invalid_argument")
        self.assert_places(problem, ("/happened/record_id", "record_id_differs"))
        self.assert_problem(client.post(f"/v1/workflows/{id}/actions/b:resolve", {"who": "a", "happened": said()}), 404,
                            "not_found")
        self.assert_problem(client.post("/v1/workflows/nobody/actions/a:resolve", {"who": "a", "happened": said()}), 404,
                            "not_found")
        self.resolve(id, "a", 409, did_not_happen=said(), attempt=0)
        self.assertEqual(client.workflow(id), before, "what is refused changes nothing")
        self.resolve(id, "a", did_not_happen=said(), attempt=1)

    def test_what_did_not_happen_fails_without_an_effect(self):
        client = self.begin()
        id = self.in_doubt()
        document = self.resolve(id, "a", did_not_happen=said())
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["state"], action["effect"], action["error"]["code"]),
                         ("failed", "failed", "none", "did_not_happen"))
        self.assertEqual(action["operator"]["said"], "did_not_happen")
        self.assertIn("nothing was changed", client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_what_did_not_happen_is_sent_again_if_asked_and_survives_kill_9(self):
        client = self.begin()
        id = self.in_doubt()
        gate = self.world.fault("POST", "/things", "gate_before")
        self.resolve(id, "a", did_not_happen=said(send_again=True))
        gate.wait_reached()
        gate.open()
        document = client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["attempts"]), ("verified", 2))
        self.assertEqual(len(self.world.things), 1)

        self.world.things.clear()
        id = self.in_doubt()
        gate = self.world.fault("POST", "/things", "gate_lost")
        self.resolve(id, "a", did_not_happen=said(send_again=True))
        gate.wait_reached()
        self.engine_.kill9()
        gate.open()
        client = self.engine_.start().client
        document = client.end_of(id, until_attention=True)
        self.assertEqual((document["attention"], document["actions"][0]["attempts"]), (True, 2),
                         "an intent after the word is a new doubt")

    def test_without_a_read_back_it_ends_executed_and_never_verified(self):
        client = self.begin()
        id = self.in_doubt(NONE, "drop_after", "/orders")
        document = self.resolve(id, "a", happened=said(output={"id": "order-1"}))
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["state"], action["confidence"], action["record_id"]),
                         ("executed", "executed", "operator", "order-1"))
        self.assertIn("on the word of ada", client.get(f"/v1/workflows/{id}/report").json["text"])

        id = self.in_doubt()
        document = self.resolve(id, "a", happened=said(verify=False))
        self.assertEqual((document["outcome"], document["actions"][0]["state"]), ("executed", "executed"))

    def test_what_could_not_be_verified_is_looked_at_again(self):
        client = self.begin(IMPATIENT)
        self.world.fault("GET", "/things", "status_before", times=10_000, status=403)
        id = client.start(make("a", IMPATIENT))
        self.assertEqual(client.end_of(id, until_attention=True)["actions"][0]["phase"], "unverified")
        self.world.heal()
        self.resolve(id, "a", happened=said())
        action = client.end_of(id)["actions"][0]
        self.assertEqual((action["state"], action["confidence"]), ("verified", "read_back"),
                         "the tool had answered itself: the word only asked for another look")

    def test_a_held_fallback_is_tried_or_given_up(self):
        tool = changed(KEY, verify={**KEY["verify"], **QUICK_LOOK,
                                    "expect": KEY["verify"]["expect"] + [{"at": "/size", "equals": {"$from": "/input/size"}}]})
        client = self.begin(tool, NATURAL)
        ids = []
        for number in range(2):
            self.world.things[f"half-{number}"] = {"id": f"half-{number}", "name": f"half-{number}", "size": 0}
            self.world.fault("POST", "/things", "lie", body={"id": f"half-{number}"})
            action = {"id": "a", "tool": tool["name"], "input": {"name": f"half-{number}", "size": 3},
                      "fallback": {"tool": NATURAL["name"], "input": {"name": f"whole-{number}"}}}
            ids.append(client.start(action))
            document = client.end_of(ids[-1], until_attention=True)
            self.assertEqual(document["actions"][0]["phase"], "fallback_held", document)
        self.resolve(ids[0], "a", did_not_happen={"seen": "took the half away"})
        document = client.end_of(ids[0])
        self.assertEqual((document["outcome"], document["actions"][0]["tool"]["name"]), ("verified", NATURAL["name"]))
        document = self.resolve(ids[1], "a", happened={"seen": "the half is there and stays"})
        self.assertEqual((document["outcome"], document["actions"][0]["effect"]), ("failed", "partial"))
        self.assertEqual(len(self.world.sends("PUT")), 1)

    def test_one_of_several_runs_is_named_by_its_element(self):
        client = self.begin()
        self.world.fault("POST", "/things", "drop_before", times=2)
        each = {"id": "each", "tool": ONCE["name"], "for_each": ["x", "y"], "input": {"name": {"$from": "/item"}}}
        id = client.start(each)
        wait_until(lambda: [run["effect"] for run in client.workflow(id)["actions"][0].get("elements", [])]
                   == ["unknown"] * 2, "both wait for a person")
        problem = self.assert_problem(client.post(f"/v1/workflows/{id}/actions/each:resolve",
                                                  {"who": "ada", "did_not_happen": said()}), 409, "wrong_state")
        self.assertIn("element 1", problem["detail"])
        for element in (0, 1):
            self.resolve(id, "each", did_not_happen=said(send_again=True), element=element)
        self.assertEqual(client.end_of(id)["outcome"], "verified")


class Retrying(Operators):
    def test_what_was_refused_is_sent_under_a_new_key_and_survives_a_kill(self):
        client = self.begin()
        self.world.fault("POST", "/things", "status_before", status=422)
        id = client.start(make("a"), make("b", after=["a"]))
        self.assertEqual([a["state"] for a in client.end_of(id)["actions"]], ["failed", "cancelled"])
        gate = self.world.fault("POST", "/things", "gate_before")
        document = self.operate(id, "retry")
        self.engine_.kill9()
        gate.open()
        self.assertEqual((document["status"], document["outcome"], document["retries"]), ("running", None, 1))
        client = self.engine_.start().client
        document = client.end_of(id)
        self.assertEqual((document["outcome"], document["retries"]), ("verified", 1))
        keys = [call.key for call in self.world.sends("POST") if call.body["name"] == "name-of-a"]
        self.assertNotEqual(keys[0], keys[1], "the provider would have answered the refused key with the refusal")
        self.assertEqual(len(set(keys)), 2, "after the kill the new key stays")
        retried = {event["action"]: event["data"] for event in client.events(id) if event["type"] == "action.retried"}
        self.assertEqual((retried["a"], retried["b"]), ({"how": "anew", "key_generation": 1},
                                                        {"how": "anew", "key_generation": 0}))
        self.assertEqual(len(self.world.things), 2)
        self.operate(id, "retry", status=409)

    def test_what_may_be_there_is_looked_at_and_not_sent(self):
        client = self.begin()
        self.world.fault("POST", "/things", "lie", body={"id": "late"})
        id = client.start(make("a"))
        self.assertEqual(client.end_of(id)["actions"][0]["error"]["code"], "verification_mismatch")
        self.world.things["late"] = {"id": "late", "name": "name-of-a"}
        self.operate(id, "retry")
        document = client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["attempts"]), ("verified", 1))
        self.assertEqual(len(self.world.sends("POST")), 1)

    def test_a_repaired_tool_is_taken_if_asked(self):
        broken = changed(KEY, execute={**KEY["execute"], "url": {"$text": "${world}/thinks"}})
        client = self.begin(broken)
        id = client.start(make("a"))
        old = client.end_of(id)["actions"][0]
        self.assertEqual((old["state"], old["effect"]), ("failed", "none"))
        self.assertEqual(client.send("PUT", f"/v1/tools/{KEY['name']}", KEY).status, 201)
        self.operate(id, "retry")
        self.assertEqual(client.end_of(id)["outcome"], "failed", "with the version that it began with")
        self.operate(id, "retry", {"tools": "newest"}, status=400)
        document = self.operate(id, "retry", {"tools": "latest"})
        self.assertNotEqual(document["actions"][0]["tool"]["version"], old["tool"]["version"])
        self.engine_.kill9()
        client = self.engine_.start().client
        self.assertEqual(client.end_of(id)["outcome"], "verified")

    def test_a_plan_that_the_latest_tools_refuse_stays_as_it_is(self):
        client = self.begin()
        self.world.fault("POST", "/things", "status_before", status=422)
        id = client.start(make("a"))
        before = client.end_of(id)
        narrower = changed(KEY, input_schema={**KEY["input_schema"], "required": ["name", "note"]})
        self.assertEqual(client.send("PUT", f"/v1/tools/{KEY['name']}", narrower).status, 201)
        self.assert_problem(client.post(f"/v1/workflows/{id}:retry", {"tools": "latest"}), 422, "invalid_plan")
        self.assertEqual(client.workflow(id), before)

    def test_what_could_not_be_undone_is_tried_again_and_reported_once(self):
        client = self.begin()
        self.world.fault("POST", "/orders", "status_before", status=422)
        self.world.fault("PUT", "/things", "status_before", status=422)
        undo = {"tool": NATURAL["name"], "input": {"name": "undone"}}
        id = client.start(make("a", compensate=undo), {"id": "b", "tool": NONE["name"], "input": {"name": "n"}, "after": ["a"]},
                          on_failure="compensate")
        document = client.end_of(id)
        self.assertEqual([run["state"] for run in document["actions"][0]["compensations"]], ["failed"])
        self.operate(id, "retry")
        document = client.end_of(id)
        self.assertEqual([run["state"] for run in document["actions"][0]["compensations"]], ["verified"])
        report = client.get(f"/v1/workflows/{id}/report").json
        self.assertEqual([line["state"] for line in report["compensations"]], ["verified"])
        self.assertIn("was undone", self.operate(id, "retry", status=409)["detail"])


class Many(Operators):
    def failed(self, number, team):
        """Failed workflows; their refusals are over afterwards."""
        for index in range(number):
            self.world.fault("POST", "/things", "status_before", status=422)
            answer = self.engine_.client.submit({"name": "p", "actions": [make("a")]}, f"{team}-{index}", labels={"team": team})
            self.assertEqual(self.engine_.client.end_of(answer.json["id"])["outcome"], "failed")

    def test_a_filter_a_limit_and_a_cursor_reach_every_one_once(self):
        client = self.begin()
        self.failed(5, "red")
        self.failed(2, "blue")
        body = {"filter": {"outcome": "failed", "label": "team:red"}, "limit": 2}
        dry = self.ask("/v1/workflows:retry", {**body, "dry_run": True, "limit": 100})
        self.assertEqual((dry["matched"], dry["done"], dry["refused"], dry["next_cursor"]),
                         (5, [f"red-{n}" for n in reversed(range(5))], [], None))
        self.assertEqual(client.workflow("red-0")["retries"], 0, "a dry run does nothing")
        done, cursor = [], None
        while True:
            page = self.ask("/v1/workflows:retry", {**body, **({"cursor": cursor} if cursor else {})})
            self.assertLessEqual(page["matched"], 2)
            done, cursor = done + page["done"], page["next_cursor"]
            if cursor is None:
                break
        self.assertEqual(sorted(done), [f"red-{n}" for n in range(5)])
        for id in done:
            self.assertEqual(client.end_of(id)["outcome"], "verified")
        self.assertEqual(client.workflow("blue-0")["retries"], 0)
        listed = client.get("/v1/workflows?outcome=failed").json["workflows"]
        self.assertEqual(sorted(w["id"] for w in listed), ["blue-0", "blue-1"])

    def test_what_is_refused_is_told_and_stops_nobody(self):
        client = self.begin()
        self.failed(1, "red")
        gate = self.world.fault("POST", "/things", "gate_before", times=2)
        for number in range(2):
            client.submit({"name": "p", "actions": [make("a")]}, f"open-{number}", labels={"team": "red"})
        gate.wait_reached()
        answer = self.ask("/v1/workflows:cancel", {"filter": {"label": "team:red"}})
        self.assertEqual((answer["matched"], sorted(answer["done"]), [(r["id"], r["code"]) for r in answer["refused"]]),
                         (3, ["open-0", "open-1"], [("red-0", "wrong_state")]))
        listed = client.get("/v1/workflows?status=cancelling").json["workflows"]
        self.assertEqual(len(listed), 2)
        gate.open()
        for number in range(2):
            client.end_of(f"open-{number}")

    def test_pausing_by_tool_and_resuming_by_status(self):
        client = self.begin()
        gate = self.world.fault("POST", "/", "gate_before", times=2)
        client.submit({"name": "p", "actions": [make("a"), make("b", after=["a"])]}, "keyed")
        client.submit({"name": "p", "actions": [make("a", NONE)]}, "plain")
        gate.wait_reached()
        self.assertEqual([w["id"] for w in client.get(f"/v1/workflows?tool={KEY['name']}").json["workflows"]], ["keyed"])
        self.assertEqual(client.get("/v1/workflows?tool=nobody").json["workflows"], [])
        self.assertEqual(self.ask("/v1/workflows:pause", {"filter": {"tool": KEY["name"]}})["done"], ["keyed"])
        self.assertEqual([w["id"] for w in client.get("/v1/workflows?status=paused").json["workflows"]], ["keyed"])
        self.assertEqual([w["id"] for w in client.get("/v1/workflows?status=running").json["workflows"]], ["plain"])
        self.assertEqual(self.ask("/v1/workflows:resume", {"filter": {"status": "paused"}})["done"], ["keyed"])
        gate.open()
        self.assertEqual(client.end_of("keyed")["outcome"], "verified")

    def test_a_request_for_many_that_is_wrong_does_nothing(self):
        client = self.begin()
        for body, place in (({"filter": {}}, ("/filter", "filter_empty")), ({}, ("/filter", "missing_member")),
                            ({"filter": {"outcom": "failed"}}, ("/filter/outcom", "unknown_member")),
                            ({"filter": {"name": 7}}, ("/filter/name", "wrong_type")),
                            ({"filter": {"name": "p"}, "limit": 501}, ("/limit", "out_of_range")),
                            ({"filter": {"name": "p"}, "tools": "latest"}, ("/tools", "unknown_member"))):
            with self.subTest(body):
                problem = self.assert_problem(client.post("/v1/workflows:cancel", body), 400, "invalid_argument")
                self.assert_places(problem, place)
        for body in ({"filter": {"status": "late"}}, {"filter": {"label": "x"}}, {"filter": {"name": "p"}, "cursor": "x"}):
            self.assert_problem(client.post("/v1/workflows:cancel", body), 400, "invalid_argument")


class CommandLine(Operators):
    def cli(self, *arguments, code=0, stdin=""):
        got, output, errors = harness.run_cli(*arguments, server=self.engine_.url, stdin=stdin)
        self.assertEqual(got, code, output + errors)
        return output + errors

    def test_resolve_says_what_a_person_saw_and_show_names_it(self):
        self.begin()
        id = self.in_doubt(NONE, "drop_after", "/orders")
        file = pathlib.Path(self.folder) / "output.json"
        file.write_text('{"id": "order-1"}')
        self.cli("resolve", id, "a", "--happened", "--who", "ada", code=2)
        self.cli("resolve", id, "a", "--who", "ada", "--seen", "x", code=2)
        self.cli("resolve", id, "a", "--happened", "--who", "ada", "--seen", "x", "--output", '{"id": 7}', code=2)
        self.cli("resolve", id, "b", "--happened", "--who", "ada", "--seen", "x", code=4)
        output = self.cli("resolve", id, "a", "--happened", "--who", "ada", "--seen", "order-1 is in the shop", "--output",
                          f"@{file}")
        self.assertIn("ada says it happened: order-1 is in the shop", output)
        self.cli("resolve", id, "a", "--happened", "--who", "ada", "--seen", "x", code=5)
        receipt = json.loads(self.cli("show", id, "--json"))["actions"][0]["receipt"]
        self.assertIn("ada says it happened", self.cli("receipt", receipt))

        id = self.in_doubt()
        self.cli("resolve", id, "a", "--did-not-happen", "--send-again", "--attempt", "1", "--who", "ada", "--seen", "nothing")
        self.assertEqual(self.engine_.client.end_of(id)["outcome"], "verified")

    def test_one_or_many_are_paused_resumed_retried_and_cancelled(self):
        client = self.begin()
        gate = self.world.fault("POST", "/things", "gate_before", times=3)
        for number in range(3):
            client.submit({"name": "p", "actions": [make("a"), make("b", after=["a"])]}, f"w-{number}")
        gate.wait_reached()
        self.assertIn("paused", self.cli("pause", "w-0"))
        self.assertIn("w-0", self.cli("ls", "--status", "paused"))
        self.assertNotIn("w-1", self.cli("ls", "--status", "paused"))
        self.assertIn("--yes", self.cli("pause", "--tool", KEY["name"], code=2))
        self.cli("pause", code=2)
        self.cli("pause", "w-1", "--tool", KEY["name"], code=2)
        self.assertIn("3 workflows would be asked", self.cli("pause", "--tool", KEY["name"], "--dry-run"))
        self.assertEqual(client.workflow("w-1")["status"], "running")
        self.assertIn("2 workflows done; there are more", self.cli("pause", "--tool", KEY["name"], "--yes", "--limit", "2"))
        self.assertIn("running", self.cli("resume", "w-2"))
        document = json.loads(self.cli("resume", "--status", "paused", "--yes", "--json"))
        self.assertEqual((document["matched"], document["next_cursor"]), (2, None))
        self.cli("cancel", "w-0")
        gate.open()
        for number in range(3):
            client.end_of(f"w-{number}")
        self.assertIn("wrong_state", self.cli("cancel", "--name", "p", "--yes", code=5))
        self.cli("retry", "w-1", code=5)

        self.world.fault("POST", "/things", "status_before", status=422)
        id = client.start(make("z"))
        client.end_of(id)
        self.assertIn("retried once", self.cli("retry", id, "--latest-tools"))
        self.assertEqual(client.end_of(id)["outcome"], "verified")


if __name__ == "__main__":
    unittest.main()
