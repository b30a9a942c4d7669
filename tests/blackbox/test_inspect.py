"""The command line against a real engine, and `settle inspect` beside a running and a stopped one (docs/cli.md)."""
import json
import pathlib
import tempfile
import unittest

import harness
from harness import run_cli, wait_until
from tool_documents import ALL, KEY, NONE, READ, changed, make

PLAN = {"name": "a-plan", "actions": [make("first"), make("second", after=["first"])]}


class Inspect(harness.EngineTest):
    def inspect(self, engine, *arguments, code=0):
        done = run_cli("inspect", "--data", str(engine.data), *arguments, "--json")
        self.assertEqual(done[0], code, done)
        return json.loads(done[1]) if code == 0 else done[2]

    def test_it_shows_what_the_api_shows_beside_a_running_engine_and_behind_a_stopped_one(self):
        engine = self.engine(*ALL)
        ids = [engine.client.submit(PLAN, id=f"w-{number}",
                                    labels={"n": str(number)}).json["id"] for number in range(3)]
        for id in ids:
            engine.client.end_of(id)
        shown = {"list": engine.client.get("/v1/workflows").json["workflows"], **{
            id: {"workflow": engine.client.workflow(id), "events": engine.client.events(id),
                 "receipts": engine.client.receipts(id)} for id in ids}}

        def compare():
            self.assertEqual(self.inspect(engine)["workflows"], shown["list"])
            for id in ids:
                self.assertEqual(self.inspect(engine, id), shown[id])
        compare()
        id = engine.client.start(make("while-it-is-looked-at"))
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified", "the running engine is not disturbed")
        shown["list"] = engine.client.get("/v1/workflows").json["workflows"]
        engine.kill9()
        compare()
        engine.start()
        self.assertEqual(engine.stop(), 0)
        compare()

    def test_it_works_again_and_again_while_the_engine_writes(self):
        engine = self.engine(*ALL)
        for number in range(15):
            engine.client.start(*(make(f"a-{each}") for each in range(10)), id=f"w-{number}")
            listed = {workflow["id"] for workflow in self.inspect(engine)["workflows"]}
            self.assertLessEqual({f"w-{each}" for each in range(number + 1)}, listed, "what was acknowledged is there")

    def test_what_is_not_there_has_its_exit_code(self):
        engine = self.engine(*ALL)
        self.assertIn("nobody", self.inspect(engine, "nobody", code=4))
        code, _, errors = run_cli("inspect", "--data", f"{self.folder}/nothing-here")
        self.assertEqual((code, "nothing-here" in errors), (4, True), errors)
        self.assertFalse(pathlib.Path(self.folder, "nothing-here").exists(), "looking makes nothing")

    def test_people_get_a_table_and_a_tree(self):
        engine = self.engine(*ALL)
        engine.client.end_of(engine.client.submit(PLAN, id="seen").json["id"])
        code, text, _ = run_cli("inspect", "--data", str(engine.data))
        self.assertEqual((code, "seen" in text, "a-plan" in text), (0, True, True))
        code, text, _ = run_cli("inspect", "--data", str(engine.data), "seen")
        self.assertEqual((code, "first" in text, "workflow.ended" in text), (0, True, True), text)


