"""The second look in all its forms, against the real binary and across kill -9: before the first send, still settling, exactly
one, several, and again long after the workflow has ended."""
import unittest

import harness
from harness import wait_until
from tool_documents import KEY, LOOKUP, changed, make

CALL = {"connector": "http", "method": "GET"}
ACCOUNT = {**CALL, "url": {"$text": "${world}/accounts/${/input/account}"},
           "output_schema": {"type": "object", "required": ["balance"], "additionalProperties": False,
                             "properties": {"balance": {"type": "integer"}}}}
PAY = changed(
    KEY, name="bank.pay_in", description="Pays into an account.",
    input_schema={"type": "object", "required": ["account", "amount"], "additionalProperties": False,
                  "properties": {"account": {"type": "string", "minLength": 1}, "amount": {"type": "integer"}}},
    execute={"connector": "http", "method": "POST", "url": {"$text": "${world}/accounts/${/input/account}"},
             "headers": {"Idempotency-Key": {"$from": "/idempotency_key"}}, "body": {"amount": {"$from": "/input/amount"}}},
    verify={"before": ACCOUNT, "read": ACCOUNT, "within": "500ms", "interval": "20ms",
            "expect": [{"at": "/balance", "increased_by": {"$from": "/input/amount"}}]})


def pay(id="pay", **more):
    return {"id": id, "tool": PAY["name"], "input": {"account": "ada", "amount": 5}, **more}


def verifying(tool=KEY, **members):
    """The tool with further members of `verify`."""
    return changed(tool, verify={**tool["verify"], **members})


def searching():
    search = {**CALL, "url": {"$text": "${world}/things?reference=${/idempotency_key}"}}
    return changed(LOOKUP, verify={"read": search, "unique": "/things", "within": "500ms", "interval": "20ms",
                                   "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}]})


class BeforeTest(harness.EngineTest):
    def looks(self):
        return len(self.world.sends("GET", "/accounts"))

    def test_only_the_difference_counts(self):
        engine = self.engine(PAY)
        self.world.accounts["ada"] = 100
        document = engine.client.end_of(engine.client.start(pay()))
        self.assertEqual(document["outcome"], "verified")
        verification = engine.client.receipts(document["id"])[-1]["verification"]
        self.assertEqual(verification["before"]["summary"], {"balance": 100})
        self.assertEqual(verification["checks"], [{"at": "/balance", "operator": "increased_by", "expected": 5,
                                                   "actual": 5, "ok": True}])
        self.assertEqual([call.method for call in self.world.calls], ["GET", "POST", "GET"])

    def test_killed_while_it_looks_it_looks_again_and_sends_once(self):
        engine = self.engine(PAY)
        gate = self.world.fault("GET", "/accounts", "gate_before")
        id = engine.client.start(pay())
        gate.wait_reached()
        engine.kill9()
        self.world.accounts["ada"] = 50  # what was there is what is there when something may be sent
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        self.assertEqual(self.world.accounts["ada"], 55)
        self.assertEqual(engine.client.receipts(id)[-1]["verification"]["before"]["summary"], {"balance": 50})

    def test_killed_after_the_send_it_is_never_taken_anew(self):
        engine = self.engine(PAY)
        self.world.accounts["ada"] = 100
        gate = self.world.fault("POST", "/accounts", "gate_after")
        id = engine.client.start(pay())
        gate.wait_reached()
        self.assertEqual((self.world.accounts["ada"], self.looks()), (105, 1))
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], self.world.accounts["ada"]), ("verified", 105))
        self.assertEqual(document["actions"][0]["attempts"], 2)
        self.assertEqual([event["type"] for event in engine.client.events(id)].count("action.before"), 1)
        self.assertEqual(engine.client.receipts(id)[-1]["verification"]["before"]["summary"], {"balance": 100})

    def test_what_can_not_be_read_sends_nothing(self):
        engine = self.engine(changed(PAY, schedule_to_close_timeout="300ms"))
        self.world.fault("GET", "/accounts", "status_before", times=1000, status=500)
        document = engine.client.end_of(engine.client.start(pay()))
        self.assertEqual(document["actions"][0]["error"]["code"], "before_unreadable")
        self.assertEqual(document["actions"][0]["effect"], "none")
        self.assertEqual(self.world.sends("POST"), [])


