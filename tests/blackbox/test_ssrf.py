"""A planner tries to make the engine call where nobody meant it to: an inner service beside the world counts who comes."""
import socket
import threading
import unittest

import harness
from tool_documents import KEY, NATURAL, READ, changed

# What a planner would write where a tool takes a text, to lead the call elsewhere.
SMUGGLED = [
    "http://{inner}/", "//{inner}/", "/\\{inner}/", "@{inner}/", "x@{inner}", ".{inner}", ":80@{inner}/", "#@{inner}/",
    "?@{inner}/", "%00@{inner}/", "%2f%2f{inner}%2f", "%40{inner}", "..//{inner}/", "../../{inner}", "..%2f..%2f{inner}",
    "..;/{inner}", "\\..\\{inner}", "x HTTP/1.1\r\nHost: {inner}\r\n\r\nGET /", "x\r\nHost: {inner}", "x\nHost: {inner}",
    "x\r\n\r\nGET http://{inner}/ HTTP/1.1\r\n\r\n", "x\u2028Host: {inner}", "x\u560d\u560aHost: {inner}",
    "${{inner}}", "${world}", "${/workflow/id}", "{{\"$text\": \"http://{inner}\"}}", "{{\"$from\": \"/input/name\"}}",
    "[::ffff:127.0.0.1]", "http:{inner}", "jar:http://{inner}!/", "\u3002{inner}", "\uff0f\uff0f{inner}",
    "http://127.1/", "http://2130706433/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
]


