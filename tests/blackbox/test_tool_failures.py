"""Tools that are down, lie, or say something else: what Settle says of them is true, and secrets stay secret."""
import json
import unittest

import harness
from tool_documents import ALL, KEY, LOOKUP, NATURAL, NONE, READ, changed, make
from world import World

CANARY = "canary-4f1d-never-to-be-seen"
CREDENTIAL = """[credentials.crm]
kind = "header"
header = "X-Api-Key"
secret_env = "CRM_KEY"
origins = ["{origin}"]
"""


def backs_off_again(action):
    return action["phase"] == "backing_off" and action["attempts"] > 2


class Down(harness.EngineTest):
    def test_a_host_that_is_down_is_waited_for_and_nothing_is_in_doubt(self):
        down = World()
        down.close()
        engine = self.engine(*ALL, values={"world": down.url})
        ids = [engine.client.start(make("thing", tool)) for tool in (KEY, LOOKUP, NATURAL, NONE)]
        for id in ids:
            document = engine.client.wait_for_action(id, backs_off_again, "backs off")
            action = document["actions"][0]
            self.assertEqual((action["state"], document["attention"]), ("pending", False))
            # After some failures nobody knocks any more for a while.
            self.assertIn(action["error"]["code"], ("connect_failed", "circuit_open"))
            self.assertRegex(action["next_at"], "^20")
            self.assertIn("action.backing_off", [event["type"] for event in engine.client.events(id)])
        down.listen(down.port)
        self.addCleanup(down.close)
        for id in ids:
            self.assertIn(engine.client.end_of(id)["outcome"], ("verified", "executed"))
        self.assertEqual(len(down.effects()), 4, "more attempts than maximum_attempts were not sent, and do not count")
        self.assertEqual(len(down.sends("POST")) + len(down.sends("PUT")), 4)

    def test_a_host_that_stays_down_fails_with_no_effect_when_the_time_is_over(self):
        down = World()
        down.close()
        engine = self.engine(changed(KEY, schedule_to_close_timeout="400ms", start_to_close_timeout="100ms"),
                             values={"world": down.url})
        id = engine.client.start(make("thing"), make("next", after=["thing"]))
        document = engine.client.end_of(id)
        first, second = document["actions"]
        self.assertEqual((document["outcome"], first["state"], first["phase"], first["effect"]),
                         ("failed", "failed", "schedule_to_close_timeout", "none"))
        self.assertIn("connect_failed", first["error"]["message"])
        self.assertEqual((second["state"], second["attempts"]), ("cancelled", 0))

    def test_a_host_that_goes_down_and_comes_back_is_reached_again(self):
        engine = self.engine(*ALL)
        engine.client.end_of(engine.client.start(make("before")))
        self.world.close()
        id = engine.client.start(make("thing"))
        engine.client.wait_for_action(id, lambda action: action["phase"] == "backing_off", "backs off")
        self.world.listen(self.world.port)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")


