"""Submitting: one id or key, one workflow, whatever happens in between (CONTRACT §6)."""
import json
import unittest

import harness
from harness import in_parallel, wait_until
from tool_documents import ALL, KEY, READ, changed, make

PLAN = {"name": "a-plan", "input": {"size": 3}, "actions": [make()]}


class OneEngine(harness.SharedEngineTest):
    tools = ALL

    def test_a_new_workflow_is_answered_with_201_its_place_and_its_version(self):
        answer = self.client.submit(PLAN, id="new-one", labels={"team": "sales"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.headers["Location"], "/v1/workflows/new-one")
        self.assertEqual(answer.headers["ETag"], f'"{answer.json["version"]}"')
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertRegex(answer.headers["Request-Id"], "^req_[0-9a-f]{16}$")
        self.assertIsNone(answer.headers["Idempotent-Replayed"])
        self.assertEqual((answer.json["id"], answer.json["labels"]), ("new-one", {"team": "sales"}))

    def test_without_an_id_the_workflow_gets_a_uuid_of_version_7(self):
        answer = self.client.submit(PLAN)
        self.assertEqual(answer.status, 201)
        self.assertRegex(answer.json["id"], "^wf_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertNotEqual(answer.json["id"], self.client.submit(PLAN).json["id"])

    def test_the_same_id_and_body_answers_the_first_workflow_in_whatever_order_members_come(self):
        self.assertEqual(self.client.submit(PLAN, id="same").status, 201)
        body = ('{ "plan" : {"actions":[{"input":{"name":"name-of-make"},"tool":"things.make","id":"m\\u0061ke"}],\n'
                '"input":{"size":3.0e0},"name":"a-plan"},"id":"same"}')
        again = self.client.post("/v1/workflows", body.encode())
        self.assertEqual((again.status, again.headers["Idempotent-Replayed"]), (200, "true"), again)
        self.assertEqual(again.headers["Location"], "/v1/workflows/same")
        self.assertEqual(again.json["id"], "same")
        self.client.end_of("same")
        self.assertEqual(len([call for call in self.world.sends() if call.effect and call.key == self.key_of("same")]),
                         1)

    def test_the_same_id_with_another_body_is_a_conflict(self):
        self.assertEqual(self.client.submit(PLAN, id="taken").status, 201)
        for other in ({**PLAN, "name": "another"}, {**PLAN, "input": {"size": 4}}):
            document = self.assert_problem(self.client.submit(other, id="taken"), 409, "conflict")
            self.assertFalse(document["safe_to_retry"])
        self.assert_problem(self.client.submit(PLAN, id="taken", labels={"a": "b"}), 409, "conflict")
        self.assertEqual(self.client.workflow("taken")["name"], "a-plan")

    def test_the_same_idempotency_key_and_body_answers_the_first_workflow(self):
        first = self.client.submit(PLAN, key="key-1")
        again = self.client.submit(PLAN, key="key-1")
        quoted = self.client.submit(PLAN, key='"key-1"')
        self.assertEqual((first.status, again.status, quoted.status), (201, 200, 200))
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual({again.json["id"], quoted.json["id"]}, {first.json["id"]})

    def test_the_same_idempotency_key_with_another_body_is_refused(self):
        self.assertEqual(self.client.submit(PLAN, key="key-2").status, 201)
        self.assert_problem(self.client.submit({**PLAN, "name": "b"}, key="key-2"), 422, "idempotency_key_reused")
        self.assert_problem(self.client.submit(PLAN, id="with-an-id", key="key-2"), 422, "idempotency_key_reused")
        self.assert_problem(self.client.get("/v1/workflows/with-an-id"), 404, "not_found")

    def test_an_idempotency_key_has_1_to_255_characters(self):
        self.assertEqual(self.client.submit(PLAN, key="k" * 255).status, 201)
        self.assert_problem(self.client.submit(PLAN, key="k" * 256), 400, "invalid_argument")
        self.assert_problem(self.client.submit(PLAN, key='""'), 400, "invalid_argument")

    def test_64_clients_that_race_with_one_key_make_one_workflow(self):
        answers = in_parallel(64, lambda _: self.client.submit(PLAN, key="raced"))
        self.assertEqual({type(answer) for answer in answers}, {harness.Answer}, answers)
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 63 + [201])
        self.assertEqual(len({answer.json["id"] for answer in answers}), 1)

    def test_64_clients_that_race_with_one_id_and_two_bodies_make_one_workflow(self):
        other = {**PLAN, "name": "the-other"}
        answers = in_parallel(64, lambda index: self.client.submit(other if index % 2 else PLAN, id="raced-id"))
        statuses = [answer.status for answer in answers]
        self.assertEqual((statuses.count(201), statuses.count(200), statuses.count(409)), (1, 31, 32), statuses)
        won = self.client.workflow("raced-id")["name"]
        for index, answer in enumerate(answers):
            self.assertEqual(answer.status == 409, ("the-other" if index % 2 else "a-plan") != won)

    def test_racing_clients_with_one_key_and_ids_of_their_own_make_one_workflow(self):
        before = len(self.client.get("/v1/workflows?limit=1000").json["workflows"])
        answers = in_parallel(32, lambda index: self.client.submit(PLAN, id=f"own-{index}", key="one-key"))
        statuses = [answer.status for answer in answers]
        self.assertEqual((statuses.count(201), statuses.count(422)), (1, 31), statuses)
        self.assertEqual(len(self.client.get("/v1/workflows?limit=1000").json["workflows"]), before + 1)

    def key_of(self, id):
        return self.client.end_of(id) and self.client.receipts(id)[0]["idempotency_key"]


class AcrossRestarts(harness.EngineTest):
    def test_a_submission_repeated_after_kill_9_in_the_middle_of_a_race_is_one_workflow(self):
        engine = self.engine(*ALL)
        for round_number in range(3):
            key = f"round-{round_number}"
            def submit(index, key=key):
                if index == 0:
                    # Somewhere in the middle: as soon as one of the others has its answer, or has lost it.
                    wait_until(lambda: done, "somebody was answered")
                    engine.kill9()
                    return None
                try:
                    return engine.client.submit(PLAN, key=key)
                finally:
                    done.append(index)
            done = []
            answers = [answer for answer in in_parallel(32, submit) if isinstance(answer, harness.Answer)]
            accepted = {answer.json["id"] for answer in answers if answer.status in (200, 201)}
            self.assertLessEqual(len(accepted), 1, "one key, one workflow")
            engine.start()
            again = engine.client.submit(PLAN, key=key)
            self.assertIn(again.status, (200, 201))
            if accepted:
                self.assertEqual((again.status, {again.json["id"]}), (200, accepted), "what was acknowledged is there")
            self.assertEqual(engine.client.end_of(again.json["id"])["outcome"], "verified")
        self.assertEqual(len(engine.client.get("/v1/workflows?limit=1000").json["workflows"]), 3)
        self.assertEqual(len(self.world.effects()), 3)

    def test_everything_acknowledged_before_kill_9_is_there_after_it(self):
        engine = self.engine(*ALL)
        acknowledged = []
        def submit(index):
            if index == 0:
                wait_until(lambda: len(acknowledged) >= 40, "40 submissions were acknowledged")
                engine.kill9()
                return
            for number in range(40):
                answer = engine.client.submit(PLAN, id=f"w-{index}-{number}")
                if answer.status == 201:
                    acknowledged.append(answer.json["id"])
        in_parallel(8, submit)
        engine.start()
        for id in acknowledged:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(len(self.world.effects()), len({call.key for call in self.world.effects()}),
                         "no key has two effects")

    def test_a_repeat_is_answered_though_the_tool_was_changed_and_the_engine_restarted(self):
        engine = self.engine(*ALL)
        first = engine.client.submit(PLAN, id="old", key="old-key").json
        stricter = changed(KEY, input_schema={"type": "object", "additionalProperties": False, "properties": {}},
                           execute={**KEY["execute"], "body": {}}, verify="none", reason="it is another tool now")
        answer = engine.client.send("PUT", "/v1/tools/things.make", stricter)
        self.assertEqual(answer.status, 201, answer)
        self.assert_problem(engine.client.submit(PLAN), 422, "invalid_plan")

        def still_answered():
            by_id = engine.client.submit(PLAN, id="old")
            by_key = engine.client.submit(PLAN, id="old", key="old-key")
            for answer in (by_id, by_key):
                self.assertEqual((answer.status, answer.json["id"]), (200, "old"), answer)
                self.assertEqual(answer.json["actions"][0]["tool"], first["actions"][0]["tool"], "it keeps its version")
        still_answered()
        engine.client.end_of("old")
        engine.kill9()
        engine.write_tools(stricter, READ)
        engine.start()
        still_answered()
        self.assert_problem(engine.client.submit({**PLAN, "name": "b"}, id="old"), 409, "conflict")


class Stopping(harness.EngineTest):
    def test_while_it_stops_new_plans_get_503_and_repeats_of_accepted_ones_do_not(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        self.assertEqual(engine.client.submit(PLAN, id="before").status, 201)
        gate.wait_reached()
        engine.terminate()
        wait_until(lambda: engine.client.get("/readyz").status == 503, "it stops")
        refused = engine.client.submit(PLAN, id="after")
        self.assertTrue(self.assert_problem(refused, 503, "shutting_down")["safe_to_retry"])
        self.assertTrue(refused.headers["Retry-After"])
        self.assert_problem(engine.client.send("PUT", "/v1/tools/things.make", KEY), 503, "shutting_down")
        self.assertEqual(json.loads(engine.client.get("/healthz").body), {"status": "ok"})
        gate.open()
        self.assertEqual(engine.ended(), 0)


if __name__ == "__main__":
    unittest.main()
