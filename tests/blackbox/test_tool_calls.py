"""Tool calls as models make them: made into a plan, run once, and answered in the model's own format and never with a lie."""
import json
import unittest

import harness
from tool_documents import ALL, KEY, LOOKUP, NONE, READ, changed

SOON = changed(KEY, name="things.make_soon", start_to_close_timeout="1s", schedule_to_close_timeout="1s")
PATH = "/v1/plans:from_tool_calls"


def wire(tool):
    return tool["name"].replace(".", "__")


def openai(id, arguments, tool=KEY):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id, "type": "function", "function": {"name": wire(tool), "arguments": text}}


def anthropic(id, input, tool=KEY):
    return {"type": "tool_use", "id": id, "name": wire(tool), "input": input}


def content(result):
    return json.loads(result["content"])


class Plans(harness.SharedEngineTest):
    tools = ALL

    def test_calls_become_one_action_each_one_after_the_other(self):
        answer = self.client.post(PATH, {"tool_calls": [openai("call_a", {"name": "a"}), openai("call_b", {"name": "b"})]})
        self.assertEqual(answer.status, 200, answer)
        document = answer.json
        self.assertEqual((document["format"], document["valid"], document["problems"], document["warnings"]),
                         ("openai", True, [], []))
        first, second = document["plan"]["actions"]
        self.assertEqual(first, {"id": "call_a", "tool": "things.make", "input": {"name": "a"}})
        self.assertEqual(second["after"], ["call_a"])
        self.assertEqual(self.client.get("/v1/workflows").json["workflows"], [], "nothing was run")

    def test_parallel_calls_wait_for_nothing_and_go_on_without_each_other(self):
        calls = [openai("call_a", {"name": "a"}), openai("call_b", {"name": "b"})]
        plan = self.client.post(PATH, {"tool_calls": calls, "parallel": True, "name": "mine"}).json["plan"]
        self.assertEqual((plan["name"], plan["on_failure"]), ("mine", "continue"))
        self.assertTrue(all("after" not in action for action in plan["actions"]))

    def test_the_same_calls_in_every_shape_give_the_same_actions(self):
        call, use = openai("call_a", {"name": "a"}), anthropic("call_a", {"name": "a"})
        text = {"type": "text", "text": "I make it."}
        shapes = [{"tool_calls": [call]}, {"message": {"role": "assistant", "content": None, "tool_calls": [call]}},
                  {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}, {"content": [text, use]},
                  {"message": {"id": "msg_1", "role": "assistant", "stop_reason": "tool_use", "content": [text, use]}},
                  {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [text, use],
                   "stop_reason": "tool_use", "usage": {}},
                  {"format": "anthropic", "content": [use]}]
        for shape in shapes:
            answer = self.client.post(PATH, shape)
            self.assertEqual(answer.status, 200, (shape, answer))
            self.assertEqual(answer.json["plan"]["actions"],
                             [{"id": "call_a", "tool": "things.make", "input": {"name": "a"}}])

    def test_problems_stand_where_the_model_wrote_them_and_come_all_at_once(self):
        calls = [openai("a", {"name": "", "sise": 1}), openai("b", '{"name": "x", "name": "y"}'), openai("c", '{"name"'),
                 {"id": "d", "type": "function", "function": {"name": "things__mak", "arguments": "{}"}}]
        place = "/tool_calls/{}/function/arguments"
        document = self.client.post(PATH, {"tool_calls": calls}).json
        self.assertFalse(document["valid"])
        self.assertIsNone(document["plan"])
        self.assertEqual([(p["pointer"], p["code"]) for p in document["problems"]],
                         [(place.format(1) + "/name", "duplicate_name"), (place.format(2) + "/name", "syntax")])
        self.assertTrue(all(problem["message"] for problem in document["problems"]))
        document = self.client.post(PATH, {"tool_calls": [calls[0], calls[3]]}).json
        found = [(p["pointer"], p["code"]) for p in document["problems"]]
        for wanted in ((place.format(0) + "/name", "input_minLength"), (place.format(0) + "/sise",
                       "input_additionalProperties"), ("/tool_calls/1/function/name", "unknown_tool")):
            self.assertIn(wanted, found)
        unknown = [p for p in document["problems"] if p["code"] == "unknown_tool"]
        self.assertIn("things__make", unknown[0]["message"])
        use = self.client.post(PATH, {"message": {"content": [{"type": "text", "text": ""}, anthropic("a", {"name": 7})]}})
        self.assertEqual([(p["pointer"], p["code"]) for p in use.json["problems"]],
                         [("/message/content/1/input/name", "input_type")])

    def test_a_refused_call_is_told_to_the_model_in_its_format(self):
        answer = self.client.post(PATH, {"tool_calls": [openai("good", {"name": "x"}), openai("bad", {"nam": "x"})],
                                         "run": True})
        problem = self.assert_problem(answer, 422, "invalid_plan")
        self.assert_places(problem, ("/tool_calls/1/function/arguments", "input_required"))
        good, bad = problem["tool_results"]
        self.assertEqual([good["role"], good["tool_call_id"], bad["tool_call_id"]], ["tool", "good", "bad"])
        told = content(bad)
        self.assertEqual((told["status"], told["done"], told["error"]["retry"]), ("refused", False, "changed"))
        self.assertTrue(all(told["error"][part] for part in ("code", "message", "expected", "suggestion")))
        self.assertIn("/nam", [problem["place"] for problem in told["error"]["problems"]])
        self.assertEqual((content(good)["done"], content(good)["error"]["code"]), (False, "not_run"))
        self.assertEqual(self.client.get("/v1/workflows").json["workflows"], [])

    def test_what_a_model_writes_refers_to_nothing(self):
        tool = changed(KEY, name="things.any", input_schema={
            "type": "object", "required": ["name"], "additionalProperties": False,
            "properties": {"name": {"type": "object"}}})
        self.assertEqual(self.client.send("PUT", "/v1/tools/things.any", tool).status, 201)
        plan = self.client.post(PATH, {"tool_calls": [openai("a", {"name": {"$from": "/input"}}, tool)]}).json["plan"]
        self.assertEqual(plan["actions"][0]["input"], {"$literal": {"name": {"$from": "/input"}}})

    def test_ids_that_are_no_names_are_mapped_and_an_id_that_comes_twice_is_refused(self):
        calls = [openai(id, {"name": "x"}) for id in ("call 1", "call/1", ".hidden", "ok-1", "ü" * 100)]
        actions = self.client.post(PATH, {"tool_calls": calls}).json["plan"]["actions"]
        ids = [action["id"] for action in actions]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertEqual(ids[3], "ok-1")
        for id in ids:
            self.assertRegex(id, r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}$")
        twice = self.client.post(PATH, {"tool_calls": [openai("x", {"name": "x"})] * 2}).json
        self.assertEqual([(p["pointer"], p["code"]) for p in twice["problems"]], [("/tool_calls/1/id", "duplicate_id")])

    def test_a_body_that_is_wrong_is_refused_whole(self):
        call = openai("a", {"name": "x"})
        for body, place in (({}, ""), ({"tool_calls": []}, "/tool_calls"), ({"tool_calls": 7}, "/tool_calls"),
                            ({"tool_calls": [call], "paralel": True}, "/paralel"),
                            ({"tool_calls": [call], "format": "anthropic"}, "/content"),
                            ({"tool_calls": [{"type": "custom"}]}, "/tool_calls/0"),
                            ({"tool_calls": [{**call, "id": 7}]}, "/tool_calls/0/id"),
                            ({"tool_calls": [{"id": "a", "function": {"name": "x", "arguments": {}}}]},
                             "/tool_calls/0/function/arguments"),
                            ({"content": [{"type": "tool_use", "id": "a", "name": "b"}]}, "/content/0/input"),
                            ({"tool_calls": [call], "wait": "5s"}, "/wait"), ([], "")):
            problem = self.assert_problem(self.client.post(PATH, body), 400, "invalid_argument")
            self.assertIn(place, [error["pointer"] for error in problem["errors"]], body)
        self.assert_problem(self.client.post(PATH, {"tool_calls": [call], "run": True, "wait": "2h"}), 400,
                            "invalid_argument")


