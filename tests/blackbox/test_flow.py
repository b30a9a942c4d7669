"""Settle's own tools: waiting for a time, a signal and a workflow, and demanding a condition. Also across kill -9."""
import json
import unittest

import harness
from harness import Raw, wait_until
from tool_documents import ALL, KEY, NATURAL, NONE, make


def nap(id="nap", length="1h", **more):
    return {"id": id, "tool": "flow.sleep", "input": {"for": length}, **more}


def wait_signal(id="wait", name="go", timeout=None, **more):
    given = {"name": name} if timeout is None else {"name": name, "timeout": timeout}
    return {"id": id, "tool": "flow.wait_signal", "input": given, **more}


def run_plan(*actions, id="child", name="child-plan", given=None, **more):
    """An action that runs a plan of these actions; `more` goes into the plan, but `after` and `fallback`."""
    outside = {member: more.pop(member) for member in ("after", "fallback", "compensate") if member in more}
    plan = {"name": name, "actions": list(actions), **more}
    input = {"plan": {"$literal": plan}} if given is None else {"plan": {"$literal": plan}, "input": given}
    return {"id": id, "tool": "flow.run_plan", "input": input, **outside}


def waiting(action):
    return action["phase"] == "waiting"


class Flow(harness.EngineTest):
    def signal(self, engine, id, name="go", body=None, key=None):
        return engine.client.send("POST", f"/v1/workflows/{id}/signals/{name}", body,
                                  {"Idempotency-Key": key} if key else {})

    def child_of(self, engine, id, action=0):
        """The id of the workflow that an action runs, once that exists."""
        child = engine.client.wait_for_action(id, waiting, "waits", action)["actions"][action]["waits_for"]["workflow"]
        wait_until(lambda: engine.client.get(f"/v1/workflows/{child}").status == 200, "the child is there")
        return child


