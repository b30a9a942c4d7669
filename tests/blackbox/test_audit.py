"""The audit log: who asked for what, in order, whole after a crash, and without a secret; and that no secret is anywhere."""
import json
import pathlib
import unittest

import harness
from harness import in_parallel, run_cli, wait_until
from tool_documents import KEY, NONE, changed, make

SLEEP = {"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1h"}}]}


class Audit(harness.EngineTest):
    def setUp(self):
        super().setUp()
        self.settle = self.engine(KEY, NONE, dev=False)
        self.auditor = self.client_of("auditor")

    def client_of(self, *scopes, **more):
        return self.settle.client_of(self.settle.make_token(*scopes, name=more.pop("name", scopes[0]), **more))

    def records(self, client=None, after=0):
        answer = (client or self.auditor).get(f"/v1/audit?after={after}&limit=1000")
        self.assertEqual(answer.status, 200, answer)
        return answer.json["records"]

    def assert_recorded(self, action, **wanted):
        """The newest record of this action has these members."""
        found = [record for record in self.records(self.settle.client_of(self.settle.make_token("auditor", name_space="*")))
                 if record["action"] == action]
        self.assertTrue(found, action)
        self.assertEqual({name: found[-1][name] for name in wanted}, wanted, found[-1])
        return found[-1]

    def test_every_control_call_is_recorded_with_who_what_and_how_it_ended(self):
        planner, operator = self.client_of("planner"), self.client_of("operator", name="olga")
        admin = self.client_of("admin")
        made = planner.submit(SLEEP, "w")
        record = self.assert_recorded("workflow.submit", who="planner", target="w", outcome="done", status=201,
                                      namespace="default", peer="127.0.0.1", scopes=["planner"])
        self.assertEqual(record["request_id"], made.headers["Request-Id"])
        for verb in ("pause", "resume", "cancel"):
            self.assertEqual(operator.post(f"/v1/workflows/w:{verb}").status, 200)
            self.assert_recorded(f"workflow.{verb}", who="olga", target="w", outcome="done", status=200)
        self.assertEqual(operator.post("/v1/workflows/w:retry").status, 409)
        self.assert_recorded("workflow.retry", who="olga", target="w", outcome="wrong_state", status=409)
        planner.submit(SLEEP, "v")
        planner.post("/v1/workflows/v/signals/go", {"payload": 1})
        self.assert_recorded("workflow.signal", who="planner", target="v/go", outcome="done", status=201)
        operator.post("/v1/workflows:cancel", {"filter": {"name": "p"}})
        self.assert_recorded("workflows.cancel", target='{"name":"p"}', outcome="done", status=200)
        self.assertEqual(admin.send("PUT", f"/v1/tools/{KEY['name']}", changed(KEY, description="new")).status, 201)
        target = self.assert_recorded("tool.put", who="admin", outcome="done", status=201)["target"]
        version = target.partition("@")[2]
        for verb in ("disable", "enable"):
            admin.post(f"/v1/tools/{KEY['name']}/versions/{version}:{verb}")
            self.assert_recorded(f"tool.{verb}", who="admin", target=f"{KEY['name']}/{version}", outcome="done")
        id = admin.post("/v1/tokens", {"name": "n", "scopes": ["planner"]}).json["id"]
        self.settle.admin().post(f"/v1/tokens/{id}:revoke")
        self.assert_recorded("token.revoke", who="first-admin", target=id, outcome="done")
        self.world.fault("POST", "/orders", "drop_after")
        planner.end_of(planner.start(make("a", NONE), id="u"), until_attention=True)
        operator.post("/v1/workflows/u/actions/a:resolve", {"who": "Olga", "did_not_happen": {"seen": "no order"}})
        self.assert_recorded("action.resolve", who="olga", target="u/a", outcome="done", why="Olga: no order")

    def test_what_is_refused_at_the_door_is_recorded(self):
        self.settle.client.post("/v1/workflows", {"plan": SLEEP})
        self.assert_recorded("workflow.submit", who=None, token=None, namespace=None, outcome="unauthenticated", status=401)
        self.client_of("planner").post("/v1/workflows/w:pause")
        self.assert_recorded("workflow.pause", who="planner", target="w", outcome="insufficient_scope", status=403)
        self.client_of("planner").get("/v1/audit")
        self.assert_recorded("GET /v1/audit", who="planner", outcome="insufficient_scope")
        self.assertFalse([record for record in self.records() if record["namespace"] is None],
                         "nobody's are shown to tokens of all namespaces only")

    def test_a_flood_of_refusals_is_bounded_and_counted(self):
        before = len(self.records(self.settle.client_of(self.settle.make_token("auditor", name_space="*"))))
        in_parallel(8, lambda _: [self.settle.client.get("/v1/workflows") for _ in range(100)])
        everywhere = self.settle.client_of(self.settle.make_token("auditor", name_space="*"))
        written = [record for record in self.records(everywhere) if record["outcome"] == "unauthenticated"]
        self.assertLess(len(written), 800)
        self.assertGreater(before, 0)

        def counted():  # a record of each loop says how many it left out
            self.settle.client.get("/v1/workflows")
            found = [record for record in self.records(everywhere) if record["outcome"] == "unauthenticated"]
            return sum(record["unwritten"] for record in found) + len(found) > 800

        wait_until(counted, "all are accounted for")

    def test_records_have_one_order_without_gaps_also_after_a_crash(self):
        planner = self.client_of("planner")
        in_parallel(8, lambda index: [planner.submit(SLEEP, f"w{index}-{number}") for number in range(10)])
        everywhere = self.settle.client_of(self.settle.make_token("auditor", name_space="*"))
        seen = self.records(everywhere)
        self.assertEqual([record["seq"] for record in seen], list(range(1, len(seen) + 1)))
        submitted = [record["target"] for record in seen if record["action"] == "workflow.submit"]
        self.assertEqual(len(set(submitted)), 80)
        self.settle.kill9()
        self.settle.start()
        everywhere = self.settle.client_of(everywhere.access["Authorization"].split()[1])
        again = self.records(everywhere)
        self.assertEqual(again[:len(seen)], seen)
        self.settle.client_of(planner.access["Authorization"].split()[1]).submit(SLEEP, "after")
        self.assertEqual(self.records(everywhere)[-1]["seq"], len(again) + 1)
        self.assertEqual(self.records(everywhere, after=len(again))[0]["target"], "after")

    def test_a_repeat_and_a_dry_run_are_no_changes(self):
        planner, operator = self.client_of("planner"), self.client_of("operator")
        planner.submit(SLEEP, "w")
        planner.submit(SLEEP, "w")
        operator.post("/v1/workflows:cancel", {"filter": {"name": "p"}, "dry_run": True})
        actions = [record["action"] for record in self.records()]
        self.assertEqual(actions.count("workflow.submit"), 1)
        self.assertNotIn("workflows.cancel", actions)
        self.assertEqual(planner.submit({**SLEEP, "name": "other"}, "w").status, 409)
        self.assert_recorded("workflow.submit", target="w", outcome="conflict", status=409)

    def test_a_namespace_has_its_own_and_the_command_line_exports_it(self):
        other = self.client_of("planner", "auditor", name_space="b")
        other.submit(SLEEP, "w-b")
        self.assertEqual([record["target"] for record in self.records(other)], ["w-b"])
        self.assertNotIn("w-b", str(self.records()))
        token = other.access["Authorization"].split()[1]
        code, output, _ = run_cli("audit", server=self.settle.url, environment={"SETTLE_TOKEN": token})
        self.assertEqual(code, 0)
        self.assertRegex(output, r"workflow.submit +w-b +done")
        code, output, _ = run_cli("audit", "--export", server=self.settle.url, environment={"SETTLE_TOKEN": token})
        self.assertEqual([json.loads(line)["target"] for line in output.splitlines()], ["w-b"])


