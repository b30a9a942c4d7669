"""Clients that are slow, many, or talk garbage: they are cut off, others are served, and memory stays bounded."""
import json
import re
import statistics
import time
import unittest

import harness
from harness import Raw, in_parallel, wait_until
from tool_documents import ALL, make

LIMITS = """[limits]
header_timeout = "300ms"
body_timeout = "300ms"
idle_timeout = "400ms"
header_bytes = 2048
header_fields = 16
body_bytes = 8192
"""
HEAD = b"Host: localhost\r\n"


def answers_in(text):
    """The status codes of all answers in these bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", text)]


class SmallLimits(harness.SharedEngineTest):
    tools = ALL
    config = LIMITS

    def raw(self):
        connection = Raw(self.client.port)
        self.addCleanup(connection.close)
        return connection

    def said(self, text):
        """Everything that the server answers to these bytes, until it closes."""
        connection = self.raw()
        connection.send(text)
        return connection.read_to_end()

    def test_a_header_that_comes_too_slowly_is_answered_with_408_and_closed(self):
        begun = time.monotonic()
        text = self.said(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        self.assertEqual(answers_in(text), [408])
        self.assertGreaterEqual(time.monotonic() - begun, 0.25)
        self.assertLess(time.monotonic() - begun, 10 * harness.SLOWNESS)

    def test_drops_of_a_header_do_not_buy_more_time(self):
        connection, begun = self.raw(), time.monotonic()
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")

        def refused():
            try:
                connection.send(b"x")
                return False
            except OSError:
                return True
        wait_until(lambda: refused() or time.monotonic() - begun > 20 * harness.SLOWNESS, "it is cut off")
        self.assertLess(time.monotonic() - begun, 20 * harness.SLOWNESS)

    def test_a_body_that_comes_too_slowly_is_answered_with_408(self):
        text = self.said(b"POST /v1/workflows HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\n{")
        self.assertEqual(answers_in(text), [408])
        self.assertIn(b'"code":"request_timeout"', text)

    def test_a_connection_that_says_nothing_is_closed(self):
        self.assertEqual(self.raw().read_to_end(), b"")

    def test_an_idle_connection_is_closed_after_its_answer(self):
        self.assertEqual(answers_in(self.said(b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n")), [200])

    def test_headers_and_bodies_beyond_the_limits_are_refused_at_once(self):
        for name, text, status in (
                ("long header", b"GET /healthz HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 3000 + b"\r\n\r\n", 431),
                ("long target", b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 431),
                ("many fields", b"GET /healthz HTTP/1.1\r\n" + HEAD + b"A: b\r\n" * 20 + b"\r\n", 431),
                ("announced body", b"POST /v1/workflows HTTP/1.1\r\n" + HEAD + b"Content-Length: 9000\r\n\r\n", 413),
                ("chunked body",
                 b"POST /v1/workflows HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n2329\r\n", 413)):
            with self.subTest(name):
                self.assertEqual(answers_in(self.said(text)), [status])

    def test_garbage_is_answered_with_one_problem_and_the_connection_is_closed(self):
        for text in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, b"hello\r\n\r\n", b"GET\r\n\r\n",
                     b"\x00" * 64,
                     b"GET /healthz HTTP/1.1\nHost: localhost\n\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
                     b"GET /healthz HTTP/1.1\r\n\r\n", b"GET /a/../healthz HTTP/1.1\r\n" + HEAD + b"\r\n",
                     b"POST /v1/workflows HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"GET /healthz HTTP/1.1\r\n" + HEAD + b"X : y\r\n\r\n"):
            with self.subTest(text[:40]):
                answer = self.said(text)
                self.assertEqual(answers_in(answer), [400], answer)
                document = json.loads(answer.partition(b"\r\n\r\n")[2])
                self.assertEqual(document["code"], "malformed_request")
        self.assertEqual(answers_in(self.said(b"GET /healthz HTTP/2.0\r\n" + HEAD + b"\r\n")), [505])
        self.assertEqual(answers_in(self.said(b"BREW /healthz HTTP/1.1\r\n" + HEAD + b"\r\n")), [501])

    def test_good_requests_in_front_of_garbage_are_answered_and_nothing_behind_it(self):
        good = b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n"
        self.assertEqual(answers_in(self.said(good * 5 + b"garbage\r\n\r\n" + good * 5)), [200] * 5 + [400])

    def test_a_smuggled_request_is_never_answered(self):
        inner = b"GET /v1/tools HTTP/1.1\r\n" + HEAD + b"\r\n"
        head = b"POST /v1/plans:check HTTP/1.1\r\n" + HEAD + b"Content-Length: " + str(len(inner)).encode() + b"\r\n"
        self.assertEqual(answers_in(self.said(head + b"Content-Length: 0\r\n\r\n" + inner)), [400])
        self.assertEqual(answers_in(self.said(head + b"\r\n" + inner)), [400], "it was the body, and no JSON")

    def test_pipelined_requests_are_answered_in_order(self):
        paths = [b"/healthz", b"/v1/tools/nothing", b"/readyz", b"/v1/workflows", b"/nowhere"] * 4
        text = self.said(b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HEAD + b"\r\n" for path in paths))
        self.assertEqual(answers_in(text), [200, 404, 200, 200, 404] * 4)

    def test_clients_that_reset_in_the_middle_leave_nothing_behind(self):
        gate = self.world.fault("POST", "/things", "gate_before")
        id = self.client.start(make())
        gate.wait_reached()
        for number in range(40):
            connection = Raw(self.client.port)
            feed = b"Accept: text/event-stream\r\n" if number % 2 else b""
            path = f"/v1/workflows/{id}/events" if number % 2 else f"/v1/workflows/{id}?wait=60s"
            connection.send(b"GET " + path.encode() + b" HTTP/1.1\r\n" + HEAD + feed + b"\r\n")
            if number % 2:
                self.assertIn(b"200 OK", connection.socket.recv(100))
            connection.reset()
            self.assertEqual(self.client.get("/healthz").status, 200)
        gate.open()
        self.assertEqual(self.client.end_of(id)["outcome"], "verified")


class Waiting(harness.EngineTest):
    def test_waiting_requests_beyond_the_limit_get_503_with_retry_after(self):
        engine = self.engine(*ALL, config="[limits]\nwaiting_requests = 4\n")
        gate = self.world.fault("POST", "/things", "gate_before")
        id = engine.client.start(make())
        gate.wait_reached()
        opened = []

        def wait(index):
            if index == 0:
                wait_until(lambda: len(opened) >= 20, "the others were refused")
                gate.open()
                return None
            answer = engine.client.get(f"/v1/workflows/{id}?wait=60s")
            opened.append(answer.status)
            return answer
        answers = [answer for answer in in_parallel(25, wait) if answer is not None]
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 4 + [503] * 20)
        for answer in answers:
            if answer.status == 503:
                self.assertTrue(self.assert_problem(answer, 503, "overloaded")["safe_to_retry"])
                self.assertTrue(answer.headers["Retry-After"])

    def test_live_workflows_beyond_the_limit_are_refused_and_those_accepted_go_on(self):
        engine = self.engine(*ALL, config="[limits]\nlive_workflows = 8\n")
        gate = self.world.fault("POST", "/things", "gate_before", times=1000)
        answers = [engine.client.submit({"name": "p", "actions": [make(f"n-{number}")]},
                                        id=f"w-{number}") for number in range(60)]
        taken = [answer.json["id"] for answer in answers if answer.status == 201]
        refused = [answer for answer in answers if answer.status != 201]
        self.assertTrue(taken and refused)
        for answer in refused:
            self.assert_problem(answer, 503, "overloaded")
        gate.open()
        for id in taken:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual(engine.client.submit({"name": "p", "actions": [make("later")]}).status, 201)


class Many(harness.EngineTest):
    def test_connections_beyond_the_cap_are_refused_and_room_comes_back(self):
        engine = self.engine(*ALL, config="[limits]\nconnections_per_peer = 10\n")
        held = [Raw(engine.port) for _ in range(10)]
        for connection in held:
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200 OK", connection.socket.recv(1000))
        for _ in range(5):
            with Raw(engine.port) as beyond:
                text = beyond.read_to_end()
                self.assertIn(answers_in(text), ([503], []), text)
        for connection in held:
            connection.close()
        wait_until(engine.serves, "there is room again")

    def test_200_half_open_connections_do_not_slow_others_down(self):
        engine = self.engine(*ALL)
        held = []
        for number in range(200):
            connection = Raw(engine.port)
            connection.send(b"POST /v1/workflows HTTP/1.1\r\nHost: localhost\r\nContent-Le"[:number % 50])
            held.append(connection)
        times = []
        for _ in range(200):
            begun = time.monotonic()
            self.assertEqual(engine.client.get("/healthz").status, 200)
            times.append(time.monotonic() - begun)
        p99 = statistics.quantiles(times, n=100)[98]
        self.assertLess(p99, 0.1 * harness.SLOWNESS, f"p99 is {p99 * 1000:.1f} ms")
        id = engine.client.start(make())
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        for connection in held:
            connection.close()

    def test_a_flood_of_bad_requests_does_not_grow_memory(self):
        engine = self.engine(*ALL)

        def resident_kib():
            status = open(f"/proc/{engine.process.pid}/status", encoding="ascii").read()
            return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

        def flood(rounds):
            for _ in range(rounds):
                engine.client.post("/v1/workflows", b"[" * 100_000)
                engine.client.post("/v1/workflows", b'{"plan": {"name": "' + b"x" * 500_000 + b'", "actions": 7}}')
                engine.client.get("/v1/workflows/" + "x" * 2000)
        flood(30)
        before = resident_kib()
        in_parallel(4, lambda _: flood(60))
        self.assertLess(resident_kib() - before, 64 * 1024 * harness.SLOWNESS)  # a sanitizer keeps what was freed


if __name__ == "__main__":
    unittest.main()
