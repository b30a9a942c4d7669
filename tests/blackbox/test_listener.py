"""What reaches the listener: framing, names, pages, floods and clients that are slow, in the clear and over TLS."""
import re
import threading
import time
import unittest

import framing_vectors
import harness
from harness import Raw, in_parallel, wait_until
from test_hostile_clients import answers_in
from test_tls import TlsTest
from tool_documents import ALL, make

LIMITS = """[limits]
header_timeout = "2s"
body_timeout = "2s"
idle_timeout = "2s"
"""


class OneEngine(TlsTest):
    """One engine for the tests of a class, in the clear, or with `over_tls` over TLS."""

    over_tls = False
    limits = LIMITS

    def setUp(self):
        super().setUp()
        if self.over_tls:
            self.start(*ALL, more=self.limits)
        else:
            self.settle = self.engine(*ALL, config=self.limits)

    def connect(self, **options):
        connection = Raw(self.settle.port, tls=self.trust() if self.over_tls else None, **options)
        self.addCleanup(connection.close)
        return connection

    def said(self, text):
        """Everything that comes for these bytes, until the server closes. Those that it has not taken by then don't count."""
        with Raw(self.settle.port, tls=self.trust() if self.over_tls else None) as connection:
            try:
                connection.send(text)
            except OSError:
                pass
            return connection.read_to_end()


class Framing(OneEngine):
    def test_every_vector_is_answered_as_declared(self):
        taken, refused = framing_vectors.taken(), framing_vectors.refused()
        self.assertGreaterEqual(len(refused), 60)
        self.assertEqual(len({name for name, _, _ in taken + refused}), len(taken + refused))
        vectors = taken + refused
        texts = in_parallel(len(vectors), lambda index: self.said(vectors[index][1]))
        for (name, _, want), text in zip(vectors, texts):
            with self.subTest(name):
                self.assertIsInstance(text, bytes, text)
                statuses = answers_in(text)
                self.assertTrue(statuses == want or (len(statuses) == 1 and statuses[0] in want and want[0] >= 400), statuses)
                self.assertNotIn(b'"tools":', text, "the smuggled request was answered")
                if want[-1] >= 400 and want[0] >= 400:
                    self.assertIn(b"\r\nConnection: close\r\n", text)
        self.assertEqual(self.settle.client.get("/healthz").status, 200)


class FramingOverTls(Framing):
    over_tls = True