class PendingTest(harness.EngineTest):
    TOOL = verifying(pending=[{"at": "/status", "equals": "processing"}], within="60s")

    def accept(self):
        """The next call is accepted, and settles later."""
        self.world.fault("POST", "/things", "answer_after", status=202, body={"id": "thing-1"})

    def test_accepted_is_polled_across_a_crash_until_it_settles(self):
        engine = self.engine(self.TOOL)
        self.accept()
        self.world.fault("GET", "/things/", "status_before", times=1000, status=200, body={"status": "processing"})
        id = engine.client.start(make())
        wait_until(lambda: len(self.world.sends("GET", "/things")) > 3, "it is polled")
        engine.kill9()
        engine.start()
        polled = len(self.world.sends("GET", "/things"))
        wait_until(lambda: len(self.world.sends("GET", "/things")) > polled + 2, "it is polled again")
        action = engine.client.workflow(id)["actions"][0]
        self.assertEqual((action["state"], action["phase"], action["confidence"]), ("executed", "verifying", "acknowledged"))
        self.world.heal()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["attempts"]), ("verified", 1))

    def test_what_never_settles_needs_a_person(self):
        engine = self.engine(verifying(self.TOOL, within="200ms"))
        self.world.fault("GET", "/things/", "status_before", times=1000, status=200, body={"status": "processing"})
        document = engine.client.end_of(engine.client.start(make()), until_attention=True)
        action = document["actions"][0]
        self.assertEqual((action["phase"], action["error"]["code"]), ("unverified", "verification_pending"))


class UniqueTest(harness.EngineTest):
    def test_exactly_one_is_verified_and_two_are_a_duplicate(self):
        engine = self.engine(searching())
        document = engine.client.end_of(engine.client.start(make(tool=LOOKUP)))
        self.assertEqual((document["outcome"], document["actions"][0]["confidence"]), ("verified", "read_back"))
        self.world.fault("GET", "/things?", "status_before", status=200,
                         body={"things": [{"name": "name-of-make"}, {"name": "name-of-make"}]})
        document = engine.client.end_of(engine.client.start(make(tool=LOOKUP)))
        action = document["actions"][0]
        self.assertEqual((action["state"], action["error"]["code"], action["effect"]),
                         ("failed", "duplicate_found", "complete"))

    def test_a_look_up_whose_page_goes_on_is_no_reason_to_send(self):
        tool = changed(LOOKUP, idempotency={**LOOKUP["idempotency"],
                                            "lookup": {**LOOKUP["idempotency"]["lookup"], "next": "/next"}})
        engine = self.engine(tool)
        self.world.fault("POST", "/things", "drop_after")
        self.world.fault("GET", "/things?", "status_before", times=3, status=200, body={"things": [], "next": "page-2"})
        document = engine.client.end_of(engine.client.start(make(tool=LOOKUP)))
        self.assertEqual((document["outcome"], document["actions"][0]["confidence"]), ("verified", "lookup"))
        self.assertEqual(len(self.world.sends("POST")), 1)


class RecheckTest(harness.EngineTest):
    def events(self, engine, id):
        return [event["type"] for event in engine.client.events(id)]

    def test_killed_in_the_middle_of_a_look_at_an_ended_workflow(self):
        engine = self.engine(verifying(recheck={"after": "300ms"}))
        id = engine.client.start(make())
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        self.assertIsNotNone(document["actions"][0]["next_at"])
        receipts = engine.client.receipts(id)
        gate = self.world.fault("GET", "/things/", "gate_before")
        gate.wait_reached()
        self.assertEqual(engine.client.workflow(id)["actions"][0]["state"], "verified")
        engine.kill9()
        gate.open()
        engine.start()
        wait_until(lambda: "action.rechecked" in self.events(engine, id), "it was looked at again")
        document = engine.client.workflow(id)
        self.assertEqual((document["status"], document["outcome"], document["attention"]), ("ended", "verified", False))
        self.assertIsNone(document["actions"][0]["next_at"])
        self.assertEqual(engine.client.receipts(id), receipts, "a look that finds it so issues none")
        engine.kill9()
        looks = len(self.world.calls)
        engine.start()
        engine.client.end_of(engine.client.start(make("other")))
        self.assertEqual([call for call in self.world.calls[looks:] if "thing-1" in call.path], [], "no further look is due")

    def test_a_look_that_fell_due_while_the_engine_was_down_finds_what_has_changed(self):
        engine = self.engine(verifying(recheck={"after": "400ms"}))
        id = engine.client.start(make())
        before = engine.client.end_of(id)
        engine.kill9()
        with self.world.lock:
            self.world.things.clear()
        engine.start()
        wait_until(lambda: engine.client.workflow(id)["attention"], "it no longer holds")
        document = engine.client.workflow(id)
        action = document["actions"][0]
        self.assertEqual((document["status"], document["outcome"], document["ended_at"]),
                         ("ended", "failed", before["ended_at"]))
        self.assertEqual((action["state"], action["phase"], action["effect"]), ("failed", "no_longer_holds", "none"))
        receipts = engine.client.receipts(id)
        # That of the answer may be left out for that of the read-back, when both came before the disk took the first.
        states = [receipt["state"] for receipt in receipts]
        self.assertIn(states, [["executed", "verified", "failed"], ["verified", "failed"]])
        self.assertEqual(receipts[-1]["supersedes"], receipts[-2]["receipt"])
        self.assertEqual(self.events(engine, id)[-3:],
                         ["action.failed", "workflow.attention", "workflow.outcome_changed"])
        listed = engine.client.get("/v1/workflows?outcome=failed&attention=true").json["workflows"]
        self.assertEqual([entry["id"] for entry in listed], [id])
        self.assertEqual(len(self.world.sends("POST")), 1)
        engine.kill9()
        engine.start()
        self.assertEqual(engine.client.workflow(id), document, "it stays so")


