"""What a planner can't do, each tried with a planner's token (docs/roles.md). Hosts and URLs are tried in test_ssrf.py."""
import re
import unittest

import harness
from harness import ROOT
from test_flow import run_plan
from tool_documents import ALL, KEY, NONE, READ, changed, make

ASKS = changed(KEY, name="things.ask", approval={"approvers": 2, "expires": "1h"})
SECRET = "canary-of-the-credential-5b1c"


def routes():
    """(method, path, whether a planner may) of the table that is printed from the code."""
    table = (ROOT / "docs" / "roles.md").read_text()
    for method, path, planner in re.findall(r"^\| `(\S+) (\S+)` \| (\S+) \|", table, re.M):
        yield method, path, planner


class Planner(harness.EngineTest):
    def guarded(self, *tools, config="", **more):
        engine = self.engine(*tools, dev=False, config=config, **more)
        self.planner = engine.client_of(engine.make_token("planner", name="planner"))
        return engine

    def refused_plan(self, *actions, code=None):
        document = self.assert_problem(self.planner.submit({"name": "p", "actions": list(actions)}), 422, "invalid_plan")
        if code:
            self.assertIn(code, [error["code"] for error in document["errors"]], document)
        self.assertEqual(self.world.calls, [])


class Routes(Planner):
    def test_whatever_is_not_a_planners_is_refused_and_changes_nothing(self):
        engine = self.guarded(*ALL, ASKS)
        id = self.planner.start(make("a", ASKS), id="w")
        self.planner.end_of(id, until_attention=True)
        approval = self.planner.get("/v1/approvals").json["approvals"][0]
        auditor = engine.client_of(engine.make_token("auditor", name="auditor"))
        seen = ["/v1/workflows/w", "/v1/approvals", f"/v1/tools/{ASKS['name']}/versions", "/v1/subscriptions", "/v1/tokens"]
        before = [auditor.get(path).json for path in seen]
        names = {"{id}": {"approvals": approval["id"], "tokens": auditor.get("/v1/tokens").json["tokens"][0]["id"]},
                 "{action}": "a", "{name}": ASKS["name"], "{v}": approval["tool"]["version"], "{letter}": "1.0"}
        bodies = {"PUT": ASKS, "POST": {"digest": approval["digest"], "reason": "x", "filter": {"name": "p"}}}
        tried = 0
        for method, path, may in routes():
            if may != "–":
                continue
            tried += 1
            resource = path.split("/")[2].split(":")[0]
            target = path.replace("{id}", names["{id}"].get(resource, "w"))
            for place in ("{action}", "{name}", "{v}", "{letter}"):
                target = target.replace(place, names[place])
            with self.subTest(f"{method} {path}"):
                answer = self.planner.send(method, target, bodies.get(method))
                self.assert_problem(answer, 403, "insufficient_scope")
        self.assertGreater(tried, 25)
        self.assertEqual([auditor.get(path).json for path in seen], before)
        self.assertEqual(self.world.calls, [])

    def test_it_cannot_approve_by_any_way_around(self):
        engine = self.guarded(*ALL, ASKS)
        id = self.planner.start(make("a", ASKS), id="w")
        self.planner.end_of(id, until_attention=True)
        approval = self.planner.get("/v1/approvals").json["approvals"][0]
        target, body = f"/v1/approvals/{approval['id']}:approve", {"digest": approval["digest"]}
        for headers in ({"Settle-Namespace": "default"}, {"X-HTTP-Method-Override": "POST"}, {"Settle-Scope": "approver"},
                        {"X-Forwarded-User": "ada"}):
            self.assert_problem(self.planner.send("POST", target, {**body, "who": "ada"}, headers), 403, "insufficient_scope")
        self.assert_problem(self.planner.submit({"name": "p", "actions": [
            {"id": "x", "tool": "flow.approve", "input": {"title": "t", "approvers": 0}}]}), 422, "invalid_plan")
        # An approver that is the planner, too, does not count for what it has submitted.
        both = engine.client_of(engine.make_token("planner", "approver", name="planner"))
        self.assert_problem(both.post(target, body), 403, "forbidden")
        one = engine.client_of(engine.make_token("approver", name="ada"))
        self.assertEqual(one.post(target, body).status, 200)
        again = engine.client_of(engine.make_token("approver", name="ada"))
        self.assertEqual(again.post(target, body).json["approved"], 1, "another token is no other person")
        self.assertEqual(self.world.calls, [])


class Secrets(Planner):
    def test_a_credential_is_in_no_answer_even_where_the_tool_gives_it_back(self):
        config = f'[credentials.crm]\nsecret_env = "CRM_TOKEN"\norigins = ["{self.world.url}"]\n'
        echoes = changed(NONE, execute={**NONE["execute"], "auth": "crm"})
        self.guarded(echoes, KEY, config=config, environment={"CRM_TOKEN": SECRET})
        self.world.fault("POST", "/orders", "answer_after", body={"id": f"it is {SECRET}", "name": SECRET})
        id = self.planner.start(make("a", echoes), make("b", input={"name": {"$from": "/actions/a/output/name"}},
                                                        after=["a"]), id="w")
        self.planner.end_of(id, until_attention=True)
        self.assertIn(SECRET, str([call.headers for call in self.world.calls]), "it was used")
        for path in ("", "/events", "/receipts", "/report", "/tool_results"):
            answer = self.planner.get(f"/v1/workflows/w{path}")
            self.assertNotIn(SECRET, answer.body.decode() + str(answer.headers), path)
        self.assertEqual([call.body for call in self.world.sends(prefix="/things")], [{"name": "[secret]"}])
        self.assertNotIn(SECRET, self.planner.get(f"/v1/tools/{NONE['name']}").body.decode())
        for reference in ("/credentials/crm", "/secrets/crm", "/values/world", "/environment/CRM_TOKEN", "/idempotency_key"):
            answer = self.planner.submit({"name": "p", "actions": [make("a", input={"name": {"$from": reference}})]})
            self.assert_problem(answer, 422, "invalid_plan")


