"""Schedules: no time is lost or doubled over kill -9, each policy does what it says, refusals, roles, tokens, command line."""
import concurrent.futures
import datetime
import json
import unittest

from harness import EngineTest, run_cli, wait_until
from tool_documents import READ

SLEEP = {"id": "sleep", "tool": "flow.sleep", "input": {"for": "1000h"}}
BRIEF = {"id": "check", "tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}}
WRONG = {"id": "check", "tool": "flow.assert", "input": {"that": {"equals": [1, 2]}}}


def plan(*actions, **more):
    return {"name": "p", "actions": list(actions) or [BRIEF], **more}


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Schedules(EngineTest):
    def put(self, client, name="s", **document):
        answer = client.send("PUT", f"/v1/schedules/{name}", document)
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json

    def shown(self, client, name="s"):
        answer = client.get(f"/v1/schedules/{name}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def until(self, client, condition, what, name="s"):
        def holds():
            document = self.shown(client, name)
            return document if condition(document) else None
        return wait_until(holds, what)

    def runs(self, client, name="s"):
        """Every run of the schedule, as the list of workflows has it."""
        out, cursor = [], ""
        while True:
            page = client.get(f"/v1/workflows?label=schedule:{name}&limit=1000{cursor}").json
            out += page["workflows"]
            if not page["next_cursor"]:
                return out
            cursor = f"&cursor={page['next_cursor']}"


class Running(Schedules):
    def test_kill_9_loses_no_time_and_doubles_none(self):
        engine = self.engine()
        self.put(engine.client, every="1s", plan=plan(), overlap="allow", catch_up={"runs": "all", "window": "1h"})
        begin = self.shown(engine.client)["created_at"]
        for round in range(5):
            self.until(engine.client, lambda one: one["started"] >= 2 * round + 2, "some have run")
            engine.kill9()
            engine.start()
        last = self.until(engine.client, lambda one: one["started"] >= 12 and not one["waiting"], "more have run")["handled_until"]
        times = sorted(one["labels"]["scheduled_at"] for one in self.runs(engine.client))
        self.assertEqual(len(times), len(set(times)), "no time has two runs")
        first = moment(begin).replace(microsecond=0) + datetime.timedelta(seconds=1)
        want = int((moment(last) - first).total_seconds()) + 1
        due = [(first + datetime.timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for n in range(want)]
        self.assertEqual([time for time in times if time <= last], due, "each time has its run")
        document = self.shown(engine.client)
        self.assertEqual((document["missed"], document["skipped"]), (0, 0))
        for one in self.runs(engine.client):
            self.assertEqual(one["id"], "s-" + one["labels"]["scheduled_at"].replace(".000Z", "Z").replace(":", "-"))

    def test_a_run_gets_its_time_and_says_whose_it_is(self):
        engine = self.engine()
        tell = {"id": "tell", "tool": "flow.emit", "input": {"type": "day", "data": {"$from": "/input/day"}}}
        self.put(engine.client, every="1s", plan=plan(tell), labels={"team": "ops"}, scheduled_at_input="day")
        run = self.until(engine.client, lambda one: one["recent"], "one has run")["recent"][0]
        labels = engine.client.workflow(run["workflow"])["labels"]
        self.assertEqual(labels, {"team": "ops", "schedule": "s", "scheduled_at": run["scheduled_at"]})
        emitted = [one for one in engine.client.events(run["workflow"]) if one["type"] == "action.emitted"]
        self.assertEqual([one["data"]["data"] for one in emitted], [run["scheduled_at"]])

    def test_policies(self):
        engine = self.engine()
        for name, policy in (("skip", {}), ("one", {"overlap": "queue_one"}), ("all", {"overlap": "queue_all"}),
                             ("cancel", {"overlap": "cancel_running"}), ("allow", {"overlap": "allow"})):
            self.put(engine.client, name, every="1s", plan=plan(SLEEP), **policy)
        self.until(engine.client, lambda one: one["skipped"] >= 2, "two are skipped", "skip")
        self.until(engine.client, lambda one: one["skipped"] >= 1 and len(one["waiting"]) == 1, "one waits", "one")
        self.until(engine.client, lambda one: len(one["waiting"]) >= 2, "two wait", "all")
        self.until(engine.client, lambda one: one["started"] >= 3, "three have begun", "cancel")
        self.until(engine.client, lambda one: len(one["open"]) >= 3, "three are open", "allow")
        shown = {name: self.shown(engine.client, name) for name in ("skip", "one", "all", "cancel")}
        for name in ("skip", "one", "all"):
            self.assertEqual((shown[name]["started"], len(shown[name]["open"])), (1, 1), name)
        self.assertEqual(shown["skip"]["last_skipped"]["why"], "run_open")
        self.assertEqual({run["outcome"] for run in shown["cancel"]["recent"]}, {"cancelled"})
        self.assertLessEqual(len(shown["cancel"]["open"]), 1)
        records = engine.client.get("/v1/audit?limit=1000").json["records"]
        cancels = {one["target"] for one in records if one["action"] == "workflow.cancel"}
        self.assertLessEqual({run["workflow"] for run in shown["cancel"]["recent"]}, cancels)
        self.assertTrue(all(target and target.startswith("cancel-") for target in cancels), cancels)

    def test_an_orderly_stop_loses_nothing_either(self):
        engine = self.engine()
        self.put(engine.client, every="1s", plan=plan(), overlap="allow", catch_up={"runs": "none"})
        self.until(engine.client, lambda one: one["started"] >= 1, "one has run")
        self.assertEqual(engine.stop(), 0)
        engine.start()
        document = self.until(engine.client, lambda one: one["started"] >= 3, "it goes on")
        self.assertEqual((document["missed"], document["skipped"]), (0, 0), "a moment late is in time")
        times = [one["labels"]["scheduled_at"] for one in self.runs(engine.client)]
        self.assertEqual(len(times), len(set(times)))

    def test_it_pauses_itself_when_a_run_fails_and_that_is_an_event(self):
        engine = self.engine()
        self.put(engine.client, every="1s", plan=plan(WRONG), pause_on_failure=True)
        document = self.until(engine.client, lambda one: one["state"] == "paused", "it pauses")
        self.assertEqual((document["pause"]["code"], document["pause"]["by"], document["attention"]), ("run_failed", None, True))
        self.assertEqual((document["started"], document["next"]), (1, []))
        events = engine.client.get("/v1/events?type=schedule.*").json["events"]
        self.assertEqual([(one["type"], one["subject"], one["source"]) for one in events],
                         [("schedule.paused", "s", "/namespaces/default/engine")])
        self.put(engine.client, every="1s", plan=plan())
        self.until(engine.client, lambda one: one["started"] >= 2 and one["state"] == "active", "put anew it goes on")

    def test_a_tool_that_is_taken_out_of_use_is_told(self):
        engine = self.engine(READ)
        read = {"id": "a", "tool": READ["name"], "input": {"id": "n"}}
        self.put(engine.client, every="1s", plan=plan(read), overlap="allow")
        version = engine.client.get(f"/v1/tools/{READ['name']}").json["version"]
        self.assertEqual(engine.client.post(f"/v1/tools/{READ['name']}/versions/{version}:disable").status, 200)
        document = self.until(engine.client, lambda one: one["failed_to_start"] >= 2, "it can't start")
        self.assertEqual(document["last_failure"]["code"], "invalid_plan")
        self.assertEqual([(one["pointer"], one["code"]) for one in document["last_failure"]["errors"]],
                         [("/plan/actions/0/tool", "tool_disabled")])
        self.assertTrue(document["attention"])
        self.assertEqual(engine.client.post(f"/v1/tools/{READ['name']}/versions/{version}:enable").status, 200)
        self.until(engine.client, lambda one: not one["attention"], "it goes on")


class Asked(Schedules):
    def test_made_changed_listed_and_ended(self):
        engine = self.engine()
        client = engine.client
        document = {"every": "1000h", "plan": plan()}
        self.assertEqual(client.send("PUT", "/v1/schedules/a", document).status, 201)
        first = self.shown(client, "a")
        self.assertEqual(client.send("PUT", "/v1/schedules/a", document).status, 200)
        self.assertEqual(self.shown(client, "a")["changed_at"], first["changed_at"], "nothing has changed")
        for name in ("b", "c"):
            self.put(client, name, **document)
        page = client.get("/v1/schedules?limit=2").json
        self.assertEqual(([one["name"] for one in page["schedules"]], page["next_after"]), (["a", "b"], "b"))
        page = client.get("/v1/schedules?after=b&limit=2").json
        self.assertEqual(([one["name"] for one in page["schedules"]], page["next_after"]), (["c"], None))
        self.assertEqual(len(first["next"]), 10)
        engine.kill9()
        client = engine.start().client
        again = self.shown(client, "a")
        self.assertEqual({**again, "next": None}, {**first, "next": None})
        self.assertEqual(client.send("DELETE", "/v1/schedules/a").status, 200)
        self.assert_problem(client.get("/v1/schedules/a"), 404, "not_found")
        self.assert_problem(client.send("DELETE", "/v1/schedules/a"), 404, "not_found")

    def test_a_pause_holds_and_passes_times_over(self):
        engine = self.engine()
        client = engine.client
        self.put(client, every="1s", plan=plan(), overlap="allow", catch_up={"runs": "all"})
        self.assert_problem(client.post("/v1/schedules/s:pause"), 400, "invalid_argument")
        paused = client.post("/v1/schedules/s:pause", {"reason": "moving"}).json
        self.assertEqual((paused["pause"]["code"], paused["pause"]["reason"], paused["pause"]["by"]), ("paused", "moving", "dev"))
        engine.kill9()
        client = engine.start().client
        self.assertEqual(self.shown(client)["state"], "paused")
        self.put(client, "clock", every="1s", plan=plan(), overlap="allow")
        self.until(client, lambda one: one["started"] >= 2, "time has passed", "clock")
        self.assertEqual(len(self.shown(client)["open"]) + len(self.shown(client)["waiting"]), 0)
        resumed = client.post("/v1/schedules/s:resume").json
        self.assertEqual((resumed["state"], resumed["pause"]), ("active", None))
        after = self.until(client, lambda one: one["started"] > paused["started"], "it goes on")
        self.assertEqual(after["missed"], 0)
        times = [run["labels"]["scheduled_at"] for run in self.runs(client)]
        self.assertEqual([time for time in times if paused["handled_until"] < time <= resumed["handled_until"]], [])

    def test_one_run_now(self):
        engine = self.engine()
        client = engine.client
        self.put(client, every="1000h", plan=plan(SLEEP))
        first = client.post("/v1/schedules/s:trigger", Idempotency_Key="k")
        self.assertEqual(first.status, 201, first)
        self.assertEqual(first.headers["Location"], "/v1/workflows/" + first.json["id"])
        again = client.post("/v1/schedules/s:trigger", Idempotency_Key="k")
        self.assertEqual((again.status, again.headers["Idempotent-Replayed"], again.json["id"]), (200, "true", first.json["id"]))
        self.assert_problem(client.post("/v1/schedules/s:trigger"), 409, "wrong_state")
        beside = client.post("/v1/schedules/s:trigger", {"overlap": "allow"})
        self.assertEqual(beside.status, 201)
        engine.kill9()
        client = engine.start().client
        document = self.shown(client)
        self.assertEqual({run["workflow"] for run in document["open"]}, {first.json["id"], beside.json["id"]})
        self.assertEqual(client.post("/v1/schedules/s:trigger", Idempotency_Key="k").json["id"], first.json["id"])
        self.assert_problem(client.post("/v1/schedules/nobody:trigger"), 404, "not_found")

    def test_a_run_that_is_asked_for_is_of_one_version_of_its_schedule(self):
        engine = self.engine()

        def put(version):
            self.put(engine.client, every="1000h", plan={**plan(), "name": version}, labels={"version": version})

        def trigger(key):
            answer = engine.client.post("/v1/schedules/s:trigger", {"overlap": "allow"}, Idempotency_Key=key)
            self.assertEqual(answer.status, 201, answer)

        put("v0")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for version in range(1, 41):
                asked = [pool.submit(trigger, f"{version}-{number}") for number in range(6)]
                changed = pool.submit(put, f"v{version}")
                for one in [*asked, changed]:
                    one.result()
        runs = self.runs(engine.client)
        self.assertEqual(len(runs), 240)
        self.assertEqual([one["id"] for one in runs if one["labels"]["version"] != one["name"]], [])

    def test_a_preview_says_when_and_stores_nothing(self):
        client = self.engine().client
        answer = client.post("/v1/schedules:preview", {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "count": 3,
                                                       "after": "2027-03-27T00:00:00Z"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual([(one["scheduled_at"], one["local"]) for one in answer.json["times"]],
                         [("2027-03-27T01:30:00.000Z", "2027-03-27T02:30:00.000+01:00"),
                          ("2027-03-28T01:00:00.000Z", "2027-03-28T03:00:00.000+02:00"),
                          ("2027-03-29T00:30:00.000Z", "2027-03-29T02:30:00.000+02:00")])
        self.assertEqual(answer.json["overlap"], "skip")
        self.assertEqual(client.get("/v1/schedules").json["schedules"], [])

    def test_every_problem_comes_at_once_with_its_place(self):
        client = self.engine().client
        wrong = {"every": "0s", "cronn": "x", "overlap": "sometimes", "catch_up": {"runs": "few"}, "labels": {"schedule": "x"},
                 "plan": plan({"id": "a", "tool": "no.such", "input": {}})}
        for method, path in (("PUT", "/v1/schedules/s"), ("POST", "/v1/schedules:preview")):
            answer = client.send(method, path, wrong)
            self.assert_places(self.assert_problem(answer, 422, "invalid_plan"), ("/cronn", "unknown_member"),
                               ("/overlap", "not_in_list"), ("/catch_up/runs", "not_in_list"), ("/labels/schedule", "label_reserved"),
                               ("/plan/actions/0/tool", "unknown_tool"))
            self.assertTrue(any(one["pointer"] == "/every" for one in answer.json["errors"]))
        self.assert_problem(client.send("PUT", "/v1/schedules/" + "n" * 101, {"every": "1h", "plan": plan()}), 400, "invalid_argument")
        self.assert_places(self.assert_problem(client.send("PUT", "/v1/schedules/s", {"every": "1h"}), 400, "invalid_argument"),
                           ("/plan", "missing_member"))
        needs = plan({"id": "a", "tool": "flow.sleep", "input": {"until": {"$from": "/input/at"}}})
        self.assert_problem(client.send("PUT", "/v1/schedules/s", {"every": "1h", "plan": needs}), 422, "invalid_plan")
        answer = client.send("PUT", "/v1/schedules/s", {"every": "1h", "plan": needs, "scheduled_at_input": "at"})
        self.assertEqual(answer.status, 201, answer)

    def test_there_are_no_more_than_configured(self):
        client = self.engine(config="[schedules]\nmax_per_namespace = 1\n").client
        self.put(client, "a", every="1h", plan=plan())
        self.assert_problem(client.send("PUT", "/v1/schedules/b", {"every": "1h", "plan": plan()}), 429, "quota_exceeded")


class Whose(Schedules):
    def test_who_may_what_and_what_a_revoked_token_stops(self):
        engine = self.engine(dev=False)
        planner_token = engine.make_token("planner", name="agent")
        planner = engine.client_of(planner_token)
        operator = engine.client_of(engine.make_token("operator", name="plant"))
        auditor = engine.client_of(engine.make_token("auditor", name="eyes"))
        other = engine.client_of(engine.make_token("planner", "operator", name="else", name_space="other"))
        self.assertEqual(planner.send("PUT", "/v1/schedules/s", {"every": "1s", "plan": plan()}).status, 201)
        for client in (operator, auditor):
            self.assert_problem(client.send("PUT", "/v1/schedules/s", {"every": "1s", "plan": plan()}), 403, "insufficient_scope")
        for client in (planner, auditor):
            self.assert_problem(client.post("/v1/schedules/s:pause", {"reason": "x"}), 403, "insufficient_scope")
        self.assertEqual(other.get("/v1/schedules").json["schedules"], [])
        self.assert_problem(other.get("/v1/schedules/s"), 404, "not_found")
        self.until(auditor, lambda one: one["started"] >= 1, "it runs")
        self.assertEqual(operator.post("/v1/schedules/s:pause", {"reason": "moving"}).status, 200)
        refused = planner.send("PUT", "/v1/schedules/s", {"every": "1s", "plan": plan(), "paused": False})
        self.assert_problem(refused, 403, "forbidden")
        self.assertEqual(operator.post("/v1/schedules/s:resume").status, 200)

        id = [one["id"] for one in engine.admin().get("/v1/tokens").json["tokens"] if one["name"] == "agent"][0]
        self.assertEqual(engine.admin().post(f"/v1/tokens/{id}:revoke").status, 200)
        document = self.until(auditor, lambda one: one["state"] == "paused", "it stops")
        self.assertEqual((document["pause"]["code"], document["pause"]["by"]), ("token_revoked", None))
        engine.kill9()
        engine.start()
        for client in (operator, auditor):
            client.port = engine.port
        self.assertEqual(self.shown(auditor)["pause"]["code"], "token_revoked")
        self.assertEqual(operator.post("/v1/schedules/s:resume").status, 200)
        started = self.shown(auditor)["started"]
        self.until(auditor, lambda one: one["started"] > started, "somebody else answers for it")
        records = auditor.get("/v1/audit?limit=1000").json["records"]
        by_itself = [one for one in records if one["who"] == "schedule:s"]
        self.assertTrue(by_itself)
        self.assertEqual({(one["action"], one["outcome"]) for one in by_itself}, {("workflow.submit", "done")})
        done = [(one["who"], one["action"]) for one in records if one["action"].startswith("schedule.") and one["outcome"] == "done"]
        self.assertEqual(done, [("agent", "schedule.put"), ("plant", "schedule.pause"), ("plant", "schedule.resume"),
                                ("plant", "schedule.resume")])


class CommandLine(Schedules):
    def test_a_person_works_with_it(self):
        engine = self.engine()
        file = engine.folder / "nightly.json"
        file.write_text(json.dumps({"cron": "0 2 * * *", "time_zone": "Europe/Berlin", "plan": plan(SLEEP)}))

        def cli(*arguments):
            code, out, err = run_cli("schedule", *arguments, server=engine.url)
            self.assertEqual(code, 0, err)
            return out

        self.assertIn("LOCAL TIME", cli("preview", str(file), "--count", "3"))
        self.assertIn("active", cli("put", "nightly", str(file)))
        self.assertIn("0 2 * * * (Europe/Berlin)", cli("ls"))
        id = cli("trigger", "nightly").strip()
        self.assertTrue(id.startswith("nightly-now-"))
        self.assertIn(id, cli("show", "nightly"))
        code, _, err = run_cli("schedule", "trigger", "nightly", server=engine.url)
        self.assertEqual(code, 5, err)
        self.assertIn("paused", cli("pause", "nightly", "--reason", "moving"))
        self.assertIn("moving", cli("show", "nightly"))
        self.assertIn("active", cli("resume", "nightly"))
        self.assertEqual(json.loads(run_cli("--json", "schedule", "show", "nightly", server=engine.url)[1])["triggered"], 1)
        cli("rm", "nightly")
        self.assertEqual(run_cli("schedule", "show", "nightly", server=engine.url)[0], 4)
        file.write_text(json.dumps({"cron": "61 * * * *", "plan": plan()}))
        self.assertEqual(run_cli("schedule", "put", "nightly", str(file), server=engine.url)[0], 2)


if __name__ == "__main__":
    unittest.main()
