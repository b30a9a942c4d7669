"""Cancelling: no new send, and nothing that may have happened is called cancelled."""
import unittest

import harness
from harness import in_parallel, wait_until
from tool_documents import ALL, LOOKUP, NONE, READ, make


class Cancelling(harness.SharedEngineTest):
    tools = ALL

    def cancel(self, id):
        return self.client.post(f"/v1/workflows/{id}:cancel")

    def setUp(self):
        self.world.heal()
        self.before = len(self.world.calls)

    def calls(self, method="POST"):
        return [call for call in self.world.calls[self.before:] if call.method == method]

    def test_a_call_in_flight_runs_to_its_answer_and_nothing_else_is_sent(self):
        gate = self.world.fault("POST", "/things", "gate_before")
        id = self.client.start(make("first"), make("second", after=["first"]))
        gate.wait_reached()
        answer = self.cancel(id)
        self.assertEqual((answer.status, answer.json["status"], answer.json["outcome"]), (200, "cancelling", None))
        self.assertEqual(answer.headers["ETag"], f'"{answer.json["version"]}"')
        self.assertEqual([action["state"] for action in answer.json["actions"]], ["pending", "cancelled"])
        again = self.cancel(id)
        self.assertEqual((again.status, again.json["status"]), (200, "cancelling"), "cancelling twice changes nothing")
        gate.open()
        document = self.client.end_of(id)
        self.assertEqual((document["status"], document["outcome"]), ("ended", "cancelled"))
        self.assertEqual([action["state"] for action in document["actions"]], ["verified", "cancelled"],
                         "what was done is said")
        self.assertEqual(len(self.calls()), 1)
        self.assertEqual(document["actions"][1]["attempts"], 0)
        self.assertIn("Was not done", self.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_a_call_that_was_not_sent_is_cancelled_and_not_tried_again(self):
        self.world.fault("POST", "/things", "status_before", times=1000, status=429, headers={"Retry-After": "60"})
        id = self.client.start(make("thing"))
        self.client.wait_for_action(id, lambda action: action["phase"] == "rate_limited", "waits")
        document = self.cancel(id).json
        self.assertEqual((document["status"], document["outcome"], document["actions"][0]["effect"]),
                         ("ended", "cancelled", "none"))
        self.assertEqual(len(self.calls()), 1)

    def test_what_is_unclear_is_looked_at_and_not_sent_again(self):
        gate = self.world.fault("POST", "/things", "gate_after")
        self.world.fault("GET", "/things?", "status_before", times=3, status=500)
        id = self.client.start(make("thing", LOOKUP))
        gate.wait_reached()
        self.cancel(id)
        self.world.server.drop_all()  # the answer is lost
        gate.open()
        document = self.client.end_of(id)
        self.assertEqual((document["actions"][0]["state"], document["actions"][0]["confidence"]),
                         ("verified", "lookup"))
        self.assertEqual(len(self.calls()), 1)

    def test_what_is_unclear_and_absent_ends_cancelled_with_no_effect(self):
        self.world.fault("POST", "/things", "drop_before")
        looking = self.world.fault("GET", "/things?", "gate_before")
        id = self.client.start(make("thing", LOOKUP))
        looking.wait_reached()
        self.assertEqual(self.cancel(id).json["status"], "cancelling")
        looking.open()
        document = self.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["state"], document["actions"][0]["effect"]),
                         ("cancelled", "cancelled", "none"))
        self.assertEqual(len(self.calls()), 1)

    def test_an_action_in_doubt_keeps_the_workflow_open(self):
        self.world.fault("POST", "/orders", "drop_after")
        id = self.client.start(make("order", NONE), make("other", READ) | {"input": {"id": "nobody"},
                                                                           "after": ["order"]})
        self.client.end_of(id, until_attention=True)
        document = self.cancel(id).json
        self.assertEqual((document["status"], document["outcome"], document["attention"]), ("cancelling", None, True))
        self.assertEqual([(action["state"], action["phase"]) for action in document["actions"]],
                         [("pending", "in_doubt"), ("cancelled", None)])

    def test_what_has_ended_can_not_be_cancelled(self):
        id = self.client.start(make("thing"))
        self.client.end_of(id)
        before = self.client.workflow(id)
        self.assert_problem(self.cancel(id), 409, "wrong_state")
        self.assertEqual(self.client.workflow(id), before)

    def test_cancels_that_race_with_the_end_leave_one_truth(self):
        for number in range(20):
            id = self.client.start(make(f"thing-{number}"))
            answers = in_parallel(4, lambda _, id=id: self.cancel(id))
            self.assertLessEqual({answer.status for answer in answers}, {200, 409})
            document = self.client.end_of(id)
            made = [call for call in self.calls() if call.effect and call.body["name"] == f"name-of-thing-{number}"]
            state = document["actions"][0]["state"]
            self.assertEqual((len(made), state), (1, "verified") if made else (0, "cancelled"), document)


class AcrossAKill(harness.EngineTest):
    def test_a_cancel_that_was_answered_survives_kill_9(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(make("first"), make("second", after=["first"]))
        gate.wait_reached()
        self.assertEqual(engine.client.post(f"/v1/workflows/{id}:cancel").json["status"], "cancelling")
        engine.kill9()
        gate.open()
        engine.start()
        # Mode key would send again, but a cancelled workflow sends nothing. It settles the open call by its read-back, or
        # says that it can't; it never calls it cancelled.
        wait_until(lambda: engine.client.workflow(id)["status"] == "ended" or engine.client.workflow(id)["attention"],
                   "it is settled")
        first, second = engine.client.workflow(id)["actions"]
        self.assertNotEqual(first["state"], "cancelled")
        self.assertEqual((second["state"], second["attempts"]), ("cancelled", 0))
        self.assertEqual(len(self.world.sends("POST")), 1)


if __name__ == "__main__":
    unittest.main()
