"""Tools as other ecosystems want them: names that can be read back, schemas in their place, and honest flags."""
import json
import re
import unittest

import harness
from tool_documents import ALL, KEY, NATURAL, READ, changed

STRICT = changed(KEY, name="things.strict", input_schema={
    "type": "object", "required": ["name", "size"], "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "size": {"type": ["integer", "null"]}}})
ODD = changed(KEY, name="a.b__c~d")
LONG = changed(KEY, name="long." + "x" * 100)
OLD = changed(KEY, name="things.old", deprecated=True, deprecation="Use things.make.")
TOOLS = (*ALL, STRICT, ODD, LONG, OLD)


class ToolFormats(harness.SharedEngineTest):
    tools = TOOLS

    def exported(self, format):
        answer = self.client.get(f"/v1/tools?format={format}")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["format"], format)
        return answer.json["tools"]

    def test_every_name_is_legal_elsewhere_the_same_in_every_format_and_none_is_there_twice(self):
        names = [tool["function"]["name"] for tool in self.exported("openai")]
        self.assertEqual(len(names), len(TOOLS))
        self.assertEqual(len(set(names)), len(names))
        for name in names:
            self.assertRegex(name, r"^[a-zA-Z0-9_-]{1,64}$")
        for format in ("anthropic", "mcp"):
            self.assertEqual([tool["name"] for tool in self.exported(format)], names)
        self.assertIn("things__make", names)

    def test_openai_gets_function_tools_that_are_strict_only_where_their_schema_is(self):
        for tool in self.exported("openai"):
            self.assertEqual(set(tool), {"type", "function"})
            self.assertEqual(tool["type"], "function")
            function = tool["function"]
            self.assertEqual(set(function), {"name", "description", "parameters", "strict"})
            self.assertEqual(function["strict"], function["name"] == "things__strict", function)
        by_name = {tool["function"]["name"]: tool["function"] for tool in self.exported("openai")}
        self.assertEqual(by_name["things__make"]["parameters"], KEY["input_schema"])
        self.assertTrue(by_name["things__old"]["description"].startswith("Deprecated: Use things.make."))

    def test_anthropic_gets_input_schemas(self):
        tools = {tool["name"]: tool for tool in self.exported("anthropic")}
        self.assertEqual(tools["things__get"], {"name": "things__get", "description": READ["description"],
                                                "input_schema": READ["input_schema"]})

    def test_mcp_gets_schemas_of_both_sides_and_hints_that_follow_risk_and_idempotency(self):
        tools = {tool["title"]: tool for tool in self.exported("mcp")}
        read, natural, key = tools[READ["name"]], tools[NATURAL["name"]], tools[KEY["name"]]
        self.assertEqual(read["inputSchema"], READ["input_schema"])
        self.assertEqual(read["outputSchema"], READ["output_schema"])
        hints = [[tool["annotations"][hint] for hint in ("readOnlyHint", "destructiveHint", "idempotentHint",
                                                        "openWorldHint")] for tool in (read, natural, key)]
        self.assertEqual(hints, [[True, False, True, True], [False, False, True, True], [False, False, False, True]])

    def test_an_unknown_format_is_refused_with_those_that_are_known(self):
        problem = self.assert_problem(self.client.get("/v1/tools?format=yaml"), 400, "invalid_argument")
        self.assertIn("anthropic", problem["detail"])

    def test_the_command_line_prints_the_list_itself_or_the_document_of_the_api(self):
        code, output, _ = harness.run_cli("tools", "export", "--format", "anthropic", server=self.shared.url)
        self.assertEqual((code, json.loads(output)), (0, self.exported("anthropic")))
        code, output, _ = harness.run_cli("tools", "export", "--format", "mcp", "--json", server=self.shared.url)
        self.assertEqual((code, json.loads(output)["format"]), (0, "mcp"))

    def test_a_call_by_every_exported_name_finds_its_tool(self):
        for tool, exported in zip(sorted(TOOLS, key=lambda tool: tool["name"].encode()), self.exported("openai")):
            arguments = {"id": "x"} if tool["risk"] == "read" else {"name": "x", "size": 1}
            call = {"id": "call_1", "type": "function",
                    "function": {"name": exported["function"]["name"], "arguments": json.dumps(arguments)}}
            answer = self.client.post("/v1/plans:from_tool_calls", {"tool_calls": [call]})
            self.assertEqual(answer.json["plan"]["actions"][0]["tool"], tool["name"])
            self.assertTrue(answer.json["valid"], answer)

    def test_a_deprecated_tool_is_shown_and_warned_about_but_runs(self):
        listed = {tool["name"]: tool for tool in self.client.get("/v1/tools").json["tools"]}
        self.assertEqual((listed["things.old"]["deprecated"], listed["things.old"]["deprecation"]),
                         (True, "Use things.make."))
        self.assertEqual((listed["things.make"]["deprecated"], listed["things.make"]["deprecation"]), (False, None))
        plan = {"name": "p", "actions": [{"id": "a", "tool": "things.old", "input": {"name": "n"}}]}
        checked = self.client.post("/v1/plans:check", {"plan": plan}).json
        self.assertTrue(checked["valid"])
        warning, = checked["warnings"]
        self.assertEqual((warning["pointer"], warning["code"]), ("/plan/actions/0/tool", "tool_deprecated"))
        self.assertTrue(re.search("Use things.make", warning["message"]))


if __name__ == "__main__":
    unittest.main()
