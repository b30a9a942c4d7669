"""Tokens from the first start to the last revoke: who gets in, what they may do, and where a token must never be seen."""
import os
import re
import stat
import threading
import unittest

import harness
from harness import Raw, run_cli, wait_until
from tool_documents import KEY, NONE, changed, make

TOKEN = r"settle_[0-9a-v]{16}_[0-9a-v]{59}"
CONFIGURATION, FORBIDDEN = 2, 6


class WithTokens(harness.EngineTest):
    def guarded(self, *tools, **options):
        return self.engine(*tools, dev=False, **options)


class FirstStart(WithTokens):
    def test_the_first_token_is_in_its_file_and_nowhere_else(self):
        engine = self.guarded()
        text = engine.admin_token_file.read_text()
        self.assertRegex(text, f"^{TOKEN}\n$")
        self.assertEqual(stat.S_IMODE(os.stat(engine.admin_token_file).st_mode), 0o600)
        self.assertIn(f"wrote the first admin token to {engine.admin_token_file}", engine.log())
        self.assertNotIn(text.strip().split("_")[2], engine.log())
        tokens = engine.admin().get("/v1/tokens").json["tokens"]
        self.assertEqual([(token["name"], token["namespace"], token["scopes"]) for token in tokens],
                         [("first-admin", "*", ["admin"])])

    def test_a_later_start_makes_none(self):
        engine = self.guarded()
        text = engine.admin_token_file.read_text()
        engine.kill9()
        engine.admin_token_file.unlink()
        engine.start()
        self.assertFalse(engine.admin_token_file.exists())
        self.assertNotIn("first admin token", engine.log())
        self.assertEqual(engine.client_of(text.strip()).get("/v1/tokens").status, 200)

    def test_a_token_that_an_interrupted_start_left_is_taken_up(self):
        engine = self.guarded()
        text = engine.admin_token_file.read_text()
        other = self.engine()  # a store without tokens
        other.stop()
        other.admin_token_file.touch(0o600)
        other.admin_token_file.write_text(text)
        other.dev = False
        other.start()
        self.assertEqual(other.client_of(text.strip()).get("/v1/tokens").status, 200)

    def test_a_file_that_is_no_token_of_the_owner_alone_is_refused_and_left_alone(self):
        text = self.guarded().admin_token_file.read_text()
        engine = self.engine()
        engine.stop()
        engine.dev = False
        for content, mode in (("mine", 0o600), ("", 0o600), (text, 0o644)):
            with self.subTest(content=content[:4], mode=mode):
                engine.admin_token_file.write_text(content)
                engine.admin_token_file.chmod(mode)
                code, log = engine.refused()
                self.assertEqual(code, CONFIGURATION, log)
                self.assertIn("admin.token", log)
                self.assertEqual(engine.admin_token_file.read_text(), content)

    def test_dev_takes_no_notice_of_tokens_and_helps_whoever_lost_them(self):
        engine = self.guarded()
        engine.stop()
        engine.dev = True
        engine.start()
        answer = engine.client_of("nonsense").post("/v1/tokens", {"name": "again", "scopes": ["admin"], "namespace": "*"})
        self.assertEqual((answer.status, answer.json["created_by"]), (201, "dev"))
        engine.stop()
        engine.dev = False
        engine.start()
        self.assertEqual(engine.client_of(answer.json["token"]).get("/v1/tokens").status, 200)

    def test_with_tokens_it_serves_beyond_loopback(self):
        engine = self.prepare(dev=False)
        engine.launch(engine.command(listen="0.0.0.0:0"))
        found = wait_until(engine._listening, "the engine listens")
        self.assertEqual(harness.Client(int(found[1])).get("/v1/workflows").status, 401)