class Answers(harness.SharedEngineTest):
    # So many failures in a row would open the circuit for the next test.
    config = "[circuit]\nfailures = 0\n[retry_budget]\npercent = 100\n"
    tools = (*ALL, changed(KEY, name="things.make_checked", success=[{"at": "/error", "absent": True}]),
             changed(KEY, name="things.make_hurried", start_to_close_timeout="200ms",
                     retry={"initial_interval": "10ms", "maximum_attempts": 3}, schedule_to_close_timeout="5s"),
             changed(KEY, name="things.make_sized", verify={**KEY["verify"], "expect": [
                 {"at": "/name", "equals": {"$from": "/input/name"}}, {"at": "/size",
                                                                       "equals": {"$from": "/input/size"}}]}),
             changed(KEY, name="things.make_impatient", schedule_to_close_timeout="300ms",
                     start_to_close_timeout="100ms"))

    def setUp(self):
        self.world.heal()
        self.before = len(self.world.calls)

    def run_one(self, tool=KEY, input=None, until_attention=False):
        """Runs one action to its end; returns (its document, its latest receipt, the workflow)."""
        name = tool if isinstance(tool, str) else tool["name"]
        id = self.client.start({"id": "thing", "tool": name, "input": input or {"name": "it"}})
        document = self.client.end_of(id, until_attention)
        receipts = self.client.receipts(id)
        return document["actions"][0], receipts[-1] if receipts else None, document

    def sends(self):
        return [call for call in self.world.calls[self.before:] if call.method in ("POST", "PUT")]

    def test_lost_answers_of_every_kind_are_asked_for_again_under_the_same_key(self):
        for fault, code in (({"kind": "drop_after"}, "connection_lost"), ({"kind": "drop_before"}, "connection_lost"),
                            ({"kind": "status_after", "status": 500}, "http_500"), ({"kind": "status_before",
                                "status": 502}, "http_502"),
                            ({"kind": "status_after", "status": 408}, "http_408"), ({"kind": "garbage"},
                                "malformed_response"),
                            ({"kind": "answer_after", "body": {"name": "no id"}}, "output_schema_violation"),
                            ({"kind": "answer_after", "body": {"id": 7}}, "output_schema_violation"),
                            ({"kind": "answer_after", "body": b'{"id": "a", "id": "b"}'}, "malformed_response")):
            with self.subTest(fault):
                self.setUp()
                self.world.fault("POST", "/things", **fault)
                action, receipt, document = self.run_one()
                self.assertEqual((document["outcome"], action["attempts"], receipt["confidence"]),
                                 ("verified", 2, "read_back"))
                first, second = self.sends()
                self.assertEqual((first.key, [call.effect for call in (first, second)].count(True)), (second.key, 1))
                unclear = [event for event in self.client.events(document["id"]) if event["type"] == "action.unclear"]
                self.assertEqual([event["data"]["code"] for event in unclear], [code])

    def test_an_answer_that_never_fits_its_schema_is_in_doubt_and_never_failed(self):
        self.world.fault("POST", "/things", "answer_after", times=100, body={"name": "no id"})
        action, receipt, document = self.run_one(until_attention=True)
        self.assertEqual((document["status"], document["attention"], action["phase"], action["effect"]),
                         ("running", True, "in_doubt", "unknown"))
        self.assertEqual(len(self.sends()), 5, "maximum_attempts")
        self.assertEqual(len([call for call in self.sends() if call.effect]), 1)
        self.assertEqual((receipt["state"], receipt["next_state"]), ("pending", "operator"))

    def test_a_definite_no_fails_at_once_with_its_reason(self):
        for status in (400, 401, 403, 404, 409, 410, 422, 501, 301):
            with self.subTest(status):
                self.setUp()
                self.world.fault("POST", "/things", "status_before", status=status, body={"error": "not like this"})
                action, receipt, document = self.run_one()
                self.assertEqual((document["outcome"], action["state"], action["effect"], action["attempts"]),
                                 ("failed", "failed", "none", 1))
                self.assertEqual((action["phase"], receipt["status_code"]), (receipt["errors"][0]["code"], status))
                self.assertEqual(len(self.sends()), 1)

    def test_a_success_status_that_says_error_is_a_failure(self):
        self.world.fault("POST", "/things", "lie", status=200, body={"id": "x", "error": "out of stock"})
        action, receipt, document = self.run_one("things.make_checked")
        self.assertEqual((document["outcome"], action["phase"], action["effect"]), ("failed", "success_rule", "none"))
        self.assertIn("out of stock", receipt["errors"][0]["message"])

    def test_a_lying_success_is_caught_by_the_read_back_with_its_differences(self):
        self.world.fault("POST", "/things", "lie", body={"id": "thing-that-is-not"})
        action, receipt, document = self.run_one()
        self.assertEqual((document["outcome"], action["state"], action["phase"], action["effect"]),
                         ("failed", "failed", "verification_mismatch", "none"))
        self.assertIn("404", receipt["errors"][0]["message"])
        self.assertEqual(receipt["verification"]["checks"][0]["ok"], False)
        self.assertEqual(len(self.sends()), 1, "a mismatch is never blindly repeated")
        self.assertIn("nothing was changed", self.client.get(f"/v1/workflows/{document['id']}/report").json["text"])

    def test_half_an_effect_is_partial_and_each_difference_is_named(self):
        other = {"id": "half", "name": "it", "size": 1}
        self.world.things["half"] = other
        self.world.fault("POST", "/things", "lie", body=other)
        action, receipt, document = self.run_one("things.make_sized", {"name": "it", "size": 9})
        self.assertEqual((document["outcome"], action["phase"], action["effect"]),
                         ("failed", "verification_mismatch", "partial"))
        self.assertEqual([(check["at"], check["ok"], check["expected"],
                           check["actual"]) for check in receipt["verification"]["checks"]],
                         [("/name", True, "it", "it"), ("/size", False, 9, 1)])
        self.assertIn("/size equals 9, seen: 1", receipt["errors"][0]["message"])
        self.assertIn("a part of it is there", self.client.get(f"/v1/workflows/{document['id']}/report").json["text"])

    def test_a_read_back_that_lags_is_asked_again(self):
        self.world.fault("GET", "/things/", "status_before", times=5, status=404)
        action, receipt, document = self.run_one()
        self.assertEqual((document["outcome"], action["attempts"]), ("verified", 1))
        self.assertEqual(len(self.sends()), 1)

    def test_an_unreadable_read_back_leaves_it_unverified_for_a_person(self):
        self.world.fault("GET", "/things/", "status_before", times=10_000, status=500)
        action, receipt, document = self.run_one("things.make_impatient", until_attention=True)
        self.assertEqual((document["status"], document["outcome"], document["attention"]), ("running", None, True))
        self.assertEqual((action["state"], action["phase"], action["error"]["code"]),
                         ("executed", "unverified", "read_back_unreadable"))
        self.assertEqual((receipt["state"], receipt["confidence"], receipt["next_state"]),
                         ("executed", "acknowledged", "operator"))
        self.assertEqual(len(self.sends()), 1)
        self.assertIn("not verified", self.client.get(f"/v1/workflows/{document['id']}/report").json["text"])

    def test_a_tool_that_does_not_answer_in_time_is_unclear(self):
        gate = self.world.fault("POST", "/things", "gate_after", times=1)
        action, receipt, document = self.run_one("things.make_hurried")
        gate.open()
        self.assertEqual((document["outcome"], action["attempts"]), ("verified", 2))
        unclear = [event for event in self.client.events(document["id"]) if event["type"] == "action.unclear"]
        self.assertEqual([event["data"]["code"] for event in unclear], ["timeout"])
        self.assertEqual(len({call.key for call in self.sends()}), 1)

    def test_too_many_requests_are_waited_out_and_do_not_count(self):
        self.world.fault("POST", "/things", "status_before", times=8, status=429, headers={"Retry-After": "0"})
        action, _, document = self.run_one()
        self.assertEqual((document["outcome"], action["attempts"], action["error"]), ("verified", 9, None))
        self.assertEqual(len([call for call in self.sends() if call.effect]), 1)

    def test_a_503_with_retry_after_was_not_processed_and_one_without_may_have_been(self):
        self.world.fault("POST", "/orders", "status_before", status=503, headers={"Retry-After": "0"})
        action, _, document = self.run_one(NONE)
        self.assertEqual((document["outcome"], action["attempts"]), ("executed", 2))
        self.world.fault("POST", "/orders", "status_before", status=503)
        action, _, document = self.run_one(NONE, until_attention=True)
        self.assertEqual((document["attention"], action["phase"], action["attempts"]), (True, "in_doubt", 1))

    def test_a_look_up_that_finds_two_is_a_duplicate_for_a_person(self):
        self.world.fault("POST", "/things", "drop_after")
        twice = {"things": [{"id": "a", "name": "it"}, {"id": "b", "name": "it"}]}
        self.world.fault("GET", "/things?", "lie", times=100, status=200, body=twice)
        action, receipt, document = self.run_one(LOOKUP, until_attention=True)
        self.assertEqual((document["attention"], action["error"]["code"], len(self.sends())),
                         (True, "duplicate_found", 1))

    def test_a_look_up_that_can_not_be_read_is_never_a_reason_to_send(self):
        self.world.fault("POST", "/things", "drop_after")
        self.world.fault("GET", "/things?", "lie", times=2, status=200, body={"items": []})
        self.world.fault("GET", "/things?", "status_before", times=2, status=404)
        action, receipt, document = self.run_one(LOOKUP)
        self.assertEqual((document["outcome"], receipt["confidence"], len(self.sends())), ("verified", "lookup", 1))

    def test_a_read_is_repeated_until_it_is_answered(self):
        self.world.things["known"] = {"id": "known", "name": "known"}
        self.world.fault("GET", "/things/known", "drop_before", times=3)
        action, receipt, document = self.run_one(READ, {"id": "known"})
        self.assertEqual((document["outcome"], action["attempts"], receipt["verification"]["method"]),
                         ("verified", 4, "response"))
        action, _, document = self.run_one(READ, {"id": "nobody"})
        self.assertEqual((document["outcome"], action["phase"], action["effect"]), ("failed", "http_404", "none"))

    def test_dependents_of_what_failed_do_not_run_and_others_do_if_the_plan_says_so(self):
        self.world.fault("POST", "/orders", "status_before", status=400)
        id = self.client.start(make("bad", NONE), make("good"), make("behind", after=["bad"]), on_failure="continue")
        document = self.client.end_of(id)
        states = {action["id"]: action["state"] for action in document["actions"]}
        self.assertEqual((document["outcome"], states), ("failed", {"bad": "failed", "good": "verified",
                                                                    "behind": "cancelled"}))

    def test_an_id_from_an_answer_can_not_lead_a_call_elsewhere(self):
        for id in ("../secrets", "..", "a/b?c#d", "a%2Fb", "\r\nX: y"):
            with self.subTest(id):
                self.setUp()
                self.world.fault("POST", "/things", "lie", body={"id": id})
                self.run_one("things.make_impatient", until_attention=True)
                for call in self.world.calls[self.before:]:
                    self.assertTrue(call.path.startswith("/things"), call.path)
                    self.assertNotIn("..", call.path.split("/"))
                    self.assertLessEqual(call.path.count("/"), 2, call.path)


