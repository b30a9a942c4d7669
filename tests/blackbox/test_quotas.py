"""What a namespace may use, from the configuration."""
import unittest

import harness
from harness import in_parallel, wait_until
from test_flow import nap, run_plan, wait_signal
from test_tool_calls import openai
from tool_documents import ALL, make

QUOTAS = "[quotas]\nrequests_per_second = 1000\n[quotas.busy]\nrequests_per_second = 5"


class Quotas(harness.EngineTest):
    def test_a_namespace_that_asks_too_often_is_told_so_and_the_others_are_not(self):
        engine = self.engine(config=QUOTAS)
        busy, calm = engine.client_of(None, "busy"), engine.client_of(None, "calm")
        answers = in_parallel(40, lambda _: busy.get("/v1/workflows"))
        refused = [answer for answer in answers if answer.status != 200]
        self.assertGreaterEqual(len(answers) - len(refused), 5)
        self.assertGreater(len(refused), 0)
        for answer in refused:
            document = self.assert_problem(answer, 429, "quota_exceeded")
            self.assertTrue(document["safe_to_retry"])
            self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertTrue(all(answer.status == 200 for answer in in_parallel(40, lambda _: calm.get("/v1/workflows"))))
        self.assertEqual(busy.get("/healthz").status, 200, "what is open is not counted")
        harness.wait_until(lambda: busy.get("/v1/workflows").status == 200, "the next second has come")

    def test_a_wrong_quota_is_named(self):
        for config, place in (("[quotas]\nrequests_per_second = 0", "quotas.requests_per_second"),
                              ("[quotas]\nrequests_per_secnd = 1", "quotas.requests_per_secnd"),
                              ("[quotas]\nopen_workflows = 0", "quotas.open_workflows"),
                              ("[quotas]\nbytes = -1", "quotas.bytes"),
                              ("[quotas.a]\nopen = 1", "quotas.a.open")):
            with self.subTest(config):
                code, log = self.prepare(config=config).refused()
                self.assertEqual(code, 2)
                self.assertIn(place, log)


def used(client):
    return client.get("/v1/quotas").json


