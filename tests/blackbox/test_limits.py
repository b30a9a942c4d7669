"""Limits of tools against a provider that counts: rate, concurrency, turns, pauses, circuits. Also across kill -9."""
import threading
import time
import unittest

import harness
from harness import SLOWNESS, wait_until
from tool_documents import KEY, NONE, changed, make
from world import World


class Counting(World):
    """Takes its time for each order, and knows how many it has before it at once."""

    def __init__(self, takes=0.02):
        self.takes, self.under_way, self.most, self._never = takes, 0, 0, threading.Event()
        super().__init__()

    def apply(self, call):
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self._never.wait(self.takes)
        try:
            return super().apply(call)
        finally:
            with self.lock:
                self.under_way -= 1


def orders(count, id="all", **more):
    """One order for each of so many names."""
    return {"id": id, "tool": NONE["name"], "for_each": {"$from": "/input/names"}, "on_element_failure": "continue",
            "input": {"name": {"$from": "/item"}}, **more}, [f"{id}-{number}" for number in range(count)]


def limited(tool=NONE, **limits):
    return changed(tool, rate_limit=limits)


class Limits(harness.EngineTest):
    def setUp(self):
        super().setUp()
        self.counting = Counting()
        self.addCleanup(self.counting.close)

    def start(self, *tools, **options):
        return self.engine(*tools, values={"world": self.counting.url}, **options)

    def test_two_hundred_parallel_orders_keep_to_rate_and_concurrency(self):
        engine = self.start(limited(per_second=50, concurrency=4))
        action, names = orders(200)
        begun = time.monotonic()
        id = engine.client.start(action, input={"names": names})
        document = engine.client.end_of(id)
        self.assertEqual(document["outcome"], "executed")
        self.assertEqual(sorted(order["name"] for order in self.counting.orders), sorted(names))
        self.assertLessEqual(self.counting.most, 4)
        self.assertGreater(time.monotonic() - begun, (200 - 50) / 50)

    def test_kill_9_in_the_middle_leaves_nothing_in_doubt_that_was_not_under_way(self):
        engine = self.start(limited(per_second=100, concurrency=4))
        action, names = orders(200)
        id = engine.client.start(action, input={"names": names})
        for done in (40, 90):
            wait_until(lambda done=done: len(self.counting.orders) >= done, f"{done} orders are there")
            engine.kill9()
            wait_until(lambda: self.counting.under_way == 0, "the provider is done with what the engine left behind")
            engine.start()

        def settled():
            elements = engine.client.workflow(id)["actions"][0].get("elements", [])
            return elements if all(e["state"] == "executed" or e["phase"] == "in_doubt" for e in elements) else None

        elements = wait_until(settled, "every element is executed or in doubt")
        self.assertEqual(len(elements), 200)
        in_doubt = [e for e in elements if e["phase"] == "in_doubt"]
        self.assertLessEqual(len(in_doubt), 8, "two kills, four calls under way each")
        self.assertTrue(all(e["attempts"] == 1 for e in elements), "mode none: one send each")
        made = [order["name"] for order in self.counting.orders]
        self.assertEqual(len(made), len(set(made)), "no order twice")
        self.assertGreaterEqual(len(made), 200 - len(in_doubt))
        self.assertLessEqual(self.counting.most, 4)

    def test_what_waits_says_why_since_when_and_until_when_and_can_be_cancelled(self):
        engine = self.start(limited(concurrency=1))
        gate = self.counting.fault("POST", "/orders", "gate_before")
        first = engine.client.start(make("first", tool=NONE))
        gate.wait_reached()
        second = engine.client.start(make("second", tool=NONE))
        third = engine.client.start(make("third", tool=NONE))
        action = engine.client.workflow(second)["actions"][0]
        self.assertEqual((action["state"], action["phase"], action["attempts"]), ("pending", "rate_limited", 0))
        self.assertEqual(action["waits_for"], {"limit": "concurrency", "tool": NONE["name"], "since": action["since"],
                                               "until": action["next_at"]})
        event = [e for e in engine.client.events(second) if e["type"] == "action.rate_limited"][0]
        self.assertEqual(event["data"], {"limit": "concurrency", "tool": NONE["name"], "until": action["next_at"]})
        self.assertEqual(engine.client.post(f"/v1/workflows/{second}:cancel").status, 200)
        self.assertEqual(engine.client.end_of(second)["outcome"], "cancelled")
        gate.open()
        self.assertEqual(engine.client.end_of(first)["outcome"], "executed")
        third_document = engine.client.end_of(third)
        self.assertEqual(third_document["outcome"], "executed")
        self.assertIsNone(third_document["actions"][0]["waits_for"])
        self.assertEqual(len(self.counting.sends("POST", "/orders")), 2)

    def test_a_paused_workflow_lets_others_pass(self):
        engine = self.start(limited(concurrency=1))
        gate = self.counting.fault("POST", "/orders", "gate_before")
        first = engine.client.start(make("first", tool=NONE))
        gate.wait_reached()
        held = engine.client.start(make("held", tool=NONE))
        other = engine.client.start(make("other", tool=NONE))
        self.assertEqual(engine.client.post(f"/v1/workflows/{held}:pause").status, 200)
        gate.open()
        for id in (first, other):
            self.assertEqual(engine.client.end_of(id)["outcome"], "executed")
        self.assertEqual(engine.client.workflow(held)["actions"][0]["attempts"], 0)
        self.assertEqual(engine.client.post(f"/v1/workflows/{held}:resume").status, 200)
        self.assertEqual(engine.client.end_of(held)["outcome"], "executed")

    def test_a_big_workflow_does_not_starve_small_ones(self):
        engine = self.start(limited(per_second=100, concurrency=2))
        action, names = orders(600)
        big = engine.client.start(action, input={"names": names})
        wait_until(lambda: len(self.counting.orders) >= 5, "it has begun")
        small = [engine.client.start(make(f"small-{number}", tool=NONE)) for number in range(5)]
        for id in small:
            self.assertEqual(engine.client.end_of(id)["outcome"], "executed")
        self.assertLess(len(self.counting.orders), 500)
        self.assertEqual(engine.client.workflow(big)["status"], "running")
        engine.client.post(f"/v1/workflows/{big}:cancel")
        self.assertEqual(engine.client.end_of(big)["outcome"], "cancelled")

    def test_a_retry_after_for_one_holds_all_of_the_tool(self):
        engine = self.start(limited(KEY, concurrency=50))
        self.counting.fault("POST", "/things", "status_before", status=429, headers={"Retry-After": "2"})
        first = engine.client.start(make("first"))
        engine.client.wait_for_action(first, lambda action: action["phase"] == "rate_limited", "was put off")
        others = [engine.client.start(make(f"other-{number}")) for number in range(10)]
        waiting = engine.client.workflow(others[0])["actions"][0]
        self.assertEqual(waiting["waits_for"]["limit"], "retry_after")
        for id in (first, *others):
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        sends = [call.at for call in self.counting.sends("POST", "/things")]
        self.assertEqual(len(sends), 12)
        self.assertGreater(sends[1] - sends[0], 1.9)

    def test_a_503_that_may_have_been_processed_is_in_doubt_in_mode_none(self):
        engine = self.start(changed(NONE, not_processed=[429]))
        self.counting.fault("POST", "/orders", "status_before", status=503, headers={"Retry-After": "1"})
        id = engine.client.start(make("a", tool=NONE))
        action = engine.client.end_of(id, until_attention=True)["actions"][0]
        self.assertEqual((action["phase"], action["error"]["code"]), ("in_doubt", "http_503"))
        self.counting.fault("POST", "/orders", "status_before", status=429, headers={"Retry-After": "1"})
        self.assertEqual(engine.client.end_of(engine.client.start(make("b", tool=NONE)))["outcome"], "executed")

    def test_limits_of_the_newest_version_count_for_all(self):
        engine = self.start(limited(per_second=0.01))
        id = engine.client.start(make("a", tool=NONE))
        waiting = engine.client.workflow(id)["actions"][0]
        self.assertEqual(waiting["waits_for"]["limit"], "per_second")
        answer = engine.client.send("PUT", f"/v1/tools/{NONE['name']}", limited(per_second=50))
        self.assertEqual(answer.status, 201, answer)
        document = engine.client.end_of(id)
        self.assertEqual((document["outcome"], document["actions"][0]["tool"]), ("executed", waiting["tool"]))


