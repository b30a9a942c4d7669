"""What a plan can say beside its calls: conditions, lists, fallbacks, undoing, a deadline. Also across kill -9."""
import unittest

import harness
from harness import wait_until
from tool_documents import ALL, KEY, NATURAL, READ, make


def names(calls, method):
    """The names of things in the order in which calls of a method made them."""
    return [call.body["name"] for call in calls if call.method == method and call.effect]


def undoable(id, **more):
    """Makes a thing; undone by putting another one that names its record."""
    undo = {"tool": NATURAL["name"], "input": {"name": {"$text": f"undo-{id}-${{/actions/{id}/record_id}}"}}}
    return make(id, compensate=undo, **more)


class Features(harness.EngineTest):
    def test_a_skipped_action_sends_nothing_and_its_dependents_go_on(self):
        engine = self.engine(*ALL)
        id = engine.client.start(make("a", when={"equals": [{"$from": "/input/go"}, True]}), make("b", after=["a"]),
                                 input={"go": False})
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], [a["state"] for a in document["actions"]]), ("verified", ["skipped", "verified"]))
        self.assertEqual(names(self.world.calls, "POST"), ["name-of-b"])
        self.assertIn("skipped by its own condition", engine.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_every_element_of_a_list_has_its_own_effect_and_receipt(self):
        engine = self.engine(*ALL)
        each = {"id": "each", "tool": KEY["name"], "for_each": {"$from": "/input/names"}, "max_parallel": 2,
                "input": {"name": {"$from": "/item"}, "size": {"$from": "/index"}}}
        look = {"id": "look", "tool": READ["name"], "input": {"id": {"$from": "/actions/each/output/1/id"}}}
        id = engine.client.start(each, look, input={"names": ["x", "y", "z"]})
        document = engine.client.end_of(id)
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["state"], action["confidence"]), ("verified", "verified", "read_back"))
        self.assertEqual([(run["element"], run["state"]) for run in action["elements"]], [(i, "verified") for i in range(3)])
        self.assertEqual(sorted(names(self.world.calls, "POST")), ["x", "y", "z"])
        receipts = engine.client.receipts(id)
        self.assertEqual(len({r["idempotency_key"] for r in receipts if r["element"] is not None}), 3)
        whole = [r for r in receipts if r["action"] == "each" and r["element"] is None][-1]
        self.assertEqual(whole["elements"], {"total": 3, "verified": 3})
        self.assertIn("Was run for 3 elements", engine.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_a_fallback_is_tried_after_a_refusal_and_its_receipt_names_what_it_stands_in_for(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/things", "status_before", status=422)
        id = engine.client.start(make("a", fallback={"tool": NATURAL["name"], "input": {"name": "other"}}),
                                 {"id": "b", "tool": READ["name"], "input": {"id": {"$from": "/actions/a/output/id"}}})
        document = engine.client.end_of(id)
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["tool"]["name"], action["state"]),
                         ("verified", NATURAL["name"], "verified"))
        self.assertEqual(action["fallback"]["instead_of"]["state"], "failed")
        latest = [r for r in engine.client.receipts(id) if r["action"] == "a"][-1]
        self.assertEqual((latest["role"], latest["fallback"]["for"]),
                         ("fallback", action["fallback"]["instead_of"]["receipt"]))

    def test_what_was_done_is_undone_in_reverse_order_and_verified(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/orders", "status_before", status=422)
        fail = {"id": "c", "tool": "orders.place", "input": {"name": "n"}, "after": ["b"]}
        id = engine.client.start(undoable("a"), undoable("b", after=["a"]), fail, on_failure="compensate")
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "failed")
        self.assertEqual([name[:6] for name in names(self.world.calls, "PUT")], ["undo-b", "undo-a"])
        for action in document["actions"][:2]:
            self.assertEqual((action["state"], [run["state"] for run in action["compensations"]]), ("verified", ["verified"]))
        self.assertNotIn("compensations", document["actions"][2])
        report = engine.client.get(f"/v1/workflows/{id}/report").json
        self.assertEqual([line["state"] for line in report["compensations"]], ["verified", "verified"])
        self.assertIn("To undo a: Was done", report["text"])

    def test_what_a_fallback_did_is_undone_by_its_own_call(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/things", "status_before", status=422)
        self.world.fault("POST", "/orders", "status_before", status=422)
        undo = {"tool": NATURAL["name"], "input": {"name": {"$text": "undo-${/actions/a/record_id}"}}}
        fail = {"id": "b", "tool": "orders.place", "input": {"name": "n"}, "after": ["a"]}
        id = engine.client.start(undoable("a", fallback={"tool": NATURAL["name"], "input": {"name": "other"}, "compensate": undo}),
                                 fail, on_failure="compensate")
        document = engine.client.end_of(id)
        self.assertEqual([name[:5] for name in names(self.world.calls, "PUT")], ["other", "undo-"])
        self.assertEqual([run["state"] for run in document["actions"][0]["compensations"]], ["verified"])
        undone = [r for r in engine.client.receipts(id) if r["role"] == "compensate_fallback"][-1]
        self.assertEqual((undone["state"], undone["action"]), ("verified", "a"))

    def test_after_the_deadline_nothing_new_is_sent(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(make("a"), make("b", after=["a"]), deadline="300ms")
        gate.wait_reached()
        engine.client.wait_for_action(id, lambda action: action["error"] is not None, "has missed its deadline", action=1)
        gate.open()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], [a["state"] for a in document["actions"]]), ("failed", ["verified", "failed"]))
        self.assertEqual(document["actions"][1]["error"]["code"], "deadline_exceeded")
        self.assertEqual(names(self.world.calls, "POST"), ["name-of-a"])