class OpenWorkflows(harness.EngineTest):
    def submit(self, client, id=None, key=None, *actions):
        return client.submit({"name": "a-plan", "actions": list(actions) or [wait_signal()]}, id, key)

    def test_a_race_never_gets_beyond_the_limit_and_what_ends_makes_room(self):
        engine = self.engine(config="[quotas]\nopen_workflows = 10")
        answers = in_parallel(64, lambda n: self.submit(engine.client, f"w{n}"))
        taken = [answer.json["id"] for answer in answers if answer.status == 201]
        self.assertEqual(len(taken), 10, answers)
        for answer in answers:
            if answer.status != 201:
                document = self.assert_problem(answer, 429, "quota_exceeded")
                self.assertTrue(document["safe_to_retry"])
                self.assertIn("10 open workflows", document["detail"])
                self.assertEqual(answer.headers["Retry-After"], "1")
        listed = engine.client.get("/v1/workflows?limit=1000").json["workflows"]
        self.assertEqual(sorted(one["id"] for one in listed), sorted(taken), "what was refused is not there")
        self.assertEqual(used(engine.client)["open_workflows"], {"limit": 10, "used": 10})
        self.assertEqual(used(engine.client)["bytes"], {"limit": None, "used": None})
        self.assertEqual(engine.client.post(f"/v1/workflows/{taken[0]}:cancel").status, 200)
        engine.client.end_of(taken[0])
        answers = in_parallel(16, lambda n: self.submit(engine.client, f"again{n}"))
        self.assertEqual([answer.status for answer in answers].count(201), 1, "one place was free")

    def test_who_is_full_is_still_answered_and_still_cancels_and_others_do_not_notice(self):
        engine = self.engine(*ALL, config="[quotas]\nopen_workflows = 1\n[quotas.wide]\nopen_workflows = 2")
        self.assertEqual(self.submit(engine.client, "a", "key-a").status, 201)
        self.assert_problem(self.submit(engine.client, "b"), 429, "quota_exceeded")
        repeated = self.submit(engine.client, "a", "key-a")
        self.assertEqual((repeated.status, repeated.headers["Idempotent-Replayed"]), (200, "true"))
        self.assertEqual(engine.client.post("/v1/plans:check", {"plan": {"name": "p", "actions": [nap()]}}).status, 200)
        run = {"tool_calls": [openai("c1", {"name": "n"})], "run": True}
        refused = engine.client.post("/v1/plans:from_tool_calls", run)
        self.assert_problem(refused, 429, "quota_exceeded")
        wide = engine.client_of(None, "wide")
        self.assertEqual([self.submit(wide, f"w{n}").status for n in range(3)], [201, 201, 429])
        self.assertEqual(engine.client.post("/v1/workflows/a/signals/go", {"payload": "x"}).status, 201)
        self.assertEqual(engine.client.end_of("a")["outcome"], "verified")
        self.assertEqual(engine.client.post("/v1/plans:from_tool_calls", run).status, 201)

    def test_what_a_namespace_has_is_known_again_after_kill_9(self):
        engine = self.engine(*ALL, config="[quotas]\nopen_workflows = 6\nbytes = 1000000")
        for n in range(6):
            self.assertEqual(self.submit(engine.client, f"w{n}", None, nap("first", "1ms"),
                                         wait_signal(after=["first"]) if n % 2 else nap("long", "1h", after=["first"]))
                             .status, 201)
        engine.client.post("/v1/workflows/w0:cancel")
        engine.client.end_of("w0")
        engine.client.post("/v1/workflows/w1/signals/go", {"payload": {"note": "x" * 500}})
        engine.client.end_of("w1")
        engine.client.post("/v1/workflows/w3/signals/other", {"payload": {"note": "y" * 700}})
        for n in (2, 3, 4, 5):
            engine.client.wait_for_action(f"w{n}", lambda action: action["phase"] == "waiting", "waits", 1)
        before = used(engine.client)
        self.assertEqual(before["open_workflows"]["used"], 4)
        for _ in range(2):
            engine.kill9()
            engine.start()
            self.assertEqual(used(engine.client), before)
        self.assertEqual([self.submit(engine.client, f"again{n}").status for n in range(3)], [201, 201, 429])

    def test_a_failed_one_that_is_retried_counts_again_and_is_not_refused(self):
        engine = self.engine(*ALL, config="[quotas]\nopen_workflows = 1")
        self.assertEqual(self.submit(engine.client, "a", None,
                                     {"id": "must", "tool": "flow.assert", "input": {"that": {"equals": [1, 2]}}},
                                     wait_signal(after=["must"])).status, 201)
        self.assertEqual(engine.client.end_of("a")["outcome"], "failed")
        self.assertEqual(self.submit(engine.client, "b").status, 201)
        self.assertEqual(engine.client.post("/v1/workflows/a:retry").status, 200)

    def test_a_child_waits_for_its_place(self):
        engine = self.engine(*ALL, config="[quotas]\nopen_workflows = 2")
        self.assertEqual(self.submit(engine.client, "other").status, 201)
        self.assertEqual(self.submit(engine.client, "parent", None, run_plan(make("x"))).status, 201)
        child = engine.client.wait_for_action("parent", lambda action: action["phase"] == "waiting", "waits")
        child = child["actions"][0]["waits_for"]["workflow"]
        self.assert_problem(self.submit(engine.client, "more"), 429, "quota_exceeded")
        self.assertEqual(engine.client.get(f"/v1/workflows/{child}").status, 404, "there is no room for it")
        engine.client.post("/v1/workflows/other/signals/go", {})
        self.assertEqual(engine.client.end_of("parent")["outcome"], "verified")
        self.assertEqual(engine.client.end_of(child)["outcome"], "verified")
        wait_until(lambda: used(engine.client)["open_workflows"]["used"] == 0, "all places are free")

    def test_all_children_begin_as_places_come_free(self):
        engine = self.engine(*ALL, config="[quotas]\nopen_workflows = 3")
        for id in ("other-1", "other-2"):
            self.assertEqual(self.submit(engine.client, id).status, 201)
        runs = [run_plan(nap("first", "1ms"), id=f"c{n}") for n in range(20)]
        self.assertEqual(self.submit(engine.client, "parent", None, *runs).status, 201)
        engine.client.wait_for_action("parent", lambda action: action["phase"] == "waiting", "waits", 19)
        engine.client.post("/v1/workflows/other-1/signals/go", {})
        self.assertEqual(engine.client.end_of("parent")["outcome"], "verified")

    def test_a_parent_whose_child_waits_for_room_can_be_cancelled(self):
        engine = self.engine(*ALL, config="[quotas]\nopen_workflows = 1")
        self.assertEqual(self.submit(engine.client, "parent", None, run_plan(make("x"))).status, 201)
        engine.client.wait_for_action("parent", lambda action: action["phase"] == "waiting", "waits")
        self.assertEqual(engine.client.post("/v1/workflows/parent:cancel").status, 200)
        self.assertEqual(engine.client.end_of("parent")["outcome"], "cancelled")
        self.assertEqual(self.submit(engine.client, "next").status, 201)