class Access(WithTokens):
    def test_nothing_but_a_whole_token_gets_in(self):
        engine = self.guarded()
        good = engine.admin_token_file.read_text().strip()
        other = engine.make_token("planner")
        spliced = good[:24] + other[24:]
        for wrong in (None, "Bearer", "Bearer ", f"Bearer {good}x", f"Bearer {good[:-1]}", f"Basic {good}", good,
                      f"Bearer {spliced}", f"Bearer {good.upper()}", f"Bearer  {good}"):
            with self.subTest(wrong):
                answer = engine.client.send("GET", "/v1/tokens", headers={"Authorization": wrong} if wrong else {})
                document = self.assert_problem(answer, 401, "unauthenticated")
                self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
                self.assertNotIn(good[24:76], str(document))
        for allowed in (f"Bearer {good}", f"bearer {good}"):
            self.assertEqual(engine.client.send("GET", "/v1/tokens", headers={"Authorization": allowed}).status, 200)

    def test_two_tokens_or_two_namespaces_in_one_request_are_refused(self):
        engine = self.guarded()
        good = engine.admin_token_file.read_text().strip()
        for twice in (f"Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n",
                      f"Authorization: Bearer {good}\r\nSettle-Namespace: a\r\nSettle-Namespace: b\r\n"):
            with Raw(engine.port) as raw:
                raw.send(f"GET /v1/tokens HTTP/1.1\r\nHost: localhost\r\n{twice}\r\n")
                self.assertTrue(raw.read_to_end().startswith(b"HTTP/1.1 400"), twice)

    def test_a_token_in_the_url_is_not_looked_at(self):
        engine = self.guarded()
        good = engine.admin_token_file.read_text().strip()
        for name in ("access_token", "token"):
            self.assertEqual(engine.client.get(f"/v1/tokens?{name}={good}").status, 401)

    def test_a_planner_plans_and_an_operator_operates(self):
        engine = self.guarded(KEY)
        planner = engine.client_of(engine.make_token("planner"))
        operator = engine.client_of(engine.make_token("operator"))
        id = planner.start(make("a"), id="w")
        self.assertEqual(planner.end_of(id)["outcome"], "verified")
        self.assertEqual(operator.get("/v1/workflows/w").status, 200)
        self.assert_problem(operator.submit({"name": "p", "actions": []}), 403, "insufficient_scope")
        document = self.assert_problem(planner.post("/v1/workflows/w:pause"), 403, "insufficient_scope")
        self.assert_places(document, ("", "insufficient_scope"))
        self.assertEqual(document["errors"][0]["expected"], "operator")
        self.assert_problem(planner.send("PUT", f"/v1/tools/{KEY['name']}", KEY), 403, "insufficient_scope")
        self.assert_problem(operator.post("/v1/workflows/w:retry"), 409, "wrong_state")

    def test_a_namespace_sees_nothing_of_another(self):
        engine = self.guarded(KEY)
        engine.client_of(engine.make_token("planner")).start(make("a"), id="w")
        stranger = engine.client_of(engine.make_token("planner", "operator", "auditor", "admin", name_space="b"))
        self.assert_problem(stranger.get("/v1/workflows/w"), 404, "not_found")
        self.assert_problem(stranger.post("/v1/workflows/w:cancel"), 404, "not_found")
        self.assert_problem(stranger.get("/v1/receipts/rcp_w.1"), 404, "not_found")
        self.assertEqual(stranger.get("/v1/workflows").json["workflows"], [])
        self.assert_problem(stranger.submit({"name": "p", "actions": [make("a")]}), 422, "invalid_plan")
        self.assertEqual(stranger.send("PUT", f"/v1/tools/{KEY['name']}", KEY).status, 201)
        self.assertEqual(stranger.start(make("a"), id="w"), "w", "the id is free here")
        self.assertEqual(stranger.end_of("w")["namespace"], "b")
        keys = {call.key for call in self.world.effects()}
        self.assertEqual(len(keys), 2, "and the idempotency keys are not those of the other namespace")
        self.assert_problem(stranger.get("/v1/workflows", Settle_Namespace="default"), 403, "forbidden")
        self.assertEqual(stranger.get("/v1/workflows", Settle_Namespace="b").status, 200)

    def test_a_credential_is_for_tools_of_its_namespaces_only(self):
        origins = f'origins = ["{self.world.url}"]'
        config = (f'[credentials.own]\nsecret_env = "S"\n{origins}\n'
                  f'[credentials.shared]\nsecret_env = "S"\n{origins}\nnamespaces = ["default", "b"]\n'
                  f'[credentials.every]\nsecret_env = "S"\n{origins}\nnamespaces = ["*"]')
        engine = self.guarded(config=config, environment={"S": "a-secret"})
        for name, places in (("own", {"default"}), ("not-yet", {"default"}), ("shared", {"default", "b"}), ("every", {"default", "b", "c"})):
            with_auth = changed(KEY, execute={**KEY["execute"], "auth": name})
            for name_space in ("default", "b", "c"):
                with self.subTest(name, name_space=name_space):
                    answer = engine.admin(name_space).send("PUT", f"/v1/tools/{KEY['name']}", with_auth)
                    if name_space in places:
                        self.assertEqual(answer.status, 201, answer)
                        continue
                    document = self.assert_problem(answer, 422, "invalid_tool")
                    self.assert_places(document, ("/execute/auth", "credential_not_here"))

    def test_a_credential_that_is_taken_back_is_taken_from_stored_tools_too(self):
        def config(namespaces):
            return (f'allow_private = ["127.0.0.1"]\n[credentials.own]\nsecret_env = "S"\norigins = ["{self.world.url}"]\n'
                    f'namespaces = {namespaces}\n')
        engine = self.guarded(config=config('["default", "b"]'), environment={"S": "a-secret"})
        with_auth = changed(KEY, execute={**KEY["execute"], "auth": "own"})
        for name_space in ("default", "b"):
            self.assertEqual(engine.admin(name_space).send("PUT", f"/v1/tools/{KEY['name']}", with_auth).status, 201)
        planners = {space: engine.make_token("planner", name_space=space) for space in ("default", "b")}
        for token in planners.values():
            id = engine.client_of(token).start(make())
            self.assertEqual(engine.client_of(token).end_of(id)["outcome"], "verified")
        engine.stop()
        engine.write_config({"world": self.world.url}, config('["default"]'))
        engine.start()
        self.assertIn('credential \\"own\\" is not for tools of namespace \\"b\\"', engine.log())
        sends = len(self.world.sends())
        plan = {"name": "p", "actions": [make()]}
        answer = engine.client_of(planners["b"]).submit(plan)
        self.assert_places(self.assert_problem(answer, 422, "invalid_plan"), ("/plan/actions/0/tool", "unknown_tool"))
        self.assertEqual(len(self.world.sends()), sends)
        self.assertEqual(engine.client_of(planners["default"]).submit(plan).status, 201)

    def test_a_token_of_all_namespaces_says_which(self):
        engine = self.guarded()
        everywhere = engine.make_token("planner", "admin", name_space="*")
        plan = {"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1h"}}]}
        self.assertEqual(engine.client_of(everywhere).submit(plan, "w").json["namespace"], "default")
        self.assertEqual(engine.client_of(everywhere, "b").submit(plan, "w").json["namespace"], "b")
        self.assertEqual(len(engine.client_of(everywhere, "c").get("/v1/workflows").json["workflows"]), 0)
        self.assert_problem(engine.client_of(everywhere, "a b").get("/v1/workflows"), 400, "invalid_argument")
        engine.kill9()
        engine.start()
        self.assertEqual(engine.client_of(everywhere, "b").get("/v1/workflows/w").json["status"], "running")

    def test_dev_honours_the_namespace(self):
        engine = self.engine()
        plan = {"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1h"}}]}
        self.assertEqual(engine.client_of(None, "b").submit(plan, "w").json["namespace"], "b")
        self.assertEqual(engine.client.get("/v1/workflows/w").status, 404)

    def test_nobody_makes_a_token_that_may_more_than_they_administer(self):
        engine = self.guarded()
        admin = engine.client_of(engine.make_token("admin", name_space="b"))
        for wanted in ("default", "*", "c"):
            self.assert_problem(admin.post("/v1/tokens", {"name": "n", "scopes": ["planner"], "namespace": wanted}), 403,
                                "forbidden")
        made = admin.post("/v1/tokens", {"name": "n", "scopes": ["approver", "operator"]})
        self.assertEqual((made.status, made.json["namespace"]), (201, "b"))
        self.assertEqual(made.headers["Cache-Control"], "no-store")
        first = engine.admin().get("/v1/tokens").json["tokens"][-1]["id"]
        self.assert_problem(admin.post(f"/v1/tokens/{first}:revoke"), 404, "not_found")
        self.assertNotIn(first, str(admin.get("/v1/tokens").json))

    def test_every_mistake_in_a_new_token_is_named(self):
        admin = self.guarded().admin()
        document = self.assert_problem(admin.post("/v1/tokens", {"name": "a b", "scopes": ["boss"], "namespace": "/",
                                                                 "expires": "soon", "extra": 1}), 400, "invalid_argument")
        self.assert_places(document, ("/name", "not_a_name"), ("/scopes", "unknown_scope"), ("/namespace", "not_a_name"),
                           ("/expires", "not_a_duration"), ("/extra", "unknown_member"))
        for scopes in ([], "planner", [7], ["planner", "Planner"]):
            self.assert_problem(admin.post("/v1/tokens", {"name": "n", "scopes": scopes}), 400, "invalid_argument")

    def test_the_receipt_of_a_resolve_names_the_token(self):
        engine = self.guarded(NONE)
        planner = engine.client_of(engine.make_token("planner"))
        operator = engine.client_of(engine.make_token("operator", name="olga"))
        self.world.fault("POST", "/orders", "drop_after")
        id = planner.start(make("a", NONE), id="w")
        planner.end_of(id, until_attention=True)
        answer = operator.post("/v1/workflows/w/actions/a:resolve",
                               {"who": "Olga P.", "did_not_happen": {"seen": "no such order"}})
        self.assertEqual(answer.status, 200, answer)
        word = planner.receipts(id)[-1]["operator"]
        self.assertEqual((word["who"], word["by"]), ("Olga P.", "olga"))


