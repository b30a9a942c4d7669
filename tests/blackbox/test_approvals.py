"""Approvals: who must agree before a call leaves, who may, and that nothing else is ever sent. Also across kill -9."""
import unittest

import harness
from harness import in_parallel, wait_until
from tool_documents import ALL, KEY, NONE, changed, make

ASKS = changed(KEY, name="things.ask", approval={})
TWO = changed(KEY, name="things.ask_two", approval={"approvers": 2})
LARGE = changed(KEY, name="things.large", approval={"when": {"greater": [{"$from": "/input/size"}, 100]}})
SHORT = changed(KEY, name="things.short", approval={"expires": "300ms"})
URGENT = changed(KEY, name="things.urgent", approval={"expires": "300ms", "on_expiry": "escalate"})
DESTRUCTIVE = changed(NONE, name="orders.shred", risk="destructive")
TOOLS = (*ALL, ASKS, TWO, LARGE, SHORT, URGENT, DESTRUCTIVE)


def awaiting(action):
    return action["phase"] == "awaiting_approval"


class Approvals(harness.EngineTest):
    def asked(self, engine, id, action=0):
        """The open request of an action, in full."""
        waits = engine.client.wait_for_action(id, awaiting, "is asked about", action)["actions"][action]["waits_for"]
        answer = engine.client.get(f"/v1/approvals/{waits['approval']}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def decide(self, engine, request, verb="approve", who="ada", **more):
        body = {"digest": request["digest"], "who": who, **more}
        return engine.client.post(f"/v1/approvals/{request['id']}:{verb}", body)

    def listed(self, engine, query=""):
        answer = engine.client.get(f"/v1/approvals{query}")
        self.assertEqual(answer.status, 200, answer)
        return [(one["id"], one["state"]) for one in answer.json["approvals"]]

    def events(self, engine, id):
        return [event["type"] for event in engine.client.events(id)]


class Life(Approvals):
    def test_from_the_request_to_the_receipt(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        self.assertEqual(self.world.calls, [], "nothing has left")
        self.assertEqual((request["state"], request["workflow"], request["action"], request["role"]),
                         ("open", id, "thing", "main"))
        self.assertEqual(request["input"], {"name": "name-of-thing"})
        self.assertEqual((request["tool"]["name"], request["tool"]["risk"]), ("things.ask", "write"))
        self.assertEqual(request["call"], {"connector": "http", "method": "POST", "url": self.world.url + "/things",
                                           "credential": None})
        self.assertEqual((request["approvers"], request["approved"], request["decisions"]), (1, 0, []))
        self.assertTrue(request["why"])
        document = engine.client.workflow(id)
        self.assertTrue(document["attention"])
        self.assertIn(id, [w["id"] for w in engine.client.get("/v1/workflows?attention=true").json["workflows"]])
        self.assertEqual(self.listed(engine), [(request["id"], "open")])

        answer = self.decide(engine, request, reason="looks right")
        self.assertEqual((answer.status, answer.json["state"]), (200, "approved"))
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["attention"]), ("verified", False))
        receipt = engine.client.receipts(id)[-1]
        self.assertEqual([(one["by"], one["decision"], one["reason"], one["digest"]) for one in receipt["approvals"]],
                         [("ada", "approved", "looks right", request["digest"])])
        types = self.events(engine, id)
        self.assertLess(types.index("action.approval_requested"), types.index("action.approved"))
        self.assertLess(types.index("action.approved"), types.index("action.started"))
        self.assertEqual(self.listed(engine), [])
        self.assertEqual(self.listed(engine, f"?state=approved&workflow={id}"), [(request["id"], "approved")])

    def test_a_rejection_is_a_failure_without_effect_that_the_planner_can_read(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS, fallback={"tool": KEY["name"], "input": {"name": "instead"}}))
        request = self.asked(engine, id)
        self.assert_problem(self.decide(engine, request, "reject"), 400, "invalid_argument")
        self.assertEqual(self.decide(engine, request, "reject", reason="too dear").json["state"], "rejected")
        document = engine.client.end_of(id)
        first = document["actions"][0]["fallback"]["instead_of"]
        self.assertEqual((first["state"], first["phase"], first["effect"]), ("failed", "approval_rejected", "none"))
        self.assertEqual(first["error"]["message"], "ada has rejected it: too dear")
        self.assertEqual(document["outcome"], "verified", "nothing was done, so the fallback followed")
        self.assertEqual([thing["name"] for thing in self.world.things.values()], ["instead"])

    def test_a_destructive_tool_asks_by_itself_and_a_condition_asks_only_where_it_holds(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("shred", DESTRUCTIVE))
        self.assertEqual(self.asked(engine, id)["tool"]["risk"], "destructive")
        small = engine.client.start({"id": "a", "tool": LARGE["name"], "input": {"name": "s", "size": 100}})
        self.assertEqual(engine.client.end_of(small)["outcome"], "verified")
        large = engine.client.start({"id": "a", "tool": LARGE["name"], "input": {"name": "l", "size": 101}})
        self.assertIn('"greater":[101,100]', self.asked(engine, large)["why"])
        unsaid = engine.client.start({"id": "a", "tool": LARGE["name"], "input": {"name": "u"}})
        self.asked(engine, unsaid)

    def test_a_plan_may_ask_for_more_and_not_for_less(self):
        engine = self.engine(*TOOLS)
        plan = {"name": "p", "actions": [make("thing", TWO, approval={"approvers": 1})]}
        self.assert_places(self.assert_problem(engine.client.submit(plan), 422, "invalid_plan"),
                           ("/plan/actions/0/approval/approvers", "policy_loosened"))
        id = engine.client.start(make("thing", approval={"approvers": 2, "expires": "1h"}))
        self.assertEqual(self.asked(engine, id)["approvers"], 2)

    def test_a_gate_in_the_plan_names_who_agreed(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start({"id": "gate", "tool": "flow.approve", "input": {"title": "Ship it?", "details": [1]}},
                                 {"id": "thing", "tool": KEY["name"], "input": {"name": {"$from": "/actions/gate/output/approved_by/0"}}})
        request = self.asked(engine, id)
        self.assertEqual((request["title"], request["input"]["details"], request["call"]), ("Ship it?", [1], None))
        self.decide(engine, request, who="grace")
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual([thing["name"] for thing in self.world.things.values()], ["grace"])
        self.assertIn("Was agreed to by grace.", engine.client.get(f"/v1/workflows/{id}/report").json["text"])


class Deciding(Approvals):
    def test_two_people_are_two_and_one_who_says_it_twice_is_one(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", TWO))
        request = self.asked(engine, id)
        for _ in range(2):
            answer = self.decide(engine, request)
            self.assertEqual((answer.status, answer.json["state"], answer.json["approved"]), (200, "open", 1))
        self.assert_problem(self.decide(engine, request, "reject", reason="changed my mind"), 409, "wrong_state")
        self.assertEqual(self.events(engine, id).count("action.approved"), 1)
        self.assertEqual(self.world.calls, [])
        self.assertEqual(self.decide(engine, request, who="bob").json["state"], "approved")
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(self.decide(engine, request).status, 200, "said again after the end")
        self.assert_problem(self.decide(engine, request, who="eve"), 409, "wrong_state")
        self.assertEqual([one["by"] for one in engine.client.receipts(id)[-1]["approvals"]], ["ada", "bob"])

    def test_of_many_at_once_each_counts_once(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", TWO))
        request = self.asked(engine, id)
        answers = in_parallel(8, lambda index: self.decide(engine, request, who="ada" if index % 2 else "bob"))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(self.events(engine, id).count("action.approved"), 2)
        self.assertEqual(len(self.world.effects()), 1)

    def test_what_was_not_looked_at_is_refused(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        other = {**request, "digest": "sha256:" + "0" * 64}
        self.assert_problem(self.decide(engine, other), 409, "approval_changed")
        self.assert_problem(self.decide(engine, {**request, "id": "ap_nothing"}), 404, "not_found")
        self.assert_problem(engine.client.post(f"/v1/approvals/{request['id']}:approve", {"who": "ada"}), 400,
                            "invalid_argument")
        self.assert_problem(self.decide(engine, request, who=" "), 400, "invalid_argument")
        self.assert_problem(self.decide(engine, request, input={"name": "edited"}), 400, "invalid_argument")
        self.assertTrue(awaiting(engine.client.workflow(id)["actions"][0]))

    def test_after_its_time_it_has_failed_or_waits_on(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", SHORT))
        request = self.asked(engine, id)
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["error"]["code"]), ("failed", "approval_expired"))
        self.assert_problem(self.decide(engine, request), 409, "wrong_state")
        self.assertEqual(self.listed(engine, "?state=expired"), [(request["id"], "expired")])

        id = engine.client.start(make("thing", URGENT))
        request = self.asked(engine, id)
        wait_until(lambda: engine.client.get(f"/v1/approvals/{request['id']}").json["escalated"], "it is overdue")
        self.assertTrue(engine.client.workflow(id)["attention"])
        self.assertIn("action.approval_escalated", self.events(engine, id))
        self.assertEqual(self.decide(engine, request).status, 200)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def test_a_cancel_takes_it_back(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        engine.client.post(f"/v1/workflows/{id}:cancel")
        self.assertEqual(engine.client.end_of(id)["outcome"], "cancelled")
        self.assert_problem(self.decide(engine, request), 409, "wrong_state")
        self.assertEqual(self.listed(engine, "?state=withdrawn"), [(request["id"], "withdrawn")])
        self.assertEqual(self.world.calls, [])

    def test_a_pause_takes_decisions_and_sends_nothing(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        engine.client.post(f"/v1/workflows/{id}:pause")
        self.decide(engine, request)
        self.assertEqual(engine.client.workflow(id)["actions"][0]["phase"], "ready")
        self.assertEqual(self.world.calls, [])
        engine.client.post(f"/v1/workflows/{id}:resume")
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def test_a_retry_asks_anew(self):
        engine = self.engine(*TOOLS)
        self.world.fault("POST", "/things", "status_before", status=422)
        id = engine.client.start(make("thing", ASKS))
        first = self.asked(engine, id)
        self.decide(engine, first)
        self.assertEqual(engine.client.end_of(id)["outcome"], "failed")
        engine.client.post(f"/v1/workflows/{id}:retry")
        second = self.asked(engine, id)
        self.assertNotEqual(second["id"], first["id"])
        self.assert_problem(self.decide(engine, first, who="bob"), 409, "wrong_state")
        self.assertEqual(engine.client.get(f"/v1/approvals/{first['id']}").json["state"], "approved", "it stays shown")
        self.decide(engine, second)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def test_lists_go_page_by_page_from_the_newest(self):
        engine = self.engine(*TOOLS)
        ids = [self.asked(engine, engine.client.start(make("thing", ASKS)))["id"] for _ in range(5)]
        one = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, one)
        self.decide(engine, request)
        seen, cursor = [], ""
        while True:
            answer = engine.client.get(f"/v1/approvals?state=all&limit=2{cursor}")
            self.assertEqual(answer.status, 200, answer)
            page = answer.json
            seen += [approval["id"] for approval in page["approvals"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        self.assertEqual(sorted(seen[:5]), sorted(ids))
        self.assertEqual(seen[5:], [request["id"]], "those that are decided come after the open ones")
        for wrong in ("?state=opened", "?cursor=zz", "?cursor=00", "?limit=x", "?who=ada"):
            self.assert_problem(engine.client.get(f"/v1/approvals{wrong}"), 400, "invalid_argument")


class Killed(Approvals):
    def test_it_waits_over_a_kill_with_what_was_said_so_far(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", TWO))
        request = self.asked(engine, id)
        self.decide(engine, request)
        engine.kill9()
        engine.start()
        again = self.asked(engine, id)
        self.assertEqual((again["id"], again["digest"], again["approved"]), (request["id"], request["digest"], 1))
        self.assertEqual(self.listed(engine), [(request["id"], "open")])
        self.decide(engine, again, who="bob")
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(len(self.world.effects()), 1)

    def test_what_was_approved_and_not_yet_sent_is_sent_after_a_kill(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        engine.client.post(f"/v1/workflows/{id}:pause")
        self.decide(engine, request)
        engine.kill9()
        engine.start()
        self.assertEqual(self.world.calls, [])
        engine.client.post(f"/v1/workflows/{id}:resume")
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(self.events(engine, id).count("action.approval_requested"), 1)

    def test_what_goes_elsewhere_after_the_start_is_asked_for_anew(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        first = self.asked(engine, id)
        engine.client.post(f"/v1/workflows/{id}:pause")
        self.decide(engine, first)
        engine.kill9()
        engine.write_config({"world": self.world.url.replace("127.0.0.1", "localhost")})
        engine.start()
        engine.client.post(f"/v1/workflows/{id}:resume")
        second = self.asked(engine, id)
        self.assertNotEqual((second["id"], second["digest"]), (first["id"], first["digest"]))
        self.assertEqual(self.world.calls, [], "nobody has agreed to that")
        self.decide(engine, second)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def test_the_time_that_passes_while_the_engine_is_down_counts(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", changed(SHORT, name=SHORT["name"])))
        request = self.asked(engine, id)
        engine.kill9()
        engine.start()
        self.assertEqual(engine.client.end_of(id)["actions"][0]["error"]["code"], "approval_expired")
        self.assert_problem(self.decide(engine, request), 409, "wrong_state")


class CommandLine(Approvals):
    def cli(self, engine, *arguments, **more):
        return harness.run_cli(*arguments, server=engine.url, **more)

    def test_a_person_lists_looks_and_decides(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        code, output, _ = self.cli(engine, "approvals")
        self.assertEqual(code, 0)
        self.assertIn(request["id"], output)
        code, output, _ = self.cli(engine, "approvals", request["id"])
        for shown in (request["digest"], "POST " + self.world.url, '{"name":"name-of-thing"}', "things.ask"):
            self.assertIn(shown, output)
        _, output, _ = self.cli(engine, "show", id)
        self.assertIn(f"waits for approval {request['id']}, 0 of 1 given", output)
        code, _, error = self.cli(engine, "approve", request["id"], "--who", "ada")
        self.assertEqual(code, 2, "nobody can be asked, and no digest was given")
        self.assertIn("--digest", error)
        code, output, _ = self.cli(engine, "approve", request["id"], "--who", "ada", "--digest", request["digest"])
        self.assertEqual(code, 0, output)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        code, _, _ = self.cli(engine, "approve", request["id"], "--who", "bob", "--digest", request["digest"])
        self.assertEqual(code, 5)

    def test_a_rejection_says_why(self):
        engine = self.engine(*TOOLS)
        id = engine.client.start(make("thing", ASKS))
        request = self.asked(engine, id)
        self.assertEqual(self.cli(engine, "reject", request["id"], "--who", "ada")[0], 2)
        code, output, _ = self.cli(engine, "reject", request["id"], "--reason", "too dear", environment={"SETTLE_WHO": "ada"})
        self.assertEqual(code, 0)
        self.assertIn("too dear", output)
        self.assertEqual(engine.client.end_of(id)["actions"][0]["error"]["message"], "ada has rejected it: too dear")
        code, output, _ = self.cli(engine, "approvals", "--all", "--workflow", id)
        self.assertIn("rejected", output)


if __name__ == "__main__":
    unittest.main()