class Secrets(harness.EngineTest):
    def with_credential(self, tool):
        """The tool with the credential in every call."""
        out = changed(tool, execute={**tool["execute"], "auth": "crm"})
        if isinstance(out.get("verify"), dict):
            out["verify"]["read"]["auth"] = "crm"
        if "lookup" in out.get("idempotency", {}):
            out["idempotency"]["lookup"]["read"]["auth"] = "crm"
        return out

    def test_a_credential_is_sent_where_it_belongs_and_shown_nowhere(self):
        with_auth = [self.with_credential(tool) for tool in ALL]
        engine = self.engine(*with_auth, config='log_level = "debug"\n' + CREDENTIAL.format(origin=self.world.url),
                             environment={"CRM_KEY": CANARY})
        # A tool that echoes what it was sent, in answers of every kind.
        echo = {"id": f"x-{CANARY}", "name": CANARY, CANARY: CANARY}
        self.world.fault("POST", "/things", "answer_after", body=echo)
        self.world.fault("POST", "/things", "status_before", status=400, body={"error": f"bad key {CANARY}"})
        self.world.fault("POST", "/things", "garbage")
        self.world.fault("POST", "/orders", "status_after", status=500)
        ids = [engine.client.start(make(f"thing-{number}", tool)) for number,
               tool in enumerate((KEY, KEY, KEY, LOOKUP, NATURAL, NONE))]
        documents = [engine.client.end_of(id, until_attention=True) for id in ids]
        self.assertIn("verified", [document["outcome"] for document in documents])
        self.assertEqual({call.headers.get("x-api-key") for call in self.world.calls}, {CANARY}, "it was sent")
        shown = [engine.client.get(f"/v1/workflows/{id}{part}").body for id in ids for part in ("", "/events",
            "/receipts", "/report")]
        shown += [engine.client.get(path).body for path in ("/v1/workflows", "/v1/tools",
                                                            *(f"/v1/tools/{tool['name']}" for tool in with_auth))]
        shown.append(engine.client.submit({"name": "p", "actions": [make("x", tool={"name": "no.such"})]}).body)
        code, output, errors = harness.run_cli("show", ids[0], server=engine.url)
        shown += [output.encode(), errors.encode()]
        self.assertEqual(engine.stop(), 0)
        shown.append(engine.log().encode())
        shown += [path.read_bytes() for path in engine.data.iterdir() if path.is_file()]
        for text in shown:
            self.assertNotIn(CANARY.encode(), text)

    def test_a_credential_is_not_sent_to_an_origin_that_it_does_not_name(self):
        tool = changed(NONE, execute={**NONE["execute"], "auth": "crm"})
        engine = self.engine(tool, config=CREDENTIAL.format(origin="https://crm.example.org"),
                             environment={"CRM_KEY": CANARY})
        document = engine.client.end_of(engine.client.start(make("order", NONE)))
        self.assertEqual((document["outcome"], document["actions"][0]["phase"], document["actions"][0]["effect"]),
                         ("failed", "credential_origin", "none"))
        self.assertEqual(self.world.calls, [])

    def test_a_plan_can_not_name_hosts_or_credentials(self):
        engine = self.engine(*ALL, config=CREDENTIAL.format(origin=self.world.url), environment={"CRM_KEY": CANARY})
        for input in ({"name": {"$text": "${world}"}}, {"name": {"$from": "/credentials/crm"}},
                      {"name": {"$text": "${CRM_KEY}"}}):
            answer = engine.client.submit({"name": "p", "actions": [{"id": "a", "tool": KEY["name"], "input": input}]})
            self.assert_problem(answer, 422, "invalid_plan")
            self.assertNotIn(CANARY, json.dumps(answer.json))
        self.assertEqual(self.world.calls, [], "nothing was called")


if __name__ == "__main__":
    unittest.main()
