"""The description at /openapi.json is that of this very binary: every route, and answers that fit their schemas."""
import json
import re
import unittest

import harness
from harness import ROOT
from json_schema import Validator
from tool_documents import ALL, KEY, NONE, READ, changed, make

METHODS = ("get", "put", "post", "delete", "patch")


class Described(harness.SharedEngineTest):
    tools = ALL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        answer = cls.client.get("/openapi.json")
        assert answer.status == 200, answer
        cls.text, cls.description = answer.body, answer.json
        cls.validator = Validator(cls.description)

    def operations(self):
        """(METHOD, path, operation, parameters of path and operation) of every route."""
        for path, item in self.description["paths"].items():
            for method in METHODS:
                if method in item:
                    parameters = item.get("parameters", []) + item[method].get("parameters", [])
                    yield method.upper(), path, item[method], [self.resolved(parameter) for parameter in parameters]

    def resolved(self, thing):
        return self.validator.resolve(thing["$ref"]) if "$ref" in thing else thing

    def assert_described(self, method, path, answer):
        """The answer is one that the operation names: status, media type, headers and body."""
        operation = self.description["paths"][path][method.lower()]
        response = self.resolved(operation["responses"].get(str(answer.status)) or operation["responses"]["default"])
        for name, header in response.get("headers", {}).items():
            self.assertIsNotNone(answer.headers[name], f"{method} {path}: {name}")
            self.assertEqual(self.validator.problems(self.resolved(header)["schema"], answer.headers[name], name), [])
        if "content" not in response:
            self.assertEqual(answer.body, b"")
            return
        media = answer.headers["Content-Type"].partition(";")[0]
        self.assertIn(media, response["content"], f"{method} {path}")
        if media != "text/event-stream" and answer.body:
            self.assertEqual(self.validator.problems(response["content"][media]["schema"], answer.json), [],
                             f"{method} {path}")


class Routes(Described):
    def test_it_is_the_file_of_the_repository_and_names_the_version_of_the_binary(self):
        self.assertEqual(self.text.decode(), (ROOT / "api" / "openapi.json").read_text())
        self.assertEqual(self.description["openapi"], "3.1.0")
        code, output, _ = harness.run_cli("version")
        self.assertEqual(code, 0)
        self.assertIn(self.description["info"]["version"], output)

    def test_it_describes_exactly_the_routes_and_query_parameters_of_the_router(self):
        source = "".join(file.read_text() for file in sorted((ROOT / "api").glob("*.cc")))
        rows = re.findall(r'\{"([A-Z]+)",\s*"(/[^"]*)",\s*\{([^}]*)\},\s*(true|false),\s*\w+', source)
        self.assertGreater(len(rows), 10, "the rows of the router were found")
        routed = {(method, path): (set(re.findall(r'"([^"]+)"', query)), body == "true") for method, path, query,
                  body in rows}
        described = {(method, path): ({parameter["name"] for parameter in parameters if parameter["in"] == "query"},
                                      "requestBody" in operation)
                     for method, path, operation, parameters in self.operations()}
        self.maxDiff = None
        self.assertEqual(described, routed)

    def test_every_route_answers_and_every_refusal_is_described(self):
        for method, path, operation, _ in self.operations():
            filled = re.sub(r"\{[^}]*\}", "nobody", path)
            with self.subTest(f"{method} {path}"):
                answer = self.client.send(method, filled, b"{" if "requestBody" in operation else None)
                self.assertNotEqual(answer.status, 405)
                if answer.status == 404:
                    self.assertNotIn("there is nothing at", answer.json["detail"])
                self.assert_described(method, path, answer)

    def test_every_reference_and_parameter_of_a_path_is_there(self):
        for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(self.description))):
            self.assertTrue(self.validator.resolve(reference))
        ids = [operation["operationId"] for _, _, operation, _ in self.operations()]
        self.assertEqual(len(ids), len(set(ids)))
        for method, path, operation, parameters in self.operations():
            in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
            self.assertEqual(in_path, set(re.findall(r"\{([^}]*)\}", path)), f"{method} {path}")
            for parameter in parameters:
                self.assertIn("schema", parameter)
            self.assertIn("default", operation["responses"])