class Bytes(harness.EngineTest):
    def plan(self, size, name="p"):
        return {"name": name, "actions": [wait_signal()], "input": {"padding": "x" * size}}

    def test_what_submissions_and_signals_bring_never_goes_beyond_the_limit(self):
        engine = self.engine(config="[quotas]\nbytes = 20000")
        answers = in_parallel(64, lambda n: engine.client.submit(self.plan(1_500), f"w{n}"))
        taken = [answer.json["id"] for answer in answers if answer.status == 201]
        self.assertTrue(5 <= len(taken) <= 13, len(taken))
        for answer in answers:
            if answer.status != 201:
                self.assertIn("bytes", self.assert_problem(answer, 429, "quota_exceeded")["detail"])
        state = used(engine.client)["bytes"]
        self.assertLessEqual(state["used"], 20_000)
        self.assertGreater(state["used"], 20_000 - 1_800)
        signal = f"/v1/workflows/{taken[0]}/signals/"
        refused = engine.client.post(signal + "other", {"payload": "y" * 5_000}, Idempotency_Key="s1")
        self.assert_problem(refused, 429, "quota_exceeded")
        self.assertEqual(used(engine.client)["bytes"], state, "what was refused is not kept")
        self.assertEqual(engine.client.post(signal + "go", {"payload": "y" * 500}).status, 201,
                         "a small one lets a workflow end")
        engine.client.end_of(taken[0])
        wait_until(lambda: used(engine.client)["bytes"]["used"] < state["used"] - 1_500, "its bytes are given back")
        self.assertEqual(engine.client.submit(self.plan(1_000), "fits").status, 201)

    def test_what_would_never_fit_is_told_so_and_not_to_come_later(self):
        engine = self.engine(config="[quotas]\nopen_workflows = 1\nbytes = 2000")
        self.assertEqual(engine.client.submit(self.plan(10), "full").status, 201)
        signal = {"payload": "y" * 3_000}
        for refused in (engine.client.submit(self.plan(3_000), "big"),
                        engine.client.post("/v1/workflows/full/signals/other", signal)):
            document = self.assert_problem(refused, 413, "payload_too_large")
            self.assertFalse(document["safe_to_retry"])
            self.assertNotIn("Retry-After", refused.headers)
            self.assertIn("2000", document["detail"])
        later = self.assert_problem(engine.client.submit(self.plan(10)), 429, "quota_exceeded")
        self.assertTrue(later["safe_to_retry"])

    def test_what_a_workflow_gathers_counts_and_is_not_refused(self):
        engine = self.engine(*ALL, config="[quotas]\nbytes = 4000")
        id = engine.client.start(make("x", input={"name": "n" * 900}), make("y", input={"name": "m" * 900}),
                                 wait_signal(after=["x", "y"]), id="big")
        document = engine.client.wait_for_action(id, lambda action: action["phase"] == "waiting", "waits", 2)
        self.assertEqual([action["state"] for action in document["actions"][:2]], ["verified", "verified"])
        self.assertGreater(used(engine.client)["bytes"]["used"], 4_000)
        self.assert_problem(engine.client.submit(self.plan(1)), 429, "quota_exceeded")
        engine.client.post("/v1/workflows/big/signals/go", {})
        engine.client.end_of(id)
        wait_until(lambda: used(engine.client)["bytes"]["used"] == 0, "all of it is given back")


class Shown(harness.EngineTest):
    def test_the_command_shows_what_is_used(self):
        engine = self.engine(config="[quotas]\nopen_workflows = 3\nrequests_per_second = 1000")
        engine.client.start(wait_signal())
        code, output, error = harness.run_cli("quotas", server=engine.url)
        self.assertEqual((code, error), (0, ""))
        self.assertRegex(output, r"open workflows +1 +3\n")
        self.assertRegex(output, r"requests per second +- +1000\n")
        self.assertRegex(output, r"bytes of open workflows +- +none\n")

    def test_what_a_namespace_does_not_say_is_as_usual(self):
        engine = self.engine(config="[quotas]\nopen_workflows = 3\nbytes = 5000\n[quotas.own]\nopen_workflows = 9")
        own = used(engine.client_of(None, "own"))
        self.assertEqual((own["open_workflows"]["limit"], own["bytes"]), (9, {"limit": 5000, "used": 0}))


if __name__ == "__main__":
    unittest.main()