class Templates(Planner):
    def test_a_template_in_an_answer_or_a_literal_is_data(self):
        self.guarded(*ALL)
        smuggled = "${/input/secret} {\"$from\": \"/input/secret\"} ${world}"
        self.world.fault("POST", "/orders", "answer_after", body={"id": "1", "name": smuggled})
        id = self.planner.start(make("a", NONE, input={"name": "x"}),
                                {"id": "b", "tool": NONE["name"], "input": {"name": {"$text": "<${/actions/a/output/name}>"}}, "after": ["a"]},
                                {"id": "c", "tool": NONE["name"], "input": {"name": {"$literal": smuggled}}, "after": ["a"]},
                                {"id": "d", "tool": NONE["name"], "input": {"name": {"$from": "/input/given"}}, "after": ["a"]},
                                id="w", input={"secret": "was-resolved", "given": smuggled}, on_failure="continue")
        self.planner.end_of(id, until_attention=True)
        sent = sorted(call.body["name"] for call in self.world.sends())
        self.assertEqual(sent, sorted(["x", f"<{smuggled}>", smuggled, smuggled]))

    def test_a_template_within_a_template_is_refused(self):
        self.guarded(*ALL)
        for value in ({"$from": {"$from": "/input/a"}}, {"$text": {"$from": "/input/a"}}, {"$text": "${${/input/a}}"},
                      {"$from": "/input/a", "$text": "x"}, {"$text": "${/input/a${/input/b}}"}, {"$exec": "id"},
                      {"$from": "/actions/a/output/name", "name": "x"}):
            with self.subTest(value):
                answer = self.planner.submit({"name": "p", "input": {"a": "/input/b", "b": "x"},
                                              "actions": [make("n", input={"name": value})]})
                self.assert_problem(answer, 422, "invalid_plan")
        self.assertEqual(self.world.calls, [])


class Policies(Planner):
    def test_none_is_loosened_wherever_a_plan_names_the_tool(self):
        self.guarded(*ALL, ASKS)
        loose = make("a", ASKS, approval={"approvers": 1, "expires": "2h"})
        call = {"tool": ASKS["name"], "input": {"name": "x"}, "approval": {"expires": "2h"}}
        self.refused_plan(loose, code="policy_loosened")
        self.refused_plan(make("a", ASKS, approval="none"))
        self.refused_plan(make("b", KEY, fallback=call), code="policy_loosened")
        self.refused_plan(make("b", KEY, compensate=call), code="policy_loosened")
        self.refused_plan(run_plan(loose), code="policy_loosened")
        self.refused_plan(run_plan(run_plan(loose, id="inner")), code="policy_loosened")
        self.refused_plan(make("a", ASKS, four_eyes=False))
        self.refused_plan(make("a", KEY, idempotency={"mode": "natural"}))
        self.refused_plan(make("a", KEY, verify="none"))
        self.refused_plan(make("a", KEY, risk="read"))

    def test_a_child_is_asked_about_like_its_parent(self):
        engine = self.guarded(*ALL, ASKS)
        self.planner.start(run_plan(make("a", ASKS)), id="w")
        harness.wait_until(lambda: self.planner.get("/v1/approvals").json["approvals"], "the child's action is asked about")
        request = self.planner.get("/v1/approvals").json["approvals"][0]
        self.assertEqual((request["submitted_by"], request["approvers"]), ("planner", 2))
        both = engine.client_of(engine.make_token("planner", "approver", name="planner"))
        self.assert_problem(both.post(f"/v1/approvals/{request['id']}:approve", {"digest": request["digest"]}), 403, "forbidden")
        self.assertEqual(self.world.calls, [])


class Namespaces(Planner):
    def test_another_one_is_not_read_whatever_is_asked(self):
        engine = self.guarded(*ALL, ASKS)
        other = engine.client_of(engine.make_token("planner", name="other", name_space="b"))
        id = self.planner.start(make("a", ASKS), id="w", name="hidden-name")
        self.planner.end_of(id, until_attention=True)
        approval = self.planner.get("/v1/approvals").json["approvals"][0]["id"]
        receipts = self.planner.receipts("w")
        for path in ("/v1/workflows/w", "/v1/workflows/w/events", "/v1/workflows/w/receipts", "/v1/workflows/w/report",
                     "/v1/workflows/w/tool_results", f"/v1/approvals/{approval}", f"/v1/tools/{KEY['name']}",
                     *(f"/v1/receipts/{receipt['receipt']}" for receipt in receipts)):
            answer = other.get(path)
            self.assert_problem(answer, 404, "not_found")
            self.assertNotIn("hidden-name", answer.body.decode())
            self.assert_problem(other.get(path, Settle_Namespace="default"), 403, "forbidden")
        for path in ("/v1/workflows", "/v1/approvals?state=all", "/v1/events?limit=1000", "/v1/tools", "/v1/quotas"):
            answer = other.get(path)
            self.assertEqual(answer.status, 200)
            self.assertNotIn("hidden-name", answer.body.decode(), path)
            self.assertNotIn('"w"', answer.body.decode(), path)
        self.assert_problem(other.post("/v1/workflows/w:cancel"), 404, "not_found")
        self.assert_problem(other.post("/v1/workflows/w/signals/go", {}), 404, "not_found")
        self.assertEqual(self.planner.workflow("w")["status"], "running")


if __name__ == "__main__":
    unittest.main()
