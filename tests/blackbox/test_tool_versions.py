"""Versions of tools: listed with when they came, disabled durably, linted and compared."""
import json
import pathlib
import unittest

import harness
from harness import ROOT
from tool_documents import KEY, READ, changed, make

NEWER = changed(KEY, description="A newer one.")
EXAMPLE = ROOT / "examples" / "tools" / "crm.create_contact.json"


class Versions(harness.EngineTest):
    def put(self, tool, status=201):
        answer = self.client.send("PUT", f"/v1/tools/{tool['name']}", tool)
        self.assertEqual(answer.status, status, answer)
        return answer.json.get("version")

    def versions(self, name=KEY["name"]):
        return self.client.get(f"/v1/tools/{name}/versions").json["versions"]

    def switch(self, version, verb, status=200, name=KEY["name"]):
        answer = self.client.post(f"/v1/tools/{name}/versions/{version}:{verb}")
        self.assertEqual(answer.status, status, answer)
        return answer

    def test_versions_are_listed_newest_first_and_the_newest_enabled_one_runs(self):
        engine = self.engine()
        self.client = engine.client
        old, new = self.put(KEY), self.put(NEWER)
        self.assertEqual([(v["version"], v["newest"], v["enabled"]) for v in self.versions()],
                         [(new, True, True), (old, False, True)])
        self.assertTrue(all(version["came_at"] for version in self.versions()))
        self.assertEqual(self.client.get(f"/v1/tools/{KEY['name']}/versions/{old}").json["document"], KEY)
        self.assertEqual(self.client.get(f"/v1/tools/{KEY['name']}/versions/{old[7:19]}").json["version"], old)

        self.assertEqual(self.switch(new, "disable").json["newest"], old)
        running = self.client.start(make("a"))
        self.assertEqual(self.client.workflow(running)["actions"][0]["tool"]["version"], old)
        self.assertEqual(self.client.get(f"/v1/tools/{KEY['name']}").json["version"], old)
        self.assertEqual(self.switch(new[7:], "enable").json["newest"], new)

    def test_disabling_survives_a_kill_and_a_folder_that_has_the_document(self):
        engine = self.engine(KEY, READ)
        self.client = engine.client
        version = self.versions()[0]["version"]
        came_at = self.versions()[0]["came_at"]
        self.assertIsNone(self.switch(version, "disable").json["newest"])
        engine.kill9()
        self.client = engine.start().client
        listed, = self.versions()
        self.assertEqual((listed["enabled"], listed["newest"], listed["came_at"]), (False, False, came_at))
        self.assertIsNotNone(listed["disabled_at"])
        listed = [tool["name"] for tool in self.client.get("/v1/tools").json["tools"] if not tool["builtin"]]
        self.assertEqual(listed, [READ["name"]])
        self.assert_problem(self.client.get(f"/v1/tools/{KEY['name']}"), 404, "not_found")
        self.assert_problem(self.client.send("PUT", f"/v1/tools/{KEY['name']}", KEY), 409, "wrong_state")

    def test_without_an_enabled_version_plans_are_refused_and_running_workflows_go_on(self):
        engine = self.engine(KEY)
        self.client = engine.client
        gate = self.world.fault("POST", "/things", "gate_before")
        running = self.client.start(make("a"), make("b", after=["a"]))
        gate.wait_reached()
        version = self.versions()[0]["version"]
        self.switch(version, "disable")
        refused = self.assert_problem(self.client.submit({"name": "p", "actions": [make()]}), 422, "invalid_plan")
        self.assert_places(refused, ("/plan/actions/0/tool", "tool_disabled"))
        call = {"id": "c", "type": "function", "function": {"name": "things__make", "arguments": '{"name": "x"}'}}
        calls = self.client.post("/v1/plans:from_tool_calls", {"tool_calls": [call]}).json
        self.assertEqual([(p["pointer"], p["code"]) for p in calls["problems"]],
                         [("/tool_calls/0/function/name", "tool_disabled")])
        gate.open()
        self.assertEqual(self.client.end_of(running)["outcome"], "verified")
        self.switch(version, "disable")
        self.put(NEWER)
        self.assertEqual(self.client.submit({"name": "p", "actions": [make()]}).status, 201)

    def test_what_does_not_exist_can_not_be_switched(self):
        self.client = self.engine(KEY).client
        for version in ("0" * 64, "abc", self.versions()[0]["version"][7:12]):
            self.assert_problem(self.switch(version, "disable", 404), 404, "not_found")
        self.assert_problem(self.switch("0" * 64, "enable", 404, name="nobody"), 404, "not_found")
        self.assert_problem(self.client.get("/v1/tools/nobody/versions"), 404, "not_found")

    def test_the_command_line_lists_disables_and_compares(self):
        engine = self.engine()
        self.client = engine.client
        old, new = self.put(KEY), self.put(NEWER)
        code, output, _ = harness.run_cli("tools", "versions", KEY["name"], server=engine.url)
        self.assertEqual(code, 0)
        self.assertLess(output.index(new[7:19]), output.index(old[7:19]))
        code, output, _ = harness.run_cli("tools", "diff", f"{KEY['name']}@{old[7:19]}", KEY["name"], "--json",
                                          server=engine.url)
        self.assertEqual((code, [c["code"] for c in json.loads(output)["changes"]]), (0, ["description_changed"]))
        code, output, _ = harness.run_cli("tools", "disable", KEY["name"], new[7:19], server=engine.url)
        self.assertEqual(code, 0)
        self.assertIn(old[7:19], output)
        self.assertEqual(harness.run_cli("tools", "disable", KEY["name"], "0" * 12, server=engine.url)[0], 4)