class Canaries(harness.EngineTest):
    """A secret in every place that takes one; then everything that Settle wrote or said is searched for it."""

    def test_no_secret_is_anywhere(self):
        environment = {"CRM_TOKEN": "canary-of-the-environment-1f4e"}
        file = pathlib.Path(self.folder, "secret")
        file.write_text("canary-of-the-file-77aa\n")
        origin = f'origins = ["{self.world.url}"]'
        config = (f'log_level = "debug"\n[credentials.crm]\nsecret_env = "CRM_TOKEN"\n{origin}\n'
                  f'[credentials.shop]\nkind = "basic"\nusername = "u"\nsecret_file = "{file}"\n{origin}\n')
        with_auth = [changed(KEY, execute={**KEY["execute"], "auth": "crm"}),
                     changed(NONE, execute={**NONE["execute"], "auth": "shop"})]
        settle = self.engine(*with_auth, dev=False, config=config, environment=environment)
        tokens = [settle.admin_token_file.read_text().strip()]
        tokens += [settle.make_token(scope, name=scope) for scope in ("planner", "operator", "auditor")]
        wrong = "settle_0000000000000000_" + "v" * 52 + "mueurg0"
        said = []

        def heard(answer):
            said.append((answer.body, str(answer.headers)))
            return answer

        admin, planner, operator, auditor = (settle.client_of(token) for token in tokens)
        self.world.fault("POST", "/orders", "status_after", status=500)
        planner.start(make("a"), make("b", NONE), id="w")
        planner.end_of("w", until_attention=True)
        for path in ("/v1/workflows/w", "/v1/workflows/w/events", "/v1/workflows/w/receipts", "/v1/workflows/w/report",
                     "/v1/tools", f"/v1/tools/{KEY['name']}", "/v1/tokens", "/v1/audit?limit=1000", "/v1/workflows"):
            for client in (admin, planner, operator, auditor, settle.client_of(wrong)):
                heard(client.get(path))
        heard(planner.get(f"/v1/workflows?name={tokens[1]}"))
        heard(planner.post("/v1/workflows", {"plan": {"name": "p", "actions": [make("x", KEY)], "extra": 1}}))
        heard(operator.post("/v1/workflows/w/actions/b:resolve", {"who": "o", "did_not_happen": {"seen": "s"}}))
        output = [text for arguments in (["ls"], ["show", "w"], ["receipts", "w"], ["events", "w"], ["audit"],
                                         ["token", "ls"], ["--json", "token", "ls"])
                  for text in run_cli(*arguments, server=settle.url, environment={"SETTLE_TOKEN": tokens[0]})[1:]]
        settle.stop()
        canaries = [environment["CRM_TOKEN"], "canary-of-the-file-77aa", "dTpjYW5hcnk"]  # the last: basic, in base64
        canaries += [token.split("_")[2][:52] for token in tokens + [wrong]]
        places = {"log": settle.log(), "command line": "".join(output), "answers": str(said)}
        for path in settle.data.rglob("*"):
            if path.is_file() and path != settle.admin_token_file:
                places[path.name] = path.read_bytes().decode("latin-1")
        self.assertGreater(len(places), 6)
        self.assertIn("canary", str([call.headers for call in self.world.calls]) + file.read_text(), "they were used")
        for name, text in places.items():
            for canary in canaries:
                self.assertNotIn(canary, text, f"in {name}")


if __name__ == "__main__":
    unittest.main()