class RealAnswers(Described):
    def ask(self, method, path, place=None, body=None, status=200, **headers):
        answer = self.client.send(method, place or path, body, {name.replace("_", "-"): value for name,
                                                                value in headers.items()})
        self.assertEqual(answer.status, status, answer)
        self.assert_described(method, path, answer)
        return answer

    def look_at_everything(self, id):
        for path in ("/v1/workflows/{id}", "/v1/workflows/{id}/events", "/v1/workflows/{id}/receipts",
                     "/v1/workflows/{id}/report"):
            answer = self.ask("GET", path, path.replace("{id}", id))
            if path.endswith("receipts"):
                for receipt in answer.json["receipts"]:
                    self.ask("GET", "/v1/receipts/{id}", f"/v1/receipts/{receipt['receipt']}")

    def test_workflows_in_every_state_fit_their_description(self):
        body = {"id": "one", "plan": {"name": "p", "labels": {"a": "b"}, "on_failure": "continue", "actions": [
            make("a"), make("b", NONE, after=["a"], retry={"maximum_attempts": 1}),
            {"id": "c", "tool": READ["name"],
             "input": {"id": {"$from": "/actions/a/record_id"}}}]}, "labels": {"x": "y"}}
        self.assertEqual(self.validator.problems({"$ref": "#/components/schemas/Submission"}, body), [])
        self.ask("POST", "/v1/workflows", body=body, status=201)
        self.client.end_of("one")
        self.ask("POST", "/v1/workflows", body=body, status=200)
        self.ask("POST", "/v1/workflows", body={**body, "labels": {}}, status=409)
        self.look_at_everything("one")
        answer = self.client.get("/v1/workflows/one")
        self.ask("GET", "/v1/workflows/{id}", "/v1/workflows/one", status=304, If_None_Match=answer.headers["ETag"])

        self.world.fault("POST", "/orders", "drop_after")
        doubtful = self.client.start(make("in-doubt", NONE), make("behind", after=["in-doubt"]))
        self.client.end_of(doubtful, until_attention=True)
        self.look_at_everything(doubtful)
        self.ask("POST", "/v1/workflows/{id}:cancel", f"/v1/workflows/{doubtful}:cancel")
        self.look_at_everything(doubtful)
        self.ask("POST", "/v1/workflows/{id}:cancel", "/v1/workflows/one:cancel", status=409)

        self.world.fault("POST", "/things", "lie", body={"id": "nothing"})
        failed = self.client.start(make("lied-to"), make("never", after=["lied-to"]))
        self.client.end_of(failed)
        self.look_at_everything(failed)
        self.world.fault("POST", "/things", "status_before", status=429, headers={"Retry-After": "30"})
        waiting = self.client.start(make("throttled"))
        self.client.wait_for_action(waiting, lambda action: action["phase"] == "rate_limited", "waits")
        self.look_at_everything(waiting)
        self.ask("GET", "/v1/workflows", "/v1/workflows?limit=2")

    def test_waits_signals_and_workflows_of_workflows_fit_their_description(self):
        inner = {"name": "c", "actions": [{"id": "x", "tool": "flow.sleep", "input": {"for": "0s"}}]}
        id = self.client.start({"id": "sleep", "tool": "flow.sleep", "input": {"for": "1h"}},
                               {"id": "wait", "tool": "flow.wait_signal", "input": {"name": "go"}},
                               {"id": "hold", "tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}},
                               {"id": "child", "tool": "flow.run_plan", "input": {"plan": {"$literal": inner}}})
        document = self.client.wait_for_action(id, lambda action: action["state"] == "verified", "is done", action=3)
        self.look_at_everything(id)
        self.look_at_everything(document["actions"][3]["record_id"])
        path, place = "/v1/workflows/{id}/signals/{name}", f"/v1/workflows/{id}/signals/go"
        body = {"payload": {"by": "ada"}}
        self.assertEqual(self.validator.problems({"$ref": "#/components/schemas/SignalBody"}, body), [])
        self.ask("POST", path, place, body, 201, Idempotency_Key="k")
        self.ask("POST", path, place, body, 200, Idempotency_Key="k")
        self.ask("POST", path, place, {}, 422, Idempotency_Key="k")
        self.ask("POST", path, place, {"payload": "x" * 65536}, 413)
        self.ask("POST", path, "/v1/workflows/nobody/signals/go", {}, 404)
        self.look_at_everything(id)
        self.client.post(f"/v1/workflows/{id}:cancel")
        self.client.end_of(id)
        self.ask("POST", path, place, {}, 409)
        self.look_at_everything(id)

    def test_requests_for_approval_and_decisions_fit_their_description(self):
        id = self.client.start(make("one", approval={"approvers": 2}), {"id": "gate", "tool": "flow.approve", "input": {"title": "Go?"}})
        self.client.wait_for_action(id, lambda action: action["phase"] == "awaiting_approval", "is asked about")
        self.look_at_everything(id)
        one, path = "/v1/approvals/{id}", "/v1/approvals"
        for line in self.ask("GET", path, f"{path}?workflow={id}").json["approvals"]:
            shown = self.ask("GET", one, f"{path}/{line['id']}").json
            body = {"digest": shown["digest"], "who": "ada"}
            self.assertEqual(self.validator.problems({"$ref": "#/components/schemas/Approve"}, body), [])
            self.ask("POST", one + ":approve", f"{path}/{line['id']}:approve", body)
            self.ask("POST", one + ":reject", f"{path}/{line['id']}:reject", {**body, "reason": "no"}, 409)
            self.ask("POST", one + ":approve", f"{path}/{line['id']}:approve", {**body, "digest": "x"}, 409)
            self.ask("POST", one + ":reject", f"{path}/{line['id']}:reject", body, 400)
            self.ask("GET", one, f"{path}/{line['id']}")
        self.ask("GET", path, f"{path}?state=all&limit=1")
        self.ask("GET", one, f"{path}/ap_nothing", status=404)
        self.look_at_everything(id)

    def test_tool_calls_and_their_results_fit_their_description(self):
        path, results = "/v1/plans:from_tool_calls", "/v1/workflows/{id}/tool_results"

        def calls(arguments, id="call_1", **more):
            function = {"name": "things__make", "arguments": json.dumps(arguments)}
            return {"tool_calls": [{"id": id, "type": "function", "function": function}], **more}

        for arguments in ({"name": "a"}, {"nam": "a"}):
            self.ask("POST", path, body=calls(arguments))
        self.ask("POST", path, body=calls({"nam": "a"}, run=True), status=422)
        done = self.ask("POST", path, body=calls({"name": "a"}, run=True, wait="30s"), status=201).json
        self.ask("POST", path, body=calls({"name": "a"}, run=True, wait="30s"))
        self.ask("POST", path, body=calls({"name": "b"}, run=True), status=409)
        key = {"Idempotency_Key": "calls-1"}
        self.ask("POST", path, body=calls({"name": "a"}, run=True), status=201, **key)
        self.ask("POST", path, body=calls({"name": "b"}, run=True), status=422, **key)
        self.ask("GET", results, f"/v1/workflows/{done['workflow']['id']}/tool_results")
        self.ask("GET", results, f"/v1/workflows/{done['workflow']['id']}/tool_results?format=anthropic")

    def test_schedules_in_every_state_fit_their_description(self):
        one, preview = "/v1/schedules/{name}", "/v1/schedules:preview"
        wait = {"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1000h"}}]}
        wrong = {"name": "p", "actions": [{"id": "a", "tool": "flow.assert", "input": {"that": {"equals": [1, 2]}}}]}
        full = {"cron": ["0 9 * * mon-fri", "@monthly"], "time_zone": "Europe/Berlin", "jitter": "5s", "from": "2026-01-01T00:00:00Z",
                "until": "2200-01-01T00:00:00Z", "overlap": "queue_one", "catch_up": {"runs": "all", "window": "2h"}, "paused": False,
                "pause_on_failure": True, "scheduled_at_input": "day", "labels": {"team": "ops"}, "plan": wait}
        self.assertEqual(self.validator.problems({"$ref": "#/components/schemas/ScheduleRequest"}, full), [])
        for status in (201, 200):
            self.ask("PUT", one, "/v1/schedules/full", full, status)
        self.ask("POST", preview, preview, {**full, "name": "full", "count": 3})
        self.ask("PUT", one, "/v1/schedules/busy", {"every": "1s", "offset": "500ms", "plan": wait}, 201)
        self.ask("PUT", one, "/v1/schedules/broken", {"every": "1s", "pause_on_failure": True, "plan": wrong}, 201)
        harness.wait_until(lambda: self.client.get("/v1/schedules/busy").json["skipped"], "one is skipped")
        harness.wait_until(lambda: self.client.get("/v1/schedules/broken").json["state"] == "paused", "one has paused itself")
        for name in ("full", "busy", "broken"):
            self.ask("GET", one, f"/v1/schedules/{name}")
        self.ask("POST", one + ":trigger", "/v1/schedules/full:trigger", None, 201)
        self.ask("POST", one + ":trigger", "/v1/schedules/full:trigger", {"overlap": "allow"}, 201)
        self.ask("POST", one + ":pause", "/v1/schedules/full:pause", {"reason": "because"})
        self.ask("GET", "/v1/schedules")
        self.ask("POST", one + ":resume", "/v1/schedules/full:resume")
        for name in ("full", "busy", "broken"):
            self.ask("DELETE", one, f"/v1/schedules/{name}")

    def test_the_feed_and_subscriptions_fit_their_description(self):
        self.client.end_of(self.client.start({"id": "tell", "tool": "flow.emit", "input": {"type": "x"}}))
        self.assertTrue(self.ask("GET", "/v1/events", "/v1/events?limit=1000").json["events"])
        self.ask("POST", "/v1/retention:release")
        self.ask("GET", "/v1/retention")
        self.ask("GET", "/v1/quotas")
        one = "/v1/subscriptions/{name}"
        body = {"url": "https://example.org/hooks", "types": ["emitted.never"], "labels": {"a": "b"}}
        self.assertEqual(self.validator.problems({"$ref": "#/components/schemas/SubscriptionRequest"}, body), [])
        for status in (201, 200):
            self.ask("PUT", one, "/v1/subscriptions/hook", body, status)
        self.ask("GET", "/v1/subscriptions")
        self.ask("GET", one, "/v1/subscriptions/hook")
        for verb in (":pause", ":resume", ":rotate_secret", "/dead_letters:redrive", "/dead_letters:purge"):
            self.ask("POST", one + verb, "/v1/subscriptions/hook" + verb)
        self.ask("GET", one + "/dead_letters", "/v1/subscriptions/hook/dead_letters")
        self.ask("DELETE", one, "/v1/subscriptions/hook")

    def test_checks_tools_and_health_fit_their_description(self):
        plan = {"name": "p", "actions": [make()]}
        self.ask("POST", "/v1/plans:check", body={"plan": plan})
        self.ask("POST", "/v1/plans:check", body={"plan": {**plan, "actions": []}}, status=422)
        tool = changed(KEY, name="things.new")
        self.ask("PUT", "/v1/tools/{name}", "/v1/tools/things.new", tool, status=201)
        self.ask("PUT", "/v1/tools/{name}", "/v1/tools/things.new", tool)
        self.ask("PUT", "/v1/tools/{name}", "/v1/tools/things.new", changed(tool, risk=7), status=422)
        self.ask("GET", "/v1/tools")
        for name in [each["name"] for each in ALL] + ["flow.sleep"]:
            self.ask("GET", "/v1/tools/{name}", f"/v1/tools/{name}")
        self.ask("GET", "/v1/tools/{name}/versions", "/v1/tools/flow.sleep/versions")
        place, versions = "/v1/tools/things.new/versions", "/v1/tools/{name}/versions"
        version = self.ask("GET", versions, place).json["versions"][0]["version"]
        self.ask("GET", versions + "/{v}", f"{place}/{version}")
        self.ask("POST", versions + "/{v}:disable", f"{place}/{version}:disable")
        self.ask("PUT", "/v1/tools/{name}", "/v1/tools/things.new", tool, status=409)
        self.ask("POST", versions + "/{v}:enable", f"{place}/{version}:enable")
        for format in ("openai", "anthropic", "mcp"):
            self.ask("GET", "/v1/tools", f"/v1/tools?format={format}")
        for path in ("/healthz", "/readyz", "/openapi.json"):
            self.ask("GET", path)


if __name__ == "__main__":
    unittest.main()