class Slow(OneEngine):
    limits = """[limits]
header_timeout = "300ms"
body_timeout = "300ms"
idle_timeout = "300ms"
write_timeout = "300ms"
"""

    def test_whoever_is_slow_is_cut_off(self):
        head = b"POST /v1/plans:check HTTP/1.1\r\nHost: localhost\r\n"
        rows = [("nothing", b"", []), ("an empty line", b"\r\n", [408]), ("half a request line", b"GET /hea", [408]),
                ("half a header", head, [408]), ("half a body", head + b"Content-Length: 9\r\n\r\n{", [408]),
                ("half a chunk", head + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{", [408]),
                ("half a chunk size", head + b"Transfer-Encoding: chunked\r\n\r\n9", [408]),
                ("no last chunk", head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", [408]),
                ("nothing after an expectation", head + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", [100, 408]),
                ("half of a second request", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET", [200, 408]),
                ("nothing after an answer", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [200])]
        texts = in_parallel(len(rows), lambda index: self.said(rows[index][1]))
        for (name, _, want), text in zip(rows, texts):
            with self.subTest(name):
                self.assertEqual(answers_in(text), want)

    def test_drops_of_anything_buy_no_time(self):
        head = b"POST /v1/plans:check HTTP/1.1\r\nHost: localhost\r\n"

        def drip(begin, drop):
            connection, begun = self.connect(), time.monotonic()
            connection.send(begin)
            while time.monotonic() - begun < harness.PATIENCE:
                try:
                    connection.send(drop)
                except OSError:
                    return time.monotonic() - begun
                threading.Event().wait(0.02)
            return None
        rows = [(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", b"y"), (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
                (head + b"Content-Length: 900000\r\n\r\n", b"x"), (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")]
        for row, seconds in zip(rows, in_parallel(len(rows), lambda index: drip(*rows[index]))):
            with self.subTest(row):
                self.assertIsInstance(seconds, float, seconds)
                self.assertLess(seconds, 10 * harness.SLOWNESS)

    def test_whoever_does_not_read_is_reset_and_leaves_nothing(self):
        """The answers to what was pipelined fill the way to the client; from then on it is read no further either."""
        client = self.settle.client
        big = client.start(*[make(f"n-{number}") for number in range(50)])
        client.end_of(big)
        stalled = self.connect(receive_bytes=4096)
        request = f"GET /v1/workflows/{big}/events?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        begun, sent = time.monotonic(), 0
        try:
            while time.monotonic() - begun < harness.PATIENCE:
                sent += stalled.socket.send(request * 20)
        except OSError:
            pass
        self.assertLess(time.monotonic() - begun, harness.PATIENCE, "it was never cut off")
        self.assertEqual(client.get("/healthz").status, 200)


class SlowOverTls(Slow):
    over_tls = True


class Floods(OneEngine):
    limits = '[limits]\nconnections = 40\nconnections_per_peer = 30\nheader_timeout = "2s"\n'

    def resident_kib(self):
        status = open(f"/proc/{self.settle.process.pid}/status", encoding="ascii").read()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def test_pipelining_is_read_ahead_to_a_bound_and_answered_in_order(self):
        connection = self.connect()
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        count = 5000
        sender = threading.Thread(target=connection.send, args=(request * count,), daemon=True)
        sender.start()
        text = b""
        while text.count(b"HTTP/1.1 200 OK") < count:
            piece = connection.socket.recv(1 << 20)
            self.assertTrue(piece)
            text += piece
        sender.join()

    def test_floods_of_headers_and_bodies_leave_memory_as_it_was(self):
        def flood(rounds):
            for _ in range(rounds):
                self.said(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100_000)
                self.said(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1_000_000)
                self.said(b"POST /v1/plans:check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n" + b"x" * 1_000_000)
                self.said(b"POST /v1/plans:check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                          + b"1000\r\n" + (b"x" * 4096 + b"\r\n1000\r\n") * 400)
        flood(4)
        before = self.resident_kib()
        for result in in_parallel(4, lambda _: flood(6)):
            self.assertIsNone(result, result)
        self.assertLess(self.resident_kib() - before, 64 * 1024 * harness.SLOWNESS)
        self.assertEqual(self.settle.client.get("/healthz").status, 200)

    def test_no_more_connections_than_the_cap_and_room_comes_back(self):
        held = [self.connect() for _ in range(30)]
        for connection in held:
            self.ask(connection)
        for _ in range(30):
            try:
                text = self.said(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            except OSError:
                text = b""
            self.assertIn(answers_in(text), ([503], []))
        for connection in held:
            connection.close()

        def served():
            try:
                return self.settle.client.get("/healthz").status == 200
            except OSError:
                return False
        wait_until(served, "there is room again")


class FloodsOverTls(Floods):
    over_tls = True


class Pages(OneEngine):
    limits = 'hosts = ["settle.example", "console.example:8443"]\n'

    def test_a_name_that_was_made_to_point_here_is_no_name_of_the_server(self):
        client, port = self.settle.client, self.settle.port
        for host in ("127.0.0.1", f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "settle.example", "console.example:1",
                     "10.1.2.3"):
            self.assertEqual(client.get("/healthz", Host=host).status, 200, host)
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "settle.example.evil", "localhost.evil"):
            for method, path, body in (("GET", "/healthz", None), ("GET", "/v1/workflows", None), ("GET", "/nowhere", None),
                                       ("POST", "/v1/workflows", {"plan": {"name": "p", "actions": [make()]}})):
                self.assert_problem(client.send(method, path, body, {"Host": host}), 421, "host_not_allowed")
        self.assertEqual(client.get("/v1/workflows").json["workflows"], [])

    def test_pages_of_other_origins_are_refused_and_change_nothing(self):
        client, port = self.settle.client, self.settle.port
        scheme = "https" if self.over_tls else "http"
        own = {"Host": f"127.0.0.1:{port}", "Origin": f"{scheme}://127.0.0.1:{port}"}
        self.assertEqual(client.send("GET", "/v1/workflows", headers=own).status, 200)
        self.assertEqual(client.get("/healthz", Origin="https://settle.example").status, 200)
        plan = {"plan": {"name": "p", "actions": [make()]}}
        for fields in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"{scheme}://127.0.0.1:{port + 1}"},
                       {"Origin": f"{scheme}://localhost:{port}"}, {"Origin": "https://settle.example:444"},
                       {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
                       {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}):
            answer = client.send("POST", "/v1/workflows", plan, fields)
            self.assert_problem(answer, 403, "origin_not_allowed")
            self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
        preflight = client.send("OPTIONS", "/v1/workflows", headers={"Origin": "http://evil.example",
                                                                     "Access-Control-Request-Method": "POST"})
        self.assertEqual(preflight.status, 403)
        self.assertEqual(client.get("/v1/workflows").json["workflows"], [])

    def test_a_wrong_name_stops_the_start(self):
        for wrong in ('"*"', '"http://a"', '"a/b"', "1"):
            code, log = self.prepare(config=f"hosts = [{wrong}]\n").refused()
            self.assertEqual(code, 2, log)
            self.assertIn("hosts", log)


class PagesOverTls(Pages):
    over_tls = True

    def test_the_names_of_the_certificate_are_the_servers(self):
        self.put_certificate(self.authority.make(alternatives="DNS:api.example,DNS:*.wild.example,IP:127.0.0.1,DNS:localhost"))
        self.settle.stop()
        self.settle.start()
        for host in ("api.example", "API.example:8443", "a.wild.example"):
            self.assertEqual(self.settle.client.get("/healthz", Host=host).status, 200, host)
        for host in ("wild.example", "a.b.wild.example", "evil.example"):
            self.assertEqual(self.settle.client.get("/healthz", Host=host).status, 421, host)


if __name__ == "__main__":
    unittest.main()
