"""Kill -9 and SIGTERM while calls are in flight: what was done is found again, and nothing is done twice."""
import time
import unittest

import harness
from harness import wait_until
from tool_documents import ALL, KEY, LOOKUP, NATURAL, NONE, NONE_WITH_LOOK, changed, make


class Killed(harness.EngineTest):
    def kill_during(self, tool, fault, method="POST", prefix="/"):
        """Starts one action, kills the engine while its call is held, starts it again; returns (engine, workflow id)."""
        engine = self.engine(*ALL)
        gate = self.world.fault(method, prefix, fault)
        id = engine.client.start(make("thing", tool))
        gate.wait_reached()
        engine.kill9()
        gate.open()
        if fault == "gate_before":
            # The late first send still lands in the world, as it may in life.
            wait_until(self.world.effects, "the first send has landed")
        engine.start()
        return engine, id

    def test_mode_key_sends_again_with_the_same_key_and_makes_one_effect(self):
        for fault in ("gate_after", "gate_before"):
            with self.subTest(fault):
                before = len(self.world.calls)
                engine, id = self.kill_during(KEY, fault)
                document = engine.client.end_of(id)
                action = document["actions"][0]
                self.assertEqual((document["outcome"], action["attempts"], action["confidence"]),
                                 ("verified", 2, "read_back"))
                sends = [call for call in self.world.calls[before:] if call.method == "POST"]
                self.assertEqual((len(sends), len({call.key for call in sends})), (2, 1))
                self.assertEqual(len([call for call in sends if call.effect]), 1)
                self.assertEqual(sends[0].key, engine.client.receipts(id)[-1]["idempotency_key"])
                types = [event["type"] for event in engine.client.events(id)]
                self.assertIn("workflow.resumed", types)
                self.assertIn("action.unclear", types)
                engine.close()

    def test_mode_lookup_adopts_what_is_there_and_does_not_send_again(self):
        engine, id = self.kill_during(LOOKUP, "gate_after")
        document = engine.client.end_of(id)
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["attempts"], action["confidence"]), ("verified", 1, "lookup"))
        self.assertEqual(len(self.world.sends("POST")), 1)
        self.assertEqual(action["record_id"], "thing-1")
        self.assertIn("action.adopted", [event["type"] for event in engine.client.events(id)])
        self.assertIn("found under our key after a lost answer",
                      engine.client.get(f"/v1/workflows/{id}/report").json["text"])

    def test_mode_lookup_sends_again_only_after_absence_was_seen(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_lost")
        id = engine.client.start(make("thing", LOOKUP))
        gate.wait_reached()
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["attempts"]), ("verified", 2))
        calls = [call.method + " " + call.path.partition("?")[0] for call in self.world.calls]
        self.assertEqual(calls[0], "POST /things")
        self.assertEqual(calls[1], "GET /things", "it looks before it sends again")
        self.assertEqual(len(self.world.sends("POST")), 2)
        self.assertEqual(len(self.world.effects()), 1)
        self.assertIn("action.absent", [event["type"] for event in engine.client.events(id)])

    def test_mode_natural_repeats_and_is_verified_once_quiet_has_passed(self):
        engine, id = self.kill_during(NATURAL, "gate_after", method="PUT")
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["attempts"]), ("verified", 2))
        self.assertEqual(len(self.world.sends("PUT")), 2)
        self.assertEqual(len(self.world.things), 1)

    def test_mode_none_is_in_doubt_with_attention_and_never_sent_again(self):
        engine, id = self.kill_during(NONE, "gate_after")
        for _ in range(2):
            document = engine.client.end_of(id, until_attention=True)
            action = document["actions"][0]
            self.assertEqual((document["status"], document["outcome"], document["attention"]), ("running", None, True))
            self.assertEqual((action["state"], action["phase"], action["effect"], action["attempts"]),
                             ("pending", "in_doubt", "unknown", 1))
            self.assertEqual(action["error"]["code"], "engine_restart")
            receipt = engine.client.receipts(id)[-1]
            self.assertEqual((receipt["state"], receipt["phase"], receipt["next_state"]),
                             ("pending", "in_doubt", "operator"))
            self.assertIn("A person has to look", engine.client.get(f"/v1/workflows/{id}/report").json["text"])
            self.assertEqual(len(self.world.sends("POST")), 1)
            engine.kill9()
            engine.start()
        self.assertEqual(len(engine.client.receipts(id)), 1)

    def test_mode_none_with_a_read_back_that_matches_is_so_but_not_claimed_as_done(self):
        engine, id = self.kill_during(NONE_WITH_LOOK, "gate_after")
        document = engine.client.end_of(id)
        action = document["actions"][0]
        self.assertEqual((document["outcome"], action["confidence"], action["attempts"]),
                         ("verified", "state_match", 1))
        self.assertEqual(len(self.world.sends("POST")), 1)
        text = engine.client.get(f"/v1/workflows/{id}/report").json["text"]
        self.assertIn("Is so", text)
        self.assertNotIn("Was done", text)

    def test_a_read_back_in_flight_is_simply_made_again(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("GET", "/things/", "gate_before")
        id = engine.client.start(make("thing"))
        gate.wait_reached()
        wait_until(lambda: engine.client.workflow(id)["actions"][0]["phase"] == "verifying", "it is executed")
        engine.kill9()
        gate.open()
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["attempts"]), ("verified", 1))
        self.assertEqual(len(self.world.sends("POST")), 1)

    def test_many_workflows_in_the_middle_of_everything_lose_and_repeat_nothing(self):
        # More attempts than there are faults: else one that meets five of them is in doubt, as it should be.
        patient = {"initial_interval": "1ms", "maximum_interval": "50ms", "maximum_attempts": 100}
        tools = tuple(changed(tool, retry=patient) for tool in (KEY, LOOKUP, NATURAL))
        engine = self.engine(*tools)
        ids = []
        for round_number in range(4):
            effects = len(self.world.effects())
            for fault in ("drop_after", "drop_before", "status_after"):
                for method, path in (("POST", "/things"), ("PUT", "/things"), ("GET", "/things")):
                    self.world.fault(method, path, fault, times=2, status=503)
            for number in range(15):
                name = f"{round_number}-{number}"
                first, second = make(f"a-{name}", tools[number % 3]), make(f"b-{name}", tools[(number + 1) % 3],
                                                                           after=[f"a-{name}"])
                ids.append(engine.client.start(first, second, id=f"w-{name}"))
            wait_until(lambda: len(self.world.effects()) > effects + 5, "the work is under way")
            engine.kill9()
            engine.start(ready=False)
        for id in ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified", id)
        names = [thing["name"] for thing in self.world.things.values()]
        self.assertEqual((len(names), len(set(names))), (120, 120), "each thing is there once")