class Circuits(harness.EngineTest):
    CONFIG = '[circuit]\nfailures = 3\nopen = "300ms"\nopen_max = "600ms"\n'

    def test_a_host_that_is_down_is_left_alone_and_found_again_when_it_is_up(self):
        engine = self.engine(changed(KEY, start_to_close_timeout="5s"), config=self.CONFIG)
        port = self.world.port
        self.world.close()
        ids = [engine.client.start(make(f"a-{number}")) for number in range(12)]

        def held_back():
            actions = [engine.client.workflow(id)["actions"][0] for id in ids]
            return [a for a in actions if a["error"] and a["error"]["code"] == "circuit_open"]

        action = wait_until(held_back, "a circuit is open")[0]
        self.assertEqual((action["state"], action["phase"]), ("pending", "backing_off"))
        self.assertRegex(action["error"]["message"],
                         rf"calls to http://127.0.0.1:{port} are held back since 2.*, until 2.*connect_failed")
        self.assertIn(f"circuit to http://127.0.0.1:{port} is open until", engine.log())
        self.world.listen(port)
        for id in ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(len(self.world.effects("/things")), 12)
        wait_until(lambda: "is closed again" in engine.log(), "the log says so")

    def test_a_circuit_that_is_turned_off_stays_closed(self):
        engine = self.engine(KEY, config="[circuit]\nfailures = 0\n[retry_budget]\npercent = 100\n")
        port = self.world.port
        self.world.close()
        ids = [engine.client.start(make(f"a-{number}")) for number in range(5)]
        for id in ids:
            engine.client.wait_for_action(id, lambda action: action["attempts"] >= 8, "was tried eight times")
        codes = {e["data"].get("code") for id in ids for e in engine.client.events(id) if e["type"] == "action.backing_off"}
        self.assertEqual(codes, {"connect_failed"})
        self.world.listen(port)
        for id in ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def test_repeats_are_bounded_and_each_says_why_it_waits(self):
        tool = changed(KEY, retry={"initial_interval": "1ms", "maximum_interval": "2ms", "maximum_attempts": 1_000_000})
        engine = self.engine(tool, config="[circuit]\nfailures = 0\n[retry_budget]\npercent = 0\nper_second = 1\n")
        self.world.fault("POST", "/things", "status_before", times=1_000_000, status=500)
        id = engine.client.start(make("a"))
        action = engine.client.wait_for_action(
            id, lambda action: action["error"] and action["error"]["code"] == "retry_budget_exhausted",
            "is held back")["actions"][0]
        self.assertIn(self.world.url, action["error"]["message"])
        self.assertLessEqual(len(self.world.sends("POST", "/things")), 11 + int(SLOWNESS) * 10)
        self.world.heal()
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def test_mistakes_in_the_configuration_are_named(self):
        for config, wanted in (("[circuit]\nfailure = 3\n", "circuit.failure"),
                               ('[circuit]\nopen = "soon"\n', "circuit.open"),
                               ('[circuit]\nopen = "10s"\nopen_max = "5s"\n', "circuit.open_max"),
                               ("[retry_budget]\npercent = 101\n", "retry_budget.percent"),
                               ("[retry_budget]\nper_second = 0\n", "retry_budget.per_second")):
            with self.subTest(config):
                code, log = self.prepare(KEY, config=config).refused()
                self.assertNotEqual(code, 0)
                self.assertIn(wanted, log)


if __name__ == "__main__":
    unittest.main()
