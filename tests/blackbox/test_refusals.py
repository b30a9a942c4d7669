"""Bad input: each is refused with a clear problem document, all problems at once, and nothing is half applied."""
import json
import unittest

import harness
from tool_documents import ALL, KEY, LOOKUP, READ, changed, make

PLAN = {"name": "a-plan", "actions": [make()]}


class Refusals(harness.SharedEngineTest):
    tools = ALL

    def setUp(self):
        self.before = self.count()

    def tearDown(self):
        self.assertEqual(self.count(), self.before, "what was refused left no workflow")
        self.assertEqual(self.world.calls, [], "and sent nothing")

    def count(self):
        return len(self.client.get("/v1/workflows?limit=1000").json["workflows"])

    def refused_body(self, body, status, code, **headers):
        return self.assert_problem(self.client.post("/v1/workflows", body, **headers), status, code)

    def refused_plan(self, plan, *places):
        """The plan is refused, by submission and by check alike; returns the problem document."""
        document = self.assert_problem(self.client.submit(plan), 422, "invalid_plan")
        self.assert_places(document, *places)
        checked = self.assert_problem(self.client.post("/v1/plans:check", {"plan": plan}), 422, "invalid_plan")
        self.assertEqual(checked["errors"], document["errors"])
        for error in document["errors"]:
            self.assertEqual(set(error) - {"suggestion"}, {"pointer", "code", "expected", "got", "message"})
            self.assertTrue(error["message"])
        return document