class Inner:
    """A service on loopback, of which no tool speaks; counts the connections that reach it."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.at, self.count = f"127.0.0.1:{self.port}", 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            connection.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Ssrf(harness.EngineTest):
    def setUp(self):
        super().setUp()
        self.inner = Inner()
        self.addCleanup(self.inner.close)
        # So that "0 connections" is known to mean something.
        socket.create_connection(("127.0.0.1", self.inner.port)).close()
        harness.wait_until(lambda: self.inner.count == 1, "the inner service counts")

    def guarded(self, *tools, **more):
        """An engine with tokens that may call the world's host and port, and nothing else within."""
        allowed = f'allow_private = ["127.0.0.1:{self.world.port}"]\n'
        engine = self.engine(*tools, dev=False, config=allowed, **more)
        self.planner = engine.client_of(engine.make_token("planner"))
        return engine

    def assert_untouched(self):
        self.assertEqual(self.inner.count, 1)

    def test_values_of_a_plan_lead_nowhere_else(self):
        search = changed(READ, name="things.search",
                         execute={"connector": "http", "method": "GET",
                                  "url": {"$text": "${world}/things?reference=${/input/id}&x=1"},
                                  "headers": {"X-Reference": {"$from": "/input/id"}}}, output_schema={"type": "object"},
                         record_id=None)
        self.guarded(NATURAL, READ, search)
        texts = [text.replace("{inner}", self.inner.at) for text in SMUGGLED]
        before, ids = len(self.world.sends("GET")), []
        for text in texts:
            ids.append(self.planner.start(
                {"id": "read", "tool": "things.get", "input": {"id": text}},
                {"id": "search", "tool": "things.search", "input": {"id": text}},
                {"id": "put", "tool": "things.put", "input": {"name": text}}, on_failure="continue"))
        for id in ids:
            self.planner.end_of(id, until_attention=True)
        self.assert_untouched()
        host = f"127.0.0.1:{self.world.port}"
        calls = self.world.sends("GET")[before:] + self.world.sends("PUT")
        self.assertGreater(len(calls), len(texts), "most of them are harmless once they are encoded")
        for call in calls:
            self.assertEqual(call.headers["host"], host)
            path = call.path.partition("?")[0]
            self.assertTrue(path == "/things" or path.startswith("/things/"), call.path)
            self.assertEqual(path.count("/"), 1 if path == "/things" else 2, call.path)
            self.assertNotIn("..", path.split("/"))

    def test_answers_lead_nowhere_else(self):
        self.guarded(KEY, READ)
        inside = f"http://{self.inner.at}/"
        for status in (301, 302, 303, 307, 308):
            self.world.fault("GET", "/things", "status_before", status=status, headers={"Location": inside})
            document = self.planner.end_of(self.planner.start({"id": "get", "tool": "things.get", "input": {"id": "x"}}))
            self.assertEqual(document["actions"][0]["phase"], f"http_{status}" if status == 304 else "http_3xx")
            self.world.fault("POST", "/things", "status_before", status=status, headers={"Location": inside})
            document = self.planner.end_of(self.planner.start({"id": "m", "tool": "things.make", "input": {"name": "x"}}))
            self.assertEqual(document["outcome"], "failed")
        # The record id of an answer stands in the URL of its read-back.
        ids = []
        for text in SMUGGLED:
            self.world.fault("POST", "/things", "answer_after", body={"id": text.replace("{inner}", self.inner.at)})
            ids.append(self.planner.start({"id": "m", "tool": "things.make", "input": {"name": "x"}}))
        for id in ids:
            self.planner.end_of(id, until_attention=True)
        self.assert_untouched()

    def test_a_plan_names_no_url_host_connector_or_credential(self):
        self.guarded(KEY)
        call = {"connector": "http", "method": "GET", "url": f"http://{self.inner.at}/"}
        action = {"id": "a", "tool": "things.make", "input": {"name": "x"}}
        for plan in (
                [{**action, "execute": call}], [{**action, "url": call["url"]}], [{**action, "connector": "http"}],
                [{**action, "auth": "crm"}], [{**action, "verify": {"read": call}}], [{"id": "a", "tool": call["url"]}],
                [{**action, "input": {"name": "x", "url": call["url"]}}], [{**action, "tool": "http"}],
                [{**action, "input": {"name": {"$text": "${world}"}}}], [{**action, "fallback": {"execute": call}}],
                [{**action, "compensate": {"execute": call}}], [{**action, "headers": {"Host": self.inner.at}}]):
            answer = self.planner.submit({"name": "p", "actions": plan})
            self.assert_problem(answer, 422, "invalid_plan")
        self.assert_untouched()
        self.assertEqual(self.world.calls, [])

    def test_a_tool_at_a_private_address_that_is_not_allowed_is_never_called(self):
        def at(name, url):
            return changed(READ, name=name, execute={"connector": "http", "method": "GET", "url": url})
        port = self.inner.port
        urls = {"literal": f"http://127.0.0.1:{port}/x", "name": f"http://localhost:{port}/x", "v6": f"http://[::1]:{port}/x",
                "mapped": f"http://[::ffff:127.0.0.1]:{port}/x", "metadata": "http://169.254.169.254/x",
                "any": f"http://0.0.0.0:{port}/x", "any6": f"http://[::]:{port}/x", "shared": "http://100.64.0.1/x"}
        engine = self.guarded(*(at(f"inner.{name}", url) for name, url in urls.items()),
                              values={"world": self.world.url, "inner": f"http://{self.inner.at}"})
        for name in urls:
            document = self.planner.end_of(self.planner.start({"id": "a", "tool": f"inner.{name}", "input": {"id": "x"}}))
            self.assertEqual(document["outcome"], "failed")
            self.assertEqual(document["actions"][0]["phase"], "address_forbidden", name)
        self.assert_untouched()
        self.assertIn("values.inner is at 127.0.0.1, where calls may not go", engine.log())
        self.assertNotIn("values.world is at", engine.log())

    def test_a_wrong_permission_stops_the_start(self):
        for wrong in ('"10.0.0.0/8"', '"http://crm.internal"', '"*"', '""', "7"):
            engine = self.prepare(dev=False, config=f"allow_private = [{wrong}]\n")
            code, log = engine.refused()
            self.assertEqual(code, 2, log)
            self.assertIn("allow_private", log)


if __name__ == "__main__":
    unittest.main()