class Killed(harness.EngineTest):
    def test_a_list_goes_on_where_it_was_and_nothing_happens_twice(self):
        engine = self.engine(*ALL)
        each = {"id": "each", "tool": KEY["name"], "for_each": [f"n{i}" for i in range(6)], "max_parallel": 1,
                "input": {"name": {"$from": "/item"}}}
        # A send and its repeat after the kill, of three elements: each gate stands before the call that runs into it.
        gates = [self.world.fault("POST", "/things", "gate_after") for _ in range(6)]
        id = engine.client.start(each)
        for number, gate in enumerate(gates):
            gate.wait_reached()
            is_first = number % 2 == 0
            if is_first:
                engine.kill9()
            gate.open()
            if is_first:
                engine.start()
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        self.assertEqual(names(self.world.calls, "POST"), [f"n{i}" for i in range(6)])
        self.assertEqual(len(self.world.things), 6)

    def test_a_list_longer_than_its_room_for_calls_is_there_whole_after_a_kill(self):
        engine = self.engine(*ALL)
        each = {"id": "each", "tool": KEY["name"], "for_each": [f"n{i}" for i in range(100)], "input": {"name": {"$from": "/item"}}}
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(each)
        gate.wait_reached()
        engine.kill9()
        gate.open()
        engine.start()
        elements = engine.client.workflow(id)["actions"][0]["elements"]
        self.assertEqual([run["element"] for run in elements], list(range(100)))
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        self.assertEqual({run["state"] for run in document["actions"][0]["elements"]}, {"verified"})
        self.assertEqual(sorted(thing["name"] for thing in self.world.things.values()), sorted(f"n{i}" for i in range(100)))

    def test_a_fallback_under_way_is_found_again(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/things", "status_before", status=422)
        gate = self.world.fault("PUT", "/things", "gate_after")
        id = engine.client.start(make("a", fallback={"tool": NATURAL["name"], "input": {"name": "other"}}))
        gate.wait_reached()
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["tool"]["name"]), ("verified", NATURAL["name"]))
        self.assertEqual(len(self.world.things), 1)

    def test_undoing_goes_on_after_a_crash(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/orders", "status_before", status=422)
        gate = self.world.fault("PUT", "/things/undo-b", "gate_after")
        fail = {"id": "c", "tool": "orders.place", "input": {"name": "n"}, "after": ["b"]}
        id = engine.client.start(undoable("a"), undoable("b", after=["a"]), fail, on_failure="compensate")
        gate.wait_reached()
        wait_until(lambda: engine.client.workflow(id)["status"] == "compensating", "it is undone")
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual([action["state"] for action in document["actions"]], ["verified", "verified", "failed"])
        for action in document["actions"][:2]:
            self.assertEqual([run["state"] for run in action["compensations"]], ["verified"])
        self.assertEqual(len([thing for thing in self.world.things if thing.startswith("undo")]), 2)

    def test_a_deadline_that_passes_while_the_engine_is_down_holds(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(make("a"), make("b", after=["a"]), deadline="1ms")
        gate.wait_reached()
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id, until_attention=True)
        self.assertIn(document["actions"][0]["state"], ("verified", "pending"), "never failed while it may have happened")
        self.assertEqual(document["actions"][1]["error"]["code"], "deadline_exceeded")
        self.assertEqual(names(self.world.calls, "POST"), ["name-of-a"])


if __name__ == "__main__":
    unittest.main()
