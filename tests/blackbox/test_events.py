"""The feed of all events: in order, without gaps, resumable, over kill -9 and with several loops; and what it no longer has."""
import threading
import unittest

import harness
from harness import in_parallel, run_cli, wait_until

CHECK = {"id": "a", "tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}}
SLEEP = {"id": "a", "tool": "flow.sleep", "input": {"for": "1h"}}
NO_ACCESS, GONE = 6, 4


def plan(*actions, name="a-plan", **more):
    return {"name": name, "actions": list(actions), **more}


def read_all(client, after=None, limit=1000, type=None):
    """Every event from a cursor on, page by page, and the cursor behind them."""
    events = []
    while True:
        query = f"?limit={limit}" + (f"&after={after}" if after else "") + (f"&type={type}" if type else "")
        answer = client.get("/v1/events" + query)
        assert answer.status == 200, answer
        page = answer.json
        events += page["events"]
        if page["next_after"] == after:
            return events, after
        after = page["next_after"]


def by_workflow(events):
    out = {}
    for event in events:
        out.setdefault(event["subject"], []).append(int(event["sequence"]))
    return out


class Feed(harness.EngineTest):
    def test_an_event_is_a_cloud_event_and_the_same_as_in_the_history(self):
        engine = self.engine()
        id = engine.client.start(CHECK, id="w", labels={"team": "sales"})
        engine.client.end_of(id)
        events, _ = read_all(engine.client)
        self.assertEqual([event["type"] for event in events], [event["type"] for event in engine.client.events(id)])
        last = events[-1]
        self.assertEqual((last["specversion"], last["id"], last["source"], last["subject"], last["sequence"]),
                         ("1.0", f"w.{len(events)}", "/namespaces/default", "w", f"{len(events):010}"))
        self.assertEqual(last["data"], {"workflow": "w", "name": "a-plan", "labels": {"team": "sales"}, "action": None,
                                        "data": {"outcome": "verified"}})
        verified = next(event for event in events if event["type"] == "action.verified")
        self.assertEqual(verified["data"]["action"], "a")

    def test_pages_of_every_size_say_the_same(self):
        client = self.engine().client
        for number in range(5):
            client.end_of(client.start(CHECK, id=f"w{number}"))
        whole, end = read_all(client)
        for limit in (1, 2, 3, 7):
            self.assertEqual(read_all(client, limit=limit), (whole, end))
        for index, event in enumerate(whole):  # each has the place from which one can go on behind it
            self.assertEqual(read_all(client, after=event["cursor"])[0], whole[index + 1:])
        self.assertEqual([event["type"] for event in read_all(client, type="workflow.*")[0]],
                         [event["type"] for event in whole if event["type"].startswith("workflow.")])

    def test_a_wait_ends_with_the_next_event_and_not_before(self):
        client = self.engine().client
        end = client.get("/v1/events?after=end").json["next_after"]
        self.assertEqual(client.get(f"/v1/events?after={end}&wait=200ms").json, {"events": [], "next_after": end})
        seen = []
        waiting = threading.Thread(target=lambda: seen.append(client.get(f"/v1/events?after={end}&wait=30s").json))
        waiting.start()
        client.start(CHECK, id="late")
        waiting.join(harness.PATIENCE)
        self.assertEqual(seen[0]["events"][0]["subject"], "late")

    def test_what_is_asked_wrongly_is_refused(self):
        client = self.engine().client
        for query in ("after=1", "after=x.y", "after=99999.0", "after=0.0", "type=*.a", "type=", "wait=2h", "limit=x", "what=1"):
            with self.subTest(query=query):
                self.assert_problem(client.get(f"/v1/events?{query}"), 400, "invalid_argument")

    def test_each_namespace_sees_its_own_only(self):
        engine = self.engine(dev=False)
        texts = {}
        for name_space in ("left", "right"):
            texts[name_space] = engine.client_of(engine.make_token("planner", name_space=name_space))
            texts[name_space].submit(plan(CHECK), id=f"in-{name_space}")
            texts[name_space].end_of(f"in-{name_space}")
        for name_space, client in texts.items():
            self.assertEqual(set(by_workflow(read_all(client)[0])), {f"in-{name_space}"})
        self.assertEqual(engine.client.get("/v1/events").status, 401)

    def test_the_feed_has_no_gap_over_kill9_and_with_several_loops(self):
        engine = self.engine()  # two loops
        followed, cursor = [], None
        accepted = []

        def submit(number):
            def one(worker):
                id = f"w-{number}-{worker}"
                if engine.accepts(plan(CHECK, dict(CHECK, id="b", after=["a"])), id):
                    accepted.append(id)
            return one

        for round in range(3):
            stop = threading.Event()
            killer = threading.Thread(target=lambda: (stop.wait(0.15), engine.kill9()))

            def storm():
                for number in range(40):
                    if stop.is_set():
                        return
                    in_parallel(8, submit(round * 100 + number))

            work = threading.Thread(target=storm)
            work.start()
            while len(accepted) < (round + 1) * 20:  # so that there is something to lose
                page = engine.client.get("/v1/events?wait=1s" + (f"&after={cursor}" if cursor else "")).json
                followed += page["events"]
                cursor = page["next_after"]
            killer.start()
            killer.join()
            stop.set()
            work.join()
            engine.start()
        for id in accepted:
            engine.client.end_of(id)
        more, _ = read_all(engine.client, after=cursor)
        followed += more
        self.assertEqual(followed, read_all(engine.client)[0], "whoever follows sees what stands there afterwards")
        seen = by_workflow(followed)
        for id in accepted:
            count = len(engine.client.events(id))
            self.assertEqual(seen[id], list(range(1, count + 1)), id)

    def test_a_cursor_that_is_too_old_is_told_where_to_go_on(self):
        engine = self.engine(config="[events]\nkeep_records = 5\n")
        client = engine.client
        first = client.get("/v1/events").json["next_after"]
        for number in range(12):
            client.end_of(client.start(CHECK, id=f"w{number}"))
        engine.stop()
        engine.start()  # the first look comes with the start

        def trimmed():
            answer = engine.client.get(f"/v1/events?after={first}")
            return answer if answer.status == 410 else None

        answer = wait_until(trimmed, "old records are gone")
        problem = self.assert_problem(answer, 410, "cursor_expired")
        oldest = problem["errors"][0]["expected"]
        self.assertIn(oldest, problem["detail"])
        events, _ = read_all(engine.client, after=oldest)
        self.assertEqual(events, read_all(engine.client)[0])
        self.assertEqual(events[-1]["subject"], "w11")
        self.assertEqual(len(engine.client.events("w0")), len(engine.client.events("w11")), "the history is kept")
        code, _, errors = run_cli("feed", "--after", first, server=engine.url)
        self.assertEqual((code, oldest in errors), (GONE, True), errors)

    def test_a_plan_raises_events_of_its_own(self):
        client = self.engine().client
        emit = {"id": "tell", "tool": "flow.emit", "input": {"type": "order.shipped", "data": {"to": {"$from": "/input/to"}}}}
        document = client.end_of(client.start(emit, id="w", input={"to": "ada"}))
        self.assertEqual((document["outcome"], document["actions"][0]["state"]), ("verified", "verified"))
        event, = read_all(client, type="emitted.*")[0]
        self.assertEqual((event["type"], event["data"]["action"], event["data"]["data"]),
                         ("emitted.order.shipped", "tell", {"to": "ada"}))
        receipt, = client.receipts("w")
        self.assertEqual((receipt["verification"]["method"], receipt["effect"]), ("event", "none"))
        self.assertEqual(receipt["result"]["summary"], {"event": event["id"]})

    def test_the_command_line_prints_a_cloud_event_a_line(self):
        engine = self.engine()
        engine.client.end_of(engine.client.start(CHECK, id="w"))
        code, out, errors = run_cli("feed", "--type", "workflow.*", server=engine.url)
        self.assertEqual(code, 0, errors)
        lines = [harness.json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["type"] for line in lines], ["workflow.submitted", "workflow.ended"])
        self.assertEqual(run_cli("feed", "--after", lines[-1]["cursor"], server=engine.url)[1], "")


class Retention(harness.EngineTest):
    def test_whether_it_is_held_is_shown_and_a_release_of_nothing_changes_nothing(self):
        engine = self.engine()
        self.assertEqual(engine.client.get("/v1/retention").json, {"held_since": None})
        self.assertEqual(run_cli("retention", "show", server=engine.url)[:2], (0, "retention is not held\n"))
        self.assertEqual(run_cli("retention", "release", server=engine.url)[:2], (0, "retention was not held\n"))


if __name__ == "__main__":
    unittest.main()