class CommandLine(harness.SharedEngineTest):
    tools = ALL

    def cli(self, *arguments, code=0, stdin=None):
        done = run_cli(*arguments, server=self.shared.url, stdin=stdin)
        self.assertEqual(done[0], code, done)
        return done[1]

    def json(self, *arguments, code=0, stdin=None):
        return json.loads(self.cli(*arguments, "--json", code=code, stdin=stdin))

    def file(self, document):
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self.folder, delete=False) as file:
            file.write(document if isinstance(document, str) else json.dumps(document))
        return file.name

    def test_submit_waits_and_answers_with_the_outcome_as_exit_code(self):
        document = self.json("submit", self.file(PLAN), "--id", "by-cli", "--label", "team=sales", "--wait", "30s")
        self.assertEqual((document["id"], document["outcome"], document["labels"]),
                         ("by-cli", "verified", {"team": "sales"}))
        self.world.fault("POST", "/things", "status_before", status=400)
        self.assertEqual(self.json("submit", self.file(PLAN), "--wait", "30s", code=20)["outcome"], "failed")
        self.world.fault("POST", "/orders", "drop_after")
        plan = {"name": "p", "actions": [make("order", NONE)]}
        doubtful = self.json("submit", "-", "--wait", "30s", code=22, stdin=json.dumps(plan))
        self.assertTrue(doubtful["attention"])
        gate = self.world.fault("POST", "/things", "gate_before")
        running = self.json("submit", self.file(PLAN), "--wait", "200ms", code=23)
        cancelled = self.json("cancel", running["id"])
        self.assertEqual(cancelled["status"], "cancelling")
        gate.open()
        wait_until(lambda: self.client.workflow(running["id"])["status"] == "ended", "it ends")
        self.cli("cancel", running["id"], code=5)
        self.cli("watch", running["id"], code=21)

    def test_submitting_twice_with_one_key_is_one_workflow(self):
        file = self.file(PLAN)
        ids = {self.json("submit", file, "--idempotency-key", "once")["id"] for _ in range(3)}
        self.assertEqual(len(ids), 1)
        self.cli("submit", self.file({**PLAN, "name": "b"}), "--idempotency-key", "once", code=5)
        self.cli("submit", file, "--id", "taken")
        self.cli("submit", self.file({**PLAN, "name": "b"}), "--id", "taken", code=5)

    def test_what_is_refused_has_its_exit_code_and_its_places_on_standard_error(self):
        self.cli("submit", self.file("{"), code=2)
        self.cli("submit", "no-such-file.json", code=13)
        code, output, errors = run_cli("submit", self.file({"name": "p",
                                                            "actions": [{"id": "a",
                                                                         "tool": "things.mak"}]}), server=self.shared.url)
        self.assertEqual((code, output), (3, ""), errors)
        self.assertIn("/plan/actions/0/tool", errors)
        self.assertIn("things.make", errors)
        self.cli("check", self.file({"name": "p", "actions": []}), code=3)
        self.assertTrue(self.json("check", self.file(PLAN))["valid"])
        for command in (("show", "nobody"), ("receipts", "nobody"), ("report", "nobody"), ("events", "nobody"),
                        ("cancel", "nobody"),
                        ("receipt", "rcp_nobody.1"), ("tools", "get", "nothing")):
            with self.subTest(command):
                self.cli(*command, code=4)
        self.cli("explode", code=2)
        code, _, errors = run_cli("ls", "--server", "http://127.0.0.1:1")
        self.assertEqual(code, 8, errors)

    def test_reads_give_the_documents_of_the_api(self):
        id = self.client.submit(PLAN, id="shown").json["id"]
        self.client.end_of(id)
        self.assertEqual(self.json("show", id), self.client.workflow(id))
        self.assertEqual(self.json("receipts", id)["receipts"], self.client.receipts(id))
        self.assertEqual(self.json("report", id), self.client.get(f"/v1/workflows/{id}/report").json)
        receipt = self.client.receipts(id)[-1]
        self.assertEqual(self.json("receipt", receipt["receipt"]), receipt)
        self.assertIn(self.client.workflow(id)["id"], [workflow["id"] for workflow in self.json("ls", "--name",
            "a-plan")["workflows"]])
        self.assertEqual(self.json("ls", "--name", "nothing")["workflows"], [])
        self.assertEqual(self.json("tools", "get", READ["name"])["document"], READ)
        self.assertLessEqual({tool["name"] for tool in ALL}, {tool["name"] for tool in self.json("tools",
            "ls")["tools"]})
        self.assertIn("workflow.ended", self.cli("events", id))
        self.assertIn("workflow.ended", self.cli("watch", id))
        self.assertIn("Was done", self.cli("report", id))
        tree = self.cli("show", id)
        for text in ("shown", "first", "second", "verified", "things.make"):
            self.assertIn(text, tree)

    def test_tools_are_put_from_files(self):
        new, broken = self.file(changed(KEY, name="things.cli")), self.file(changed(KEY, name="things.broken",
            risk="x"))
        self.cli("tools", "put", new)
        self.assertEqual(self.client.get("/v1/tools/things.cli").status, 200)
        self.cli("tools", "put", broken, code=3)
        self.assertEqual(self.client.get("/v1/tools/things.broken").status, 404)

    def test_text_of_others_never_reaches_the_terminal_raw(self):
        evil = "\x1b]0;owned\x07\x1b[2J\u202egnp"
        self.world.fault("POST", "/things", "lie", body={"id": evil})
        id = self.client.start({"id": "a", "tool": KEY["name"], "input": {"name": evil}})
        self.client.end_of(id, until_attention=True)
        for command in ("show", "receipts", "report", "events"):
            output = self.cli(command, id)
            self.assertNotIn("\x1b", output)
            self.assertNotIn("\x07", output)
            self.assertNotIn("\u202e", output)

    def test_help_and_completion_and_version_need_no_server(self):
        for command in (("--help",), ("submit", "--help"), ("serve", "--help"), ("version",), ("completion", "bash"),
                        ("completion", "zsh"),
                        ("completion", "fish")):
            with self.subTest(command):
                code, output, _ = run_cli(*command, server="http://127.0.0.1:1")
                self.assertEqual((code, bool(output)), (0, True))


if __name__ == "__main__":
    unittest.main()