class Ends(WithTokens):
    """A token that ends takes with it what still waits for an answer."""

    def waiting(self, engine, token):
        """A live feed and a wait of this token; returns what tells that each has ended."""
        engine.client_of(engine.make_token("planner")).submit(
            {"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1h"}}]}, "w")
        feed = Raw(engine.port)
        self.addCleanup(feed.close)
        feed.send(f"GET /v1/workflows/w/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                  f"Authorization: Bearer {token}\r\n\r\n")
        head = b""
        while b"event: " not in head:
            head += feed.socket.recv(65536)
        answers = []
        wait = threading.Thread(
            target=lambda: answers.append(engine.client_of(token).get("/v1/workflows/w?wait=60s")))
        wait.start()
        return feed, wait, answers

    def assert_ended(self, feed, wait, answers):
        wait.join(20)
        self.assert_problem(answers[0], 401, "unauthenticated")
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):  # the last chunk: the feed was ended, not cut off
            piece = feed.socket.recv(65536)
            self.assertTrue(piece, "the feed was cut off")
            rest += piece

    def test_when_it_is_revoked(self):
        engine = self.guarded()
        token = engine.make_token("planner", name="leaked")
        feed, wait, answers = self.waiting(engine, token)
        id = token.split("_")[1]
        revoked = engine.admin().post(f"/v1/tokens/{id}:revoke")
        self.assertEqual((revoked.status, revoked.json["revoked_by"]), (200, "first-admin"))
        self.assert_problem(engine.client_of(token).get("/v1/workflows"), 401, "unauthenticated")
        self.assert_ended(feed, wait, answers)
        engine.kill9()
        engine.start()
        self.assert_problem(engine.client_of(token).get("/v1/workflows"), 401, "unauthenticated")
        again = engine.admin().post(f"/v1/tokens/{id}:revoke")
        self.assertEqual(again.json["revoked_at"], revoked.json["revoked_at"])

    def test_when_it_expires(self):
        engine = self.guarded()
        token = engine.make_token("planner", expires="3s")
        feed, wait, answers = self.waiting(engine, token)
        self.assert_ended(feed, wait, answers)
        self.assert_problem(engine.client_of(token).get("/v1/workflows"), 401, "unauthenticated")