class Resumption(harness.EngineTest):
    def test_a_restart_resumes_at_once(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after", times=50)
        ids = [engine.client.start(make(f"thing-{number}"), id=f"w-{number}") for number in range(50)]
        wait_until(lambda: len(self.world.sends("POST")) == 50, "all calls are in flight")
        engine.kill9()
        gate.open()
        engine.start(ready=False)
        begun = time.monotonic()
        for id in ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertLess(time.monotonic() - begun, 5 * harness.SLOWNESS)
        self.assertEqual(len(self.world.things), 50)

    def test_a_wait_of_retry_after_survives_a_restart(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/things", "status_before", status=429, headers={"Retry-After": "3"})
        id = engine.client.start(make("thing"))
        waiting = engine.client.wait_for_action(id, lambda action: action["phase"] == "rate_limited",
                                                "waits")["actions"][0]
        self.assertEqual((waiting["state"], waiting["error"]["code"]), ("pending", "http_429"))
        engine.kill9()
        engine.start()
        again = engine.client.workflow(id)["actions"][0]
        self.assertEqual((again["phase"], again["next_at"]), ("rate_limited", waiting["next_at"]))
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        first, second = self.world.sends("POST")
        self.assertGreaterEqual(second.at - first.at, 3, "never before Retry-After")
        self.assertLess(second.at - first.at, 3 + 3 * harness.SLOWNESS)
        self.assertEqual(first.key, second.key)

    def test_a_changed_endpoint_leaves_a_lost_answer_in_doubt_and_sends_nothing_to_the_new_one(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(make("thing"))
        gate.wait_reached()
        engine.kill9()
        gate.open()
        other = type(self.world)()
        self.addCleanup(other.close)
        engine.write_config({"world": other.url})
        engine.start()
        action = engine.client.end_of(id, until_attention=True)["actions"][0]
        self.assertEqual((action["phase"], action["error"]["code"]), ("in_doubt", "endpoint_changed"))
        self.assertEqual(other.calls, [])
        self.assertEqual(len(self.world.sends("POST")), 1)


class Terminated(harness.EngineTest):
    def test_sigterm_lets_a_call_in_flight_finish_and_records_its_answer(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/orders", "gate_after")
        id = engine.client.start(make("order", NONE), make("later", NONE, after=["order"]))
        gate.wait_reached()
        engine.terminate()
        wait_until(lambda: "stopping" in engine.log(), "it stops")
        gate.open()
        self.assertEqual(engine.ended(), 0)
        engine.start()
        document = engine.client.end_of(id)
        self.assertEqual([action["state"] for action in document["actions"]], ["executed", "executed"])
        self.assertEqual(document["actions"][0]["attempts"], 1)
        self.assertEqual(len(self.world.orders), 2)

    def test_sigterm_ends_calls_that_outlast_the_grace(self):
        engine = self.engine(*ALL, config='shutdown_grace = "200ms"')
        gate = self.world.fault("POST", "/things", "gate_after")
        id = engine.client.start(make("thing"))
        gate.wait_reached()
        begun = time.monotonic()
        self.assertEqual(engine.stop(), 0)
        self.assertLess(time.monotonic() - begun, 5 * harness.SLOWNESS)
        gate.open()
        engine.start()
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(len(self.world.effects()), 1)

    def test_sigterm_leaves_nothing_of_mode_none_in_doubt(self):
        engine = self.engine(*ALL)
        ids = []
        for round_number in range(3):
            for number in range(40):
                actions = [make(f"{name}-{round_number}-{number}", NONE) for name in "abcd"]
                ids.append(engine.client.start(*actions, id=f"w-{round_number}-{number}"))
            self.assertEqual(engine.stop(), 0, engine.log())
            engine.start()
        for id in ids:
            document = engine.client.end_of(id, until_attention=True)
            self.assertEqual((document["outcome"], document["attention"]), ("executed", False), document)
        names = [order["name"] for order in self.world.orders]
        self.assertEqual((len(names), len(set(names))), (480, 480))

    def test_sigterm_is_heard_from_the_moment_it_listens(self):
        engine = self.engine(*ALL)
        gate = self.world.fault("POST", "/things", "gate_after", times=30)
        ids = [engine.client.start(make(f"thing-{number}")) for number in range(30)]
        wait_until(lambda: len(self.world.sends("POST")) == 30, "all calls are in flight")
        engine.kill9()
        gate.open()
        for _ in range(5):
            engine.start(ready=False)
            self.assertEqual(engine.stop(), 0, engine.log())
        engine.start()
        for id in ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(len(self.world.things), 30)

    def test_sigterm_does_not_wait_for_clients_that_wait(self):
        engine = self.engine(*ALL)
        self.world.fault("POST", "/things", "status_before", status=429, headers={"Retry-After": "600"})
        id = engine.client.start(make("thing"))
        engine.client.wait_for_action(id, lambda action: action["phase"] == "rate_limited", "waits")
        waiting = [harness.Raw(engine.port) for _ in range(6)]
        for number, connection in enumerate(waiting):
            path = (f"/v1/workflows/{id}?wait=60s", f"/v1/workflows/{id}/events")[number % 2]
            connection.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*, text/event-stream\r\n\r\n")
        begun = time.monotonic()
        self.assertEqual(engine.stop(), 0)
        self.assertLess(time.monotonic() - begun, 8 * harness.SLOWNESS)
        for connection in waiting:
            connection.read_to_end()
            connection.close()

    def test_sigterm_parks_what_waits_and_the_next_start_takes_it_up(self):
        down = type(self.world)()
        url = down.url
        down.close()
        engine = self.engine(*ALL, values={"world": url})
        id = engine.client.start(make("thing"))
        engine.client.wait_for_action(id, lambda action: action["phase"] == "backing_off", "backs off")
        self.assertEqual(engine.stop(), 0)
        engine.start()
        down.listen(int(url.rpartition(":")[2]))
        self.addCleanup(down.close)
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(len(down.things), 1)


if __name__ == "__main__":
    unittest.main()