class Files(harness.EngineTest):
    def file(self, document, name="tool.json"):
        path = pathlib.Path(self.folder) / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    def lint(self, *arguments):
        code, output, _ = harness.run_cli("tools", "lint", "--json", *arguments, server="http://127.0.0.1:1")
        return code, json.loads(output)["files"]

    def test_lint_works_without_a_server_and_tells_errors_from_warnings(self):
        code, files = self.lint(str(EXAMPLE))
        self.assertEqual((code, files[0]["valid"], files[0]["errors"], files[0]["warnings"]), (0, True, [], []))
        post = changed(KEY, idempotency={"mode": "natural"})
        code, files = self.lint(self.file(post))
        self.assertEqual((code, files[0]["valid"]), (0, True))
        self.assertIn(("/idempotency/mode", "natural_with_post"),
                      [(w["pointer"], w["code"]) for w in files[0]["warnings"]])
        self.assertEqual(self.lint("--strict", self.file(post))[0], 3)
        wrong = changed(KEY, record_id="/nr", output_schema={"type": "object", "additionalProperties": False,
                                                             "properties": {"id": {"type": "string", "oneOff": []}}})
        code, files = self.lint(self.file(wrong), str(EXAMPLE))
        self.assertEqual((code, [file["valid"] for file in files]), (3, [False, True]))
        self.assertIn("schema_unknown_keyword", [error["code"] for error in files[0]["errors"]])
        code, output, _ = harness.run_cli("tools", "lint", self.file(changed(KEY, execut={})), server="http://127.0.0.1:1")
        self.assertEqual(code, 3)
        self.assertRegex(output, r"error  /execut  unknown_member\n(.*\n){1,3} +try +execute\n")
        code, files = self.lint(self.file('{"name": '))
        self.assertEqual((code, files[0]["errors"][0]["code"]), (2, "syntax"))

    def test_diff_says_what_a_change_means_and_strict_makes_it_an_exit_code(self):
        before = self.file(KEY, "before.json")
        weaker = changed(KEY, verify="none", reason="no")
        after = self.file(weaker, "after.json")
        code, output, _ = harness.run_cli("tools", "diff", before, after, "--strict")
        self.assertEqual(code, 1)
        self.assertIn("verification_weakened", output)
        code, output, _ = harness.run_cli("tools", "diff", before, before, "--strict")
        self.assertEqual((code, output), (0, "no difference\n"))


if __name__ == "__main__":
    unittest.main()