class Runs(harness.EngineTest):
    def run_calls(self, calls, status=201, **more):
        shape = "content" if "input" in calls[0] else "tool_calls"
        answer = self.client.post(PATH, {shape: calls, "run": True, **more})
        self.assertEqual(answer.status, status, answer)
        return answer

    def start(self):
        self.running = self.engine(*ALL, SOON)
        self.client = self.running.client

    def results(self, id, query=""):
        answer = self.client.get(f"/v1/workflows/{id}/tool_results{query}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def told(self, *calls, **more):
        """What the model is told of these calls, once nothing more can happen without a person."""
        document = self.run_calls(list(calls), wait="30s", **more).json
        self.assertEqual([result["tool_call_id"] for result in document["tool_results"]], [call["id"] for call in calls])
        return [content(result) for result in document["tool_results"]]

    def test_verified_and_executed_count_as_done_and_carry_their_receipts(self):
        self.start()
        made, placed = self.told(openai("call_1", {"name": "a"}), openai("call_2", {"name": "b"}, NONE))
        self.assertEqual((made["status"], made["done"], made["error"], made["record_id"]),
                         ("verified", True, None, "thing-1"))
        self.assertEqual(made["output"]["id"], "thing-1")
        self.assertEqual(made["receipt"]["receipt"], made["receipt_id"])
        self.assertEqual(made["receipt"], self.client.get(f"/v1/receipts/{made['receipt_id']}").json)
        self.assertEqual((placed["status"], placed["done"], placed["confidence"]), ("executed", True, "acknowledged"))

    def test_a_failure_says_what_it_left_and_whether_to_call_again(self):
        self.start()
        self.world.fault("POST", "/things", "status_before", status=422)
        refused, never = self.told(openai("call_1", {"name": "a"}), openai("call_2", {"name": "b"}))
        self.assertEqual((refused["status"], refused["done"], refused["effect"]), ("failed", False, "none"))
        self.assertEqual((refused["error"]["code"], refused["error"]["retry"]), ("http_422", "changed"))
        self.assertEqual((never["status"], never["done"], never["error"]["retry"]), ("cancelled", False, "later"))
        self.world.fault("POST", "/things", "answer_after", body={"id": "thing-1", "name": "z"})
        self.world.fault("GET", "/things", "lie", times=1000, status=200, body={"id": "thing-1", "name": "other"})
        wrong, = self.told(openai("call_3", {"name": "a"}))
        self.assertEqual((wrong["status"], wrong["error"]["code"], wrong["error"]["retry"]),
                         ("failed", "verification_mismatch", "no"))
        self.assertEqual([wrong["error"][part] for part in ("place", "expected", "got")], ["/name", "a", "other"])

    def test_doubt_and_want_of_verification_are_never_success_nor_a_reason_to_call_again(self):
        self.start()
        self.world.fault("POST", "/orders", "drop_after")
        doubt, = self.told(openai("call_1", {"name": "a"}, NONE))
        self.assertEqual((doubt["status"], doubt["done"], doubt["error"]["retry"]), ("in_doubt", False, "no"))
        self.world.fault("GET", "/things", "status_before", times=1000, status=500)
        unseen, = self.told(openai("call_2", {"name": "a"}, SOON))
        self.assertEqual((unseen["status"], unseen["done"], unseen["error"]["retry"]), ("unverified", False, "no"))
        self.assertEqual(unseen["state"], "executed")

    def test_what_still_runs_is_said_to_run_and_can_be_asked_for_later(self):
        self.start()
        gate = self.world.fault("POST", "/things", "gate_before")
        calls = [anthropic("toolu_1", {"name": "a"}), anthropic("toolu_2", {"name": "b"})]
        document = self.run_calls(calls).json
        gate.wait_reached()
        id = document["workflow"]["id"]
        now = self.results(id)
        self.assertEqual([(r["type"], r["tool_use_id"], r["is_error"]) for r in now["tool_results"]],
                         [("tool_result", "toolu_1", True), ("tool_result", "toolu_2", True)])
        self.assertEqual([(content(r)["status"], content(r)["done"], content(r)["error"]["retry"])
                          for r in now["tool_results"]], [("running", False, "no"), ("waiting", False, "no")])
        gate.open()
        end = self.results(id, "?wait=30s")
        self.assertEqual([(content(r)["status"], r["is_error"]) for r in end["tool_results"]],
                         [("verified", False), ("verified", False)])
        other = self.results(id, "?format=openai")
        self.assertEqual([r["tool_call_id"] for r in other["tool_results"]], ["toolu_1", "toolu_2"])

    def test_a_cancelled_call_is_not_done(self):
        self.start()
        self.world.fault("POST", "/things", "status_before", times=1000, status=429, headers={"Retry-After": "30"})
        id = self.run_calls([openai("call_1", {"name": "a"})]).json["workflow"]["id"]
        self.client.wait_for_action(id, lambda action: action["phase"] == "rate_limited", "waits")
        self.client.post(f"/v1/workflows/{id}:cancel")
        told = content(self.results(id, "?wait=30s")["tool_results"][0])
        self.assertEqual((told["status"], told["done"], told["effect"]), ("cancelled", False, "none"))

    def test_a_read_gives_its_whole_answer(self):
        self.start()
        self.world.things["t"] = {"id": "t", "name": "n" * 4000}
        got, = self.told(openai("call_1", {"id": "t"}, READ))
        self.assertEqual((got["done"], got["output"], got["output_whole"]), (True, self.world.things["t"], True))

    def test_the_same_call_ids_run_once_over_a_kill_and_in_no_other_company(self):
        self.start()
        calls = [openai("call_1", {"name": "a"}), openai("call_2", {"name": "b"})]
        answers = harness.in_parallel(8, lambda _: self.client.post(PATH, {"tool_calls": calls, "run": True}))
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 7 + [201])
        id = answers[0].json["workflow"]["id"]
        self.client.end_of(id)
        self.running.kill9()
        self.client = self.running.start().client
        again = self.run_calls(calls, status=200)
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual(again.json["workflow"]["id"], id)
        self.assertTrue(all(content(result)["done"] for result in again.json["tool_results"]))
        for others in ([calls[0]], [openai("call_0", {"name": "c"}), calls[1]], calls[::-1]):
            self.assert_problem(self.client.post(PATH, {"tool_calls": others, "run": True}), 409, "conflict")
        changed_call = [openai("call_1", {"name": "other"}), calls[1]]
        self.assert_problem(self.client.post(PATH, {"tool_calls": changed_call, "run": True}), 409, "conflict")
        self.assertEqual(len(self.world.effects("/things")), 2)

    def test_an_id_or_key_of_the_callers_takes_the_place_of_the_calls_ids(self):
        self.start()
        call = [openai("call_1", {"name": "a"})]
        self.run_calls(call, id="turn-1")
        self.run_calls(call, id="turn-1", status=200)
        self.run_calls(call, id="turn-2")
        body = {"tool_calls": call, "run": True}
        first, second = (self.client.post(PATH, body, Idempotency_Key="key-1") for _ in range(2))
        self.assertEqual((first.status, second.status), (201, 200))
        self.assertEqual(first.json["workflow"]["id"], second.json["workflow"]["id"])

    def test_any_workflow_gives_results_when_a_format_is_named(self):
        self.start()
        id = self.client.start({"id": "a", "tool": LOOKUP["name"], "input": {"name": "x"}})
        self.client.end_of(id)
        self.assert_problem(self.client.get(f"/v1/workflows/{id}/tool_results"), 400, "invalid_argument")
        self.assert_problem(self.client.get("/v1/workflows/nobody/tool_results"), 404, "not_found")
        self.assert_problem(self.client.get(f"/v1/workflows/{id}/tool_results?format=mcp"), 400, "invalid_argument")
        self.assertEqual(self.results(id, "?format=openai")["tool_results"][0]["tool_call_id"], "a")


if __name__ == "__main__":
    unittest.main()