class Documents(Refusals):
    config = "[limits]\nbody_bytes = 4194304"

    def test_malformed_json_is_refused(self):
        for body in (b"", b" ", b"{", b'{"plan": }', b'{"plan": 01}', b"{'plan': 1}", b'{"plan": 1,}', b"{} {}",
                     b"nul", b"NaN",
                     b'"\x01"', b'{"a": "\\ud800"}', b'{"a": 1e999}', b'{"a": 9007199254740993}', b"// no\n{}"):
            with self.subTest(body):
                self.refused_body(body, 400, "malformed_json")

    def test_a_duplicate_member_is_refused_with_its_place(self):
        document = self.refused_body(b'{"plan": {"name": "a", "name": "b"}}', 400, "malformed_json")
        self.assertEqual(document["errors"][0]["code"], "duplicate_name")
        self.refused_body(b'{"id": "a", "\\u0069d": "b"}', 400, "malformed_json")

    def test_nul_a_byte_order_mark_and_bad_utf_8_are_refused(self):
        for body in (b'{"plan": "a\x00"}', b'{"plan": "\\u0000"}', b'\xef\xbb\xbf{"plan": 1}', b'{"plan": "\xff"}',
                     b'{"plan": "\xc0\xaf"}', b'{"plan": "\xed\xa0\x80"}', '{"plan": 1}'.encode("utf-16")):
            with self.subTest(body):
                self.refused_body(body, 400, "malformed_json")

    def test_a_body_nested_a_million_deep_is_refused(self):
        for opening, closing in ((b"[", b"]"), (b'{"":', b"}")):
            for depth in (64, 4_000_000 // len(opening + closing)):
                body = b'{"plan":' + opening * depth + b"1" + closing * depth + b"}"
                document = self.refused_body(body, 413, "payload_too_large")
                self.assertEqual(document["errors"][0]["code"], "too_deep")
        self.refused_body(b"[" * 1_000_000, 413, "payload_too_large")

    def test_a_body_of_10_mb_is_refused_with_413(self):
        answer = self.client.post("/v1/workflows", b'{"plan": "' + b"a" * 10_000_000 + b'"}')
        self.assert_problem(answer, 413, "payload_too_large")
        many = b"[" + b"1," * 400_000 + b"1]"
        self.refused_body(many, 413, "payload_too_large")

    def test_wrong_types_are_all_named_at_once(self):
        document = self.refused_plan({"name": 7, "labels": [], "on_failure": "explode", "actions": [
            {"id": 1, "tool": True, "input": 3, "after": "x"}, 5]},
            ("/plan/name", "wrong_type"), ("/plan/labels", "wrong_type"), ("/plan/on_failure", "not_in_list"),
            ("/plan/actions/0/id", "wrong_type"), ("/plan/actions/0/tool", "wrong_type"), ("/plan/actions/0/after",
                "wrong_type"),
            ("/plan/actions/1", "wrong_type"))
        self.assertGreaterEqual(len(document["errors"]), 7)
        for body in ([], "text", 7, None, True):
            with self.subTest(body):
                self.refused_body(json.dumps(body).encode(), 400, "invalid_argument")
        self.refused_body({}, 400, "invalid_argument")
        self.assert_places(self.refused_body({"id": 7}, 400, "invalid_argument"), ("/id", "wrong_type"),
                           ("/plan", "missing_member"))

    def test_ids_and_labels_are_names(self):
        for id in ("", "a b", "a/b", ".hidden", "ä", "a" * 129, "a\n", "a:b"):
            with self.subTest(id):
                self.assert_places(self.refused_body({"id": id, "plan": PLAN}, 400, "invalid_argument"),
                                   ("/id", "not_a_name"))
        document = self.refused_body({"plan": PLAN, "labels": {"a b": "x", "long": "x" * 257, "number": 7}}, 400,
                                     "invalid_argument")
        self.assert_places(document, ("/labels/a b", "not_a_name"), ("/labels/long", "wrong_type"),
                           ("/labels/number", "wrong_type"))

    def test_unknown_members_are_refused_with_a_suggestion(self):
        document = self.refused_body({"plan": PLAN, "lables": {}}, 400, "invalid_argument")
        self.assert_places(document, ("/lables", "unknown_member"))
        self.assertIn("labels", document["errors"][0]["message"])
        document = self.refused_plan({**PLAN, "on_failur": "stop", "actions": [{**make(), "inptu": {}}]},
                                     ("/plan/on_failur", "unknown_member"), ("/plan/actions/0/inptu", "unknown_member"))
        self.assertIn("on_failure", str(document["errors"]))
        self.assert_problem(self.client.post("/v1/plans:check", {"plan": PLAN, "id": "x"}), 400, "invalid_argument")


class Plans(Refusals):
    def test_an_unknown_tool_is_refused_with_the_nearest_one(self):
        document = self.refused_plan({"name": "p", "actions": [{"id": "a", "tool": "things.mak", "input": {}}]},
                                     ("/plan/actions/0/tool", "unknown_tool"))
        self.assertIn("things.make", document["errors"][0]["message"])

    def test_a_cycle_is_refused_and_named(self):
        self.refused_plan({"name": "p", "actions": [make("a", after=["c"]), make("b", after=["a"]),
                                                    make("c", after=["b"])]},
                          ("/plan/actions/0", "cycle"))
        by_reference = make("a")
        by_reference["input"] = {"name": {"$from": "/actions/a/record_id"}}
        self.refused_plan({"name": "p", "actions": [by_reference]}, ("/plan/actions/0", "cycle"))

    def test_references_to_nothing_are_refused_where_they_stand(self):
        def refers(to):
            return {"name": "p", "input": {"there": "x", "list": []}, "actions": [make("a"),
                {**make("b"), "input": {"name": to}}]}
        at = "/plan/actions/1/input/name"
        for to, code in (({"$from": "/input/nowhere"}, "reference_not_found"),
                         ({"$from": "/actions/nobody/output/id"}, "unknown_action"),
                         ({"$from": "/actions/a/output/size/deeper"}, "reference_not_in_schema"),
                         ({"$from": "/secrets/x"}, "reference_unknown"),
                         ({"$from": "/actions/a/state"}, "reference_unknown"),
                         ({"$from": "input/there"}, "template_malformed"),
                         ({"$text": "x${/input/list}"}, "reference_not_text"),
                         ({"$text": "x${/input/nowhere}"}, "reference_not_found")):
            with self.subTest(to):
                document = self.refused_plan(refers(to))
                self.assertEqual(document["errors"][0]["code"], code)
                self.assertEqual({error["pointer"].removesuffix("/$from") for error in document["errors"]}, {at})
        self.refused_plan({"name": "p", "actions": [make("a", after=["nobody"])]},
                          ("/plan/actions/0/after/0", "unknown_action"))

    def test_a_reference_of_a_type_that_never_fits_is_refused(self):
        action = {**make("b"), "input": {"name": {"$from": "/actions/a/output/size"}}}
        document = self.refused_plan({"name": "p", "actions": [make("a"), action]})
        self.assertEqual(document["errors"][0]["pointer"], "/plan/actions/1/input/name")
        self.assertEqual(document["errors"][0]["code"], "reference_type")

    def test_inputs_are_closed_and_checked_against_their_schema(self):
        action = {"id": "a", "tool": KEY["name"], "input": {"name": "", "size": -1, "colour": "red"}}
        document = self.refused_plan({"name": "p", "actions": [action]})
        places = {error["pointer"] for error in document["errors"]}
        self.assertEqual(places, {f"/plan/actions/0/input/{name}" for name in ("name", "size", "colour")})
        self.refused_plan({"name": "p", "actions": [{"id": "a", "tool": KEY["name"]}]})

    def test_a_plan_can_only_tighten_what_its_tool_says(self):
        self.refused_plan({"name": "p", "actions": [make("a", start_to_close_timeout="61s",
                                                         schedule_to_close_timeout="1h", retry={
            "maximum_attempts": 6, "initial_interval": "1ms", "backoff_coefficient": 1})]},
            ("/plan/actions/0/start_to_close_timeout",
             "policy_loosened"), ("/plan/actions/0/schedule_to_close_timeout", "policy_loosened"),
            ("/plan/actions/0/retry/maximum_attempts", "policy_loosened"), ("/plan/actions/0/retry/initial_interval",
                                                                            "policy_loosened"),
            ("/plan/actions/0/retry/backoff_coefficient", "policy_loosened"))

    def test_who_must_agree_is_checked_too(self):
        self.refused_plan({"name": "p", "actions": [make(approval={"approvers": 0, "expires": "soon", "when": {
            "equals": [{"$from": "/input/nmae"}, "x"]}}), {"id": "b", "tool": "flow.sleep", "input": {"for": "1s"}, "approval": {}}]},
            ("/plan/actions/0/approval/approvers", "out_of_range"), ("/plan/actions/0/approval/expires", "not_a_duration"),
            ("/plan/actions/0/approval/when/equals/0", "reference_not_in_schema"), ("/plan/actions/1/approval", "policy_not_for_builtin"))

    def test_conditions_lists_and_other_calls_are_checked_too(self):
        self.refused_plan({"name": "p", "deadline": "soon", "actions": [
            make(when={}, for_each={}, fallback={}, compensate={"tool": "nothing.like_it"})]},
            ("/plan/deadline", "not_a_duration"), ("/plan/actions/0/when", "condition_malformed"),
            ("/plan/actions/0/for_each", "for_each_not_a_list"), ("/plan/actions/0/fallback/tool", "missing_member"),
            ("/plan/actions/0/compensate/tool", "unknown_tool"))

    def test_every_problem_of_a_plan_comes_at_once_with_its_place(self):
        plan = {"name": "a plan", "extra": 1, "actions": [
            {"id": "a", "tool": "nothing.like_it", "input": {}}, {"id": "a", "tool": KEY["name"], "input": {"name": 7}},
            {"id": "b", "tool": KEY["name"], "input": {"name": {"$from": "/actions/z/output/id"}}, "after": ["y"]}]}
        self.refused_plan(plan, ("/plan/name", "not_a_name"), ("/plan/extra", "unknown_member"),
                          ("/plan/actions/0/tool", "unknown_tool"),
                          ("/plan/actions/1/id", "duplicate_id"), ("/plan/actions/1/input/name", "input_type"),
                          ("/plan/actions/2/input/name", "unknown_action"), ("/plan/actions/2/after/0",
                                                                             "unknown_action"))

    def test_problems_of_the_submission_and_of_its_plan_come_together(self):
        document = self.refused_body({"id": "a b", "plan": {"name": "p", "actions": []}, "more": 1}, 422,
                                     "invalid_plan")
        self.assert_places(document, ("/id", "not_a_name"), ("/more", "unknown_member"),
                           ("/plan/actions", "wrong_type"))

    def test_a_valid_plan_is_checked_without_being_stored(self):
        answer = self.client.post("/v1/plans:check", {"plan": PLAN})
        self.assertEqual((answer.status, answer.json["valid"], answer.json["actions"]), (200, True, 1))
        self.assertRegex(answer.json["plan_digest"], "^sha256:[0-9a-f]{64}$")


class Requests(Refusals):
    def test_only_json_is_taken(self):
        body = json.dumps({"plan": PLAN}).encode()
        for media in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/xml", "*/*"):
            with self.subTest(media):
                self.refused_body(body, 415, "unsupported_media_type", Content_Type=media)
        answer = self.client.post("/v1/plans:check", body, Content_Type="Application/JSON; charset=utf-8")
        self.assertEqual(answer.status, 200, answer)
        self.refused_body(body, 415, "unsupported_media_type", Content_Encoding="gzip")

    def test_unknown_and_repeated_query_parameters_are_refused(self):
        document = self.assert_problem(self.client.get("/v1/workflows?stauts=running&x=1"), 400, "invalid_argument")
        self.assertEqual([error["code"] for error in document["errors"]], ["unknown_parameter"] * 2)
        self.assertIn("status", document["errors"][0]["message"])
        document = self.assert_problem(self.client.get("/v1/workflows?limit=1&limit=2"), 400, "invalid_argument")
        self.assertEqual(document["errors"][0]["code"], "repeated_parameter")
        self.assert_problem(self.client.post("/v1/workflows?dry_run=true", {"plan": PLAN}), 400, "invalid_argument")
        self.assert_problem(self.client.get("/healthz?verbose"), 400, "invalid_argument")

    def test_query_values_are_checked(self):
        for query in ("status=done", "outcome=", "attention=maybe", "label=", "label=:x", "label=nothing",
                      "created_after=yesterday",
                      "created_before=2026-13-01T00:00:00Z", "limit=-1", "limit=1001", "limit=x", "limit=99999999999999999999", "cursor=x",
                      "cursor=1.", "cursor=.a", "cursor=1.a%20b"):
            with self.subTest(query):
                self.assert_problem(self.client.get(f"/v1/workflows?{query}"), 400, "invalid_argument")
        for query in ("wait=61s", "wait=x", "wait=", "wait=-1s", "wait=5", "until=attention&until=attention",
                      "until=ended"):
            with self.subTest(query):
                self.assert_problem(self.client.get(f"/v1/workflows/some?{query}"), 400, "invalid_argument")
        for query in ("after=-1", "after=x", "limit=1001"):
            with self.subTest(query):
                self.assert_problem(self.client.get(f"/v1/workflows/some/events?{query}"), 400, "invalid_argument")
        feed = {"Accept": "text/event-stream", "Last-Event-ID": "three"}
        self.assert_problem(self.client.send("GET", "/v1/workflows/some/events", headers=feed), 400, "invalid_argument")

    def test_what_is_not_there_is_404(self):
        for path in ("/", "/v1", "/v1/", "/v2/workflows", "/v1/workflows/", "/v1/workflows/nobody",
                     "/v1/workflows/nobody/events",
                     "/v1/workflows/nobody/receipts", "/v1/workflows/nobody/report", "/v1/workflows/nobody/other", "/v1/tools/nothing",
                     "/v1/receipts/rcp_nobody.1", "/v1/receipts/x", "/v1/workflows/a%20b", "/v1/workflows/" + "a" * 300,
                     "/v1/workflows/a%2Fb", "/v1/workflows/nobody:explode", "/v1/receipts/rcp_a.99999999999999999999"):
            with self.subTest(path):
                self.assert_problem(self.client.get(path), 404, "not_found")
        self.assert_problem(self.client.post("/v1/workflows/nobody:cancel"), 404, "not_found")
        self.assert_problem(self.client.send("GET", "/v1/workflows/nobody/events",
                                             headers={"Accept": "text/event-stream"}), 404, "not_found")

    def test_a_wrong_method_is_405_with_allow(self):
        for method, path, allowed in (("DELETE", "/v1/workflows", {"GET", "POST"}), ("PUT", "/v1/workflows/a", {"GET"}),
                                      ("GET", "/v1/plans:check", {"POST"}), ("GET", "/v1/workflows/a:cancel", {"POST"}),
                                      ("POST", "/v1/tools/a", {"GET", "PUT"}), ("POST", "/healthz", {"GET"}), ("PATCH",
                                          "/v1/tools", {"GET"})):
            with self.subTest(f"{method} {path}"):
                answer = self.client.send(method, path)
                self.assert_problem(answer, 405, "method_not_allowed")
                self.assertEqual({each.strip() for each in answer.headers["Allow"].split(",")} - {"HEAD"}, allowed)

    def test_a_body_where_none_belongs_is_refused(self):
        for method, path in (("GET", "/v1/workflows"), ("POST", "/v1/tools/a/versions/b:enable"),
                             ("GET", "/healthz")):
            with self.subTest(path):
                self.assert_problem(self.client.send(method, path, {}), 400, "invalid_argument")

    def test_a_body_that_may_be_left_out_is_read_strictly_when_it_is_there(self):
        for verb, body in (("cancel", {"reason": "x"}), ("pause", []), ("resume", {"tools": "latest"}),
                           ("retry", {"tools": "newest"}), ("retry", b"{")):
            with self.subTest(verb):
                answer = self.client.send("POST", f"/v1/workflows/a:{verb}", body)
                self.assertEqual(answer.status, 400, answer)

    def test_every_answer_has_its_own_request_id(self):
        ids = [self.client.get(path).headers["Request-Id"] for path in ("/healthz", "/v1/workflows", "/nowhere",
                                                                        "/healthz")]
        self.assertEqual(len(set(ids)), 4)
        for id in ids:
            self.assertRegex(id, "^req_[0-9a-f]{16}$")


class Tools(Refusals):
    def put(self, tool, name=None):
        return self.client.send("PUT", f"/v1/tools/{name or tool['name']}", tool)

    def test_a_broken_tool_is_refused_with_every_problem(self):
        tool = {"name": "broken.tool", "descripton": "x", "risk": "dangerous",
                "input_schema": {"type": "object", "properties": {"a": {"type": "strin"}}},
                "output_schema": {"$recursiveRef": "#"}, "record_id": "id",
                "execute": {"connector": "telepathy", "method": "POST", "url": {"$text": "${nobody}/x"},
                            "headers": {"Host": "x", "a b": "c"}},
                "verify": {"read": {"connector": "http", "method": "POST", "url": "http://a.example/x"},
                           "expect": [{"at": "/a", "equal": 1}],
                           "within": "10 seconds"}}
        document = self.assert_problem(self.put(tool), 422, "invalid_tool")
        places = {error["pointer"] for error in document["errors"]}
        for place in ("/descripton", "/risk", "/input_schema/properties/a/type", "/output_schema/$recursiveRef",
                      "/record_id",
                      "/execute/connector", "/execute/headers/Host", "/execute/headers/a b", "/idempotency", "/verify/read", "/verify/within"):
            self.assertIn(place, places)
        self.assertTrue(any(place.startswith("/execute/url") for place in places), places)
        self.assertTrue(any(place.startswith("/verify/expect/0") for place in places), places)
        self.assert_problem(self.client.get("/v1/tools/broken.tool"), 404, "not_found")

    def test_a_tool_that_promises_what_it_does_not_do_is_refused(self):
        execute_without_key = {name: value for name, value in KEY["execute"].items() if name != "headers"}
        for tool, code in ((changed(KEY, name="t", execute=execute_without_key), "key_not_sent"),
                           (changed(KEY, name="t", idempotency={"mode": "natural"}, verify="none", reason="x"),
                            "natural_needs_read_back"),
                           (changed(KEY, name="t", idempotency={"mode": "none"}), "read_back_needs_answer"),
                           (changed(KEY, name="t", execute={**KEY["execute"], "safe": True}), "write_declared_safe"),
                           (changed(KEY, name="t", verify="response"), "response_is_no_evidence"),
                           (changed(KEY, name="t", verify=None), "missing_member"),
                           (changed(KEY, name="t", idempotency={"mode": "key"}), "missing_member"),
                           (changed(LOOKUP, name="t", idempotency={"mode": "lookup",
                                                                   "lookup": LOOKUP["idempotency"]["lookup"]}), "missing_member"),
                           (changed(READ, name="t", idempotency={"mode": "none"}), "not_for_reads"),
                           (changed(KEY, name="t", approval={"approvers": 0}), "out_of_range"),
                           (changed(KEY, name="t", approval="nobody"), "wrong_type"),
                           (changed(KEY, name="t", rate_limit={"per_second": 0}), "out_of_range"),
                           (changed(KEY, name="t", not_processed=[500]), "not_in_list"),
                           (changed(KEY, name="flow.mine"), "reserved_name"),
                           (changed(KEY, name="t", input_schema={"type": "object"}), "input_schema_open"),
                           (changed(KEY, name="t", execute={**KEY["execute"],
                                                            "url": {"$text": "http://${/input/name}/x"}}), "url_host_not_constant")):
            with self.subTest(code):
                document = self.assert_problem(self.put(tool), 422, "invalid_tool")
                self.assertIn(code, [error["code"] for error in document["errors"]])

    def test_a_tool_has_the_name_of_its_path(self):
        self.assert_places(self.assert_problem(self.put(KEY, "another.name"), 422, "invalid_tool"),
                           ("/name", "name_differs"))

    def test_a_refused_tool_leaves_the_old_one_as_it_was(self):
        before = self.client.get(f"/v1/tools/{KEY['name']}").json
        self.assert_problem(self.put(changed(KEY, risk="dangerous")), 422, "invalid_tool")
        self.assert_problem(self.client.send("PUT", f"/v1/tools/{KEY['name']}", b"{"), 400, "malformed_json")
        self.assertEqual(self.client.get(f"/v1/tools/{KEY['name']}").json, before)


if __name__ == "__main__":
    unittest.main()