class CommandLine(WithTokens):
    def test_a_token_is_made_used_listed_and_revoked(self):
        engine = self.guarded()
        admin = {"SETTLE_TOKEN_FILE": str(engine.admin_token_file)}
        code, output, errors = run_cli("token", "create", "--name", "ada", "--scope", "planner", "--scope", "operator",
                                       "--expires", "12h", server=engine.url, environment=admin)
        self.assertEqual(code, 0, errors)
        self.assertRegex(output, f"^{TOKEN}\n$")
        self.assertIn("planner,operator of namespace default", errors)
        token = output.strip()
        self.assertEqual(run_cli("ls", server=engine.url, environment={"SETTLE_TOKEN": token})[0], 0)
        self.assertEqual(run_cli("token", "ls", server=engine.url, environment={"SETTLE_TOKEN": token})[0], FORBIDDEN)
        self.assertEqual(run_cli("ls", server=engine.url)[0], FORBIDDEN)
        file = os.path.join(self.folder, "ada.token")
        with open(file, "w") as out:
            out.write(token + "\n")
        self.assertEqual(run_cli("ls", "--token-file", file, server=engine.url, environment=admin)[0], 0)
        code, output, _ = run_cli("token", "ls", server=engine.url, environment=admin)
        self.assertRegex(output, r"ada +default +planner,operator")
        self.assertNotIn(token.split("_")[2], output)
        code, output, _ = run_cli("token", "revoke", token.split("_")[1], server=engine.url, environment=admin)
        self.assertEqual(code, 0)
        self.assertEqual(run_cli("ls", "--token-file", file, server=engine.url)[0], FORBIDDEN)

    def test_a_token_never_stands_on_the_command_line(self):
        self.assertEqual(run_cli("ls", "--token", "x")[0], 2)
        for content in ("", "two words", "two\nlines\n"):
            file = os.path.join(self.folder, "wrong.token")
            with open(file, "w") as out:
                out.write(content)
            self.assertEqual(run_cli("ls", "--token-file", file)[0], 2)
        self.assertEqual(run_cli("ls", "--token-file", "/nowhere/at/all")[0], 13)

    def test_the_namespace_is_chosen_by_flag_or_environment(self):
        engine = self.guarded()
        token = engine.make_token("planner", name_space="*")
        engine.client_of(token, "b").submit(
            {"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1h"}}]}, "w-b")
        chosen = {"SETTLE_TOKEN": token}
        self.assertIn("w-b", run_cli("ls", "--namespace", "b", server=engine.url, environment=chosen)[1])
        self.assertIn("w-b", run_cli("ls", server=engine.url, environment={**chosen, "SETTLE_NAMESPACE": "b"})[1])
        self.assertNotIn("w-b", run_cli("ls", server=engine.url, environment=chosen)[1])


if __name__ == "__main__":
    unittest.main()