class Sleeping(Flow):
    def test_it_sleeps_over_a_kill_and_wakes_in_time(self):
        engine = self.engine(*ALL)
        id = engine.client.start(nap(length="2s"), make("after", after=["nap"]))
        action = engine.client.wait_for_action(id, waiting, "sleeps")["actions"][0]
        self.assertEqual((action["state"], action["waits_for"]), ("pending", {"until": action["next_at"]}))
        engine.kill9()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        done = document["actions"][0]
        self.assertEqual((done["state"], done["confidence"], done["effect"], done["waits_for"]), ("verified", "response", "none", None))
        self.assertGreaterEqual(done["verified_at"], action["next_at"])
        receipt = [r for r in engine.client.receipts(id) if r["action"] == "nap"][-1]
        self.assertEqual((receipt["tool"]["name"], receipt["verification"]["method"]), ("flow.sleep", "clock"))
        self.assertIn("Has waited until its time", engine.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_a_long_sleep_is_found_again_and_ended_by_cancel_and_by_the_deadline(self):
        engine = self.engine(*ALL)
        cancelled = engine.client.start(nap(length="300d"), make(after=["nap"]))
        late = engine.client.start(nap(length="300d"), deadline="1500ms")
        engine.client.wait_for_action(late, waiting, "sleeps")
        engine.kill9()
        engine.start()
        self.assertEqual(engine.client.post(f"/v1/workflows/{cancelled}:cancel").status, 200)
        document = engine.client.end_of(cancelled)
        self.assertEqual((document["outcome"], [a["state"] for a in document["actions"]]), ("cancelled", ["cancelled"] * 2))
        document = engine.client.end_of(late)
        self.assertEqual((document["outcome"], document["actions"][0]["error"]["code"]), ("failed", "deadline_exceeded"))
        self.assertEqual(self.world.calls, [])


class Signals(Flow):
    def test_one_that_came_first_is_taken_later_also_after_a_kill(self):
        engine = self.engine(*ALL)
        id = engine.client.start(nap(length="1500ms"), wait_signal(after=["nap"]),
                                 {"id": "make", "tool": KEY["name"], "input": {"name": {"$from": "/actions/wait/output/payload/name"}}})
        answer = self.signal(engine, id, body={"payload": {"name": "from-a-signal"}})
        self.assertEqual((answer.status, answer.json["signal"], answer.json["taken_by"]), (201, 1, None))
        engine.kill9()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        self.assertEqual([thing["name"] for thing in self.world.things.values()], ["from-a-signal"])
        types = [(event["type"], event["action"]) for event in engine.client.events(id)]
        self.assertIn(("workflow.signalled", None), types)
        self.assertIn(("action.signalled", "wait"), types)
        self.assertIn('Has taken a signal "go"', engine.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_a_repeat_is_known_also_when_the_engine_died_before_its_answer_was_read(self):
        engine = self.engine(*ALL)
        id = engine.client.start(wait_signal("one"), wait_signal("two"), wait_signal("three"))
        body = json.dumps({"payload": 7}).encode()
        with Raw(engine.port) as raw:
            raw.send(f"POST /v1/workflows/{id}/signals/go HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k1\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            engine.client.wait_for_action(id, lambda action: action["state"] == "verified", "took it")
            engine.kill9()
        engine.start()
        answer = self.signal(engine, id, body={"payload": 7}, key="k1")
        self.assertEqual((answer.status, answer.headers["Idempotent-Replayed"], answer.json["taken_by"]), (200, "true", "one"))
        self.assert_problem(self.signal(engine, id, body={"payload": 8}, key="k1"), 422, "idempotency_key_reused")
        self.assert_problem(self.signal(engine, id, name="stop", body={"payload": 7}, key="k1"), 422, "idempotency_key_reused")
        self.assertEqual([a["state"] for a in engine.client.workflow(id)["actions"]], ["verified", "pending", "pending"])
        self.assertEqual(self.signal(engine, id, body={"key": "k2"}).status, 201)
        self.assertEqual(self.signal(engine, id).status, 201, "a body is not needed")
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(self.signal(engine, id, body={"payload": 7}, key="k1").status, 200, "a repeat is one for ever")
        self.assert_problem(self.signal(engine, id, key="k3"), 409, "wrong_state")
        taken = [event["data"]["signal"] for event in engine.client.events(id) if event["type"] == "action.signalled"]
        self.assertEqual(taken, [1, 2, 3])

    def test_a_wait_that_times_out_lets_the_fallback_follow(self):
        engine = self.engine(*ALL)
        id = engine.client.start(wait_signal(timeout="1s", fallback={"tool": KEY["name"], "input": {"name": "instead"}}))
        engine.client.wait_for_action(id, waiting, "waits")
        engine.kill9()
        engine.start()
        document = engine.client.end_of(id)
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["tool"]["name"]), ("verified", KEY["name"]))
        self.assertEqual(action["fallback"]["instead_of"]["error"]["code"], "signal_timeout")
        self.assertEqual(len(self.world.things), 1)

    def test_what_is_wrong_is_refused(self):
        engine = self.engine(*ALL)
        id = engine.client.start(wait_signal())
        self.assert_problem(self.signal(engine, "nobody"), 404, "not_found")
        self.assert_problem(self.signal(engine, id, name="a%20b"), 400, "invalid_argument")
        self.assert_problem(self.signal(engine, id, body={"payloda": 1}), 400, "invalid_argument")
        self.assert_problem(self.signal(engine, id, body={"key": "other"}, key="k"), 400, "invalid_argument")
        self.assert_problem(self.signal(engine, id, body={"payload": "x" * 65536}), 413, "payload_too_large")
        self.assertEqual(engine.client.workflow(id)["actions"][0]["phase"], "waiting")

    def test_a_workflow_takes_a_thousand(self):
        engine = self.engine(*ALL)
        id = engine.client.start(wait_signal(name="never"))
        answers = harness.in_parallel(8, lambda worker: [self.signal(engine, id, body={"payload": [worker, i]}).status
                                                         for i in range(125)])
        self.assertEqual(answers, [[201] * 125] * 8)
        self.assert_problem(self.signal(engine, id), 409, "signals_full")
        engine.kill9()
        engine.start()
        self.assert_problem(self.signal(engine, id), 409, "signals_full")

    def test_the_command_line_delivers_one_and_shows_the_wait(self):
        engine = self.engine(*ALL)
        id = engine.client.start(wait_signal(timeout="1h"))
        self.assertIn('waits for signal "go" until', harness.run_cli("show", id, server=engine.url)[1])
        code, output, _ = harness.run_cli("signal", id, "go", "--payload", '{"by": "ada"}', server=engine.url)
        self.assertEqual((code, "taken by wait" in output), (0, True), output)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(harness.run_cli("signal", id, "go", server=engine.url)[0], 5)


class Asserting(Flow):
    def test_what_does_not_hold_stops_the_plan_and_says_what_was_compared(self):
        engine = self.engine(*ALL)
        id = engine.client.start(make("a"), {"id": "hold", "tool": "flow.assert", "input": {
            "that": {"equals": [{"$from": "/actions/a/output/name"}, "other"]}, "message": "the name is kept"}},
            make("b", after=["hold"]))
        document = engine.client.end_of(id)
        self.assertEqual([a["state"] for a in document["actions"]], ["verified", "failed", "cancelled"])
        self.assertEqual(document["actions"][1]["error"], {"code": "assertion_failed",
                                                           "message": 'the name is kept: {"equals":["name-of-a","other"]}'})
        receipt = [r for r in engine.client.receipts(id) if r["action"] == "hold"][-1]
        self.assertEqual((receipt["input"]["that"], receipt["effect"]), ({"equals": ["name-of-a", "other"]}, "none"))
        self.assertEqual(len(self.world.things), 1)


class Children(Flow):
    def test_a_verified_one_makes_its_action_verified(self):
        engine = self.engine(*ALL)
        made = {"id": "x", "tool": KEY["name"], "input": {"name": {"$from": "/input/name"}}}
        child = run_plan(made, given={"name": {"$from": "/actions/a/output/id"}})
        child["input"]["labels"] = {"kind": "part"}
        id = engine.client.start(make("a"), child, make("z", after=["child"]))
        document = engine.client.end_of(id)
        action = document["actions"][1]
        self.assertEqual((document["outcome"], action["state"], action["confidence"], action["effect"]),
                         ("verified", "verified", "read_back", "complete"))
        inner = engine.client.workflow(action["record_id"])
        self.assertEqual((inner["parent"], inner["outcome"], inner["labels"]),
                         ({"workflow": id, "action": "child"}, "verified", {"kind": "part"}))
        self.assertIn("thing-1", [thing["name"] for thing in self.world.things.values()])
        receipt = [r for r in engine.client.receipts(id) if r["action"] == "child"][-1]
        self.assertEqual((receipt["verification"]["method"], receipt["record_id"]), ("workflow", inner["id"]))
        self.assertIn(f"Was run as workflow {inner['id']}", engine.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_one_that_failed_with_nothing_done_lets_the_fallback_follow_and_one_that_did_something_does_not(self):
        engine = self.engine(*ALL)
        other = {"tool": KEY["name"], "input": {"name": "instead"}}
        self.world.fault("POST", "/things", "status_before", status=422)
        id = engine.client.start(run_plan(make("x"), fallback=other))
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "verified")
        self.assertEqual(document["actions"][0]["fallback"]["instead_of"]["error"]["code"], "child_failed")
        self.world.fault("POST", "/orders", "status_before", status=422)
        id = engine.client.start(run_plan(make("x"), {"id": "y", "tool": NONE["name"], "input": {"name": "n"}, "after": ["x"]},
                                          fallback=other))
        document = engine.client.end_of(id, until_attention=True)
        self.assertEqual((document["actions"][0]["phase"], document["actions"][0]["effect"]), ("fallback_held", "partial"))

    def test_kills_at_every_moment_lose_and_repeat_nothing(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(run_plan(run_plan(make("x"), id="inner"), make("y", after=["inner"])),
                                 make("z", after=["child"]))
        # Each gate stands before the engine starts that is to run into it.
        for following in (("GET", "/things/", "gate_before"), ("POST", "/things", "gate_after"), None):
            gate.wait_reached()
            engine.kill9()
            held, gate = gate, self.world.fault(*following) if following else None
            held.open()
            engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], [a["state"] for a in document["actions"]]), ("verified", ["verified"] * 2))
        self.assertEqual(sorted(thing["name"] for thing in self.world.things.values()), ["name-of-x", "name-of-y", "name-of-z"])
        self.assertEqual(len([call for call in self.world.calls if call.effect]), 3)
        listed = engine.client.get("/v1/workflows").json["workflows"]
        self.assertEqual([w["outcome"] for w in listed], ["verified"] * 3)

    def test_many_parents_killed_while_children_begin_and_end(self):
        engine = self.engine(*ALL)
        ids = [engine.client.start(run_plan(nap(length=f"{20 * (i % 40)}ms"), make("x", input={"name": f"n{i}"}, after=["nap"])))
               for i in range(30)]
        for _ in range(4):
            engine.kill9()
            engine.start()
        for id in ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(sorted(thing["name"] for thing in self.world.things.values()), sorted(f"n{i}" for i in range(30)))
        self.assertEqual(len([call for call in self.world.calls if call.effect]), 30)
        self.assertEqual(len(engine.client.get("/v1/workflows?limit=200").json["workflows"]), 60)

    def test_cancel_of_the_parent_reaches_the_innermost_one(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("PUT", "/things", "gate_after")
        id = engine.client.start(run_plan(run_plan(make("x", NATURAL), make("y", after=["x"]), id="inner"), nap()))
        gate.wait_reached()
        child = self.child_of(engine, id)
        grandchild = self.child_of(engine, child)
        answer = engine.client.post(f"/v1/workflows/{id}:cancel")
        self.assertEqual((answer.status, answer.json["status"]), (200, "cancelling"))
        wait_until(lambda: engine.client.workflow(grandchild)["status"] == "cancelling", "it is asked to end")
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["state"], document["actions"][0]["effect"]),
                         ("cancelled", "cancelled", "partial"))
        self.assertEqual(engine.client.workflow(child)["outcome"], "cancelled")
        self.assertEqual([a["state"] for a in engine.client.workflow(grandchild)["actions"]], ["verified", "cancelled"])
        self.assertEqual(len(self.world.things), 1)

    def test_the_deadline_of_the_parent_ends_the_child(self):
        engine = self.engine(*ALL)
        id = engine.client.start(run_plan(make("x"), nap(after=["x"])), deadline="1500ms")
        child = self.child_of(engine, id)
        engine.kill9()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["error"]["code"], document["actions"][0]["effect"]),
                         ("failed", "deadline_exceeded", "partial"))
        self.assertEqual(engine.client.workflow(child)["outcome"], "cancelled")

    def test_one_that_is_cancelled_by_itself_fails_its_parent(self):
        engine = self.engine(*ALL)
        id = engine.client.start(run_plan(nap()))
        self.assertEqual(engine.client.post(f"/v1/workflows/{self.child_of(engine, id)}:cancel").status, 200)
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["error"]["code"]), ("failed", "child_cancelled"))

    def test_one_that_needs_a_person_is_seen_at_its_parent_also_after_a_kill(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/orders", "gate_after")
        id = engine.client.start(run_plan({"id": "x", "tool": NONE["name"], "input": {"name": "n"}}))
        gate.wait_reached()
        engine.kill9()
        gate.open()
        for _ in range(2):
            engine.start()
            document = engine.client.end_of(id, until_attention=True)
            self.assertEqual((document["status"], document["attention"], document["actions"][0]["waits_for"]["attention"]),
                             ("running", True, True))
            engine.kill9()

    def test_a_plan_inside_is_checked_with_the_whole_and_again_when_it_begins(self):
        engine = self.engine(*ALL)
        answer = engine.client.submit({"name": "p", "actions": [run_plan({"id": "x", "tool": "things.mak", "input": {"name": "n"}})]})
        document = self.assert_problem(answer, 422, "invalid_plan")
        self.assert_places(document, ("/plan/actions/0/input/plan/$literal/actions/0/tool", "unknown_tool"))
        late = {"id": "x", "tool": KEY["name"], "input": {"name": "n", "size": {"$from": "/input/size"}}}
        id = engine.client.start(make("a"), run_plan(late, given={"size": {"$from": "/actions/a/output/name"}}))
        document = engine.client.end_of(id)
        self.assertEqual((document["actions"][1]["error"]["code"], document["actions"][1]["effect"]), ("invalid_plan", "none"))

    def test_an_id_that_somebody_took_before_is_no_child(self):
        engine = self.engine(*ALL)
        first = engine.client.start(run_plan(nap(length="0s")), id="p1")
        taken = engine.client.end_of(first)["actions"][0]["record_id"]
        other = self.engine(*ALL)
        self.assertEqual(other.client.submit({"name": "squatter", "actions": [nap()]}, id=taken).status, 201)
        other.client.start(run_plan(nap(length="0s")), id="p1")
        document = other.client.end_of("p1")
        self.assertEqual((document["actions"][0]["error"]["code"], document["actions"][0]["effect"]), ("child_conflict", "none"))
        self.assertEqual(other.client.workflow(taken)["status"], "running")

    def test_a_full_engine_delays_a_child_and_loses_none(self):
        engine = self.engine(*ALL, config="[limits]\nlive_workflows = 1")  # one for each of the two loops
        id = engine.client.start(wait_signal(), run_plan(make("x"), after=["wait"]))
        gates = [self.world.fault("POST", "/things", "gate_after") for _ in range(2)]
        started = 0
        while started < 2:
            blocker = {"name": "blocker", "actions": [make("b", input={"name": f"b{started}"})]}
            started += engine.client.submit(blocker).status == 201
        self.assertEqual(self.signal(engine, id).status, 201)
        child = engine.client.wait_for_action(id, waiting, "waits", 1)["actions"][1]["waits_for"]["workflow"]
        self.assert_problem(engine.client.get(f"/v1/workflows/{child}"), 404, "not_found")
        for gate in gates:
            gate.wait_reached()
            gate.open()
        # A request that waits would keep the parent in the one place that the child may need.
        harness.wait_until(lambda: engine.client.workflow(id)["status"] == "ended", "the parent ends")
        self.assertEqual(engine.client.workflow(id)["outcome"], "verified")
        self.assertEqual(engine.client.workflow(child)["outcome"], "verified")


class Listed(Flow):
    def test_the_tools_are_listed_and_can_be_neither_put_nor_disabled_nor_exported(self):
        engine = self.engine(*ALL)
        tools = engine.client.get("/v1/tools").json["tools"]
        own = [tool["name"] for tool in tools if tool["builtin"]]
        self.assertEqual(own, ["flow.approve", "flow.assert", "flow.emit", "flow.run_plan", "flow.sleep", "flow.wait_signal"])
        self.assertEqual([tool["name"] for tool in tools], sorted(tool["name"] for tool in tools))
        detail = engine.client.get("/v1/tools/flow.sleep").json
        self.assertEqual((detail["version"], detail["document"]["name"]), ([t for t in tools if t["name"] == "flow.sleep"][0]["version"], "flow.sleep"))
        self.assert_problem(engine.client.post(f"/v1/tools/flow.sleep/versions/{detail['version']}:disable"), 409, "wrong_state")
        self.assertEqual(engine.client.send("PUT", "/v1/tools/flow.sleep", {**KEY, "name": "flow.sleep"}).status, 422)
        self.assertNotIn("flow", json.dumps(engine.client.get("/v1/tools?format=openai").json))


if __name__ == "__main__":
    unittest.main()