class LooksTest(harness.EngineTest):
    def test_all_of_several_must_match_and_the_receipt_says_which(self):
        by_id = KEY["verify"]["read"]
        by_name = {**CALL, "url": {"$text": "${world}/things/${/input/name}"}}
        name = {"at": "/name", "equals": {"$from": "/input/name"}}
        tool = changed(KEY, verify={"within": "300ms", "interval": "20ms", "reads": [
            {"name": "by-id", "read": by_id, "expect": [name]},
            {"name": "by-name", "read": by_name, "expect": [{"at": "/size", "equals": {"$from": "/input/size"}}]}]})
        engine = self.engine(tool)
        action = {"id": "a", "tool": KEY["name"], "input": {"name": "n", "size": 3}}
        gate = self.world.fault("GET", "/things/n", "gate_before")
        id = engine.client.start(action)
        gate.wait_reached()
        engine.kill9()
        gate.open()
        engine.start()
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        checks = engine.client.receipts(id)[-1]["verification"]["checks"]
        self.assertEqual([(check["read"], check["at"]) for check in checks], [("by-id", "/name"), ("by-name", "/size")])

    def test_the_look_for_a_lost_answer_needs_no_record_id(self):
        tool = changed(KEY, name="things.make_blind", idempotency={"mode": "none"},
                       verify={**KEY["verify"], "read_unseen": {**CALL, "url": {"$text": "${world}/things/${/input/name}"}}})
        engine = self.engine(tool)
        self.world.fault("POST", "/things", "drop_after")
        document = engine.client.end_of(engine.client.start(make(tool=tool)))
        self.assertEqual((document["outcome"], document["actions"][0]["confidence"]), ("verified", "state_match"))
        self.assertEqual(len(self.world.sends("POST")), 1)

    def test_checks_that_could_never_hold_are_refused_with_what_was_meant(self):
        engine = self.engine(KEY)
        read = {**KEY["verify"]["read"], "output_schema": {
            "type": "object", "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "status": {"enum": ["paid", "processing"]}}}}
        tool = verifying(read=read, expect=[{"at": "/nmae", "equals": "x"}, {"at": "/name", "equals": 7},
                                            {"at": "/status", "equals": "payd"}])
        problem = self.assert_problem(engine.client.send("PUT", f"/v1/tools/{KEY['name']}", tool), 422, "invalid_tool")
        self.assert_places(problem, ("/verify/expect/0/at", "check_not_in_schema"),
                           ("/verify/expect/1/equals", "check_types"), ("/verify/expect/2/equals", "check_value"))
        self.assertIn("/name", problem["errors"][0]["message"])
        self.assertIn("paid", problem["errors"][2]["message"])

    def test_an_answer_that_does_not_fit_its_schema_proves_nothing(self):
        read = {**KEY["verify"]["read"], "output_schema": {"type": "object", "required": ["total"]}}
        engine = self.engine(changed(verifying(read=read, within="100ms"), schedule_to_close_timeout="300ms"))
        document = engine.client.end_of(engine.client.start(make()), until_attention=True)
        action = document["actions"][0]
        self.assertEqual((action["phase"], action["error"]["code"]), ("unverified", "read_back_unreadable"))


if __name__ == "__main__":
    unittest.main()
