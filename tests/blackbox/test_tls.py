"""TLS on the API: who is answered, what is spoken, and that certificates are replaced under open connections."""
import os
import shutil
import signal
import socket
import ssl
import unittest

import harness
from certificates import Authority, openssl
from harness import Raw, in_parallel, run_cli, wait_until
from tool_documents import KEY, make

CONFIGURATION, UNREACHABLE = 2, 8
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class TlsTest(harness.EngineTest):
    """`start()` makes an engine whose certificate is the files server.pem and server.key of its folder."""

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)

    def put_certificate(self, made):
        """As tools for certificates do it: written beside, then renamed."""
        for file, name in zip(made, ("server.pem", "server.key")):
            shutil.copy(file, self.settle.folder / "new")
            os.rename(self.settle.folder / "new", self.settle.folder / name)

    def prepare_tls(self, *tools, tls="", more="", **options):
        self.settle = self.prepare(*tools, **options)
        folder = self.settle.folder
        self.put_certificate(self.authority.make())
        self.settle.write_config({"world": self.world.url}, f'{more}\n[tls]\ncertificate = "{folder}/server.pem"\n'
                                                            f'key = "{folder}/server.key"\n{tls}\n')
        self.settle.tls = self.trust()
        return self.settle

    def start(self, *tools, **options):
        return self.prepare_tls(*tools, **options).start()

    def trust(self, **options):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def raw(self, tls=None):
        connection = Raw(self.settle.port, tls=tls or self.trust())
        self.addCleanup(connection.close)
        return connection

    def serial(self, connection):
        return connection.socket.getpeercert()["serialNumber"]

    def ask(self, connection):
        connection.send(GET)
        text = connection.socket.recv(1000)
        self.assertTrue(text.startswith(b"HTTP/1.1 200 OK\r\n"), text)

    def assert_refused(self, tls):
        """No answer comes over such a connection. In TLS 1.3 the client learns it with its first read."""
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            with Raw(self.settle.port, tls=tls) as connection:
                connection.send(GET)
                if not connection.socket.recv(1000):
                    raise ConnectionError("closed")


class Spoken(TlsTest):
    def test_a_workflow_from_submission_to_its_receipts_and_feed(self):
        engine = self.start(KEY)
        id = engine.client.start(make())
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified")
        self.assertEqual([receipt["state"] for receipt in engine.client.receipts(id)][-1], "verified")
        feed = self.raw()
        feed.send(f"GET /v1/workflows/{id}/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        text = b""
        while b"workflow.ended" not in text:
            text += feed.socket.recv(65536)
        big = engine.client.submit({"name": "p" * 900_000, "actions": []})
        self.assertEqual(big.status, 422, "a body of many records")

    def test_only_tls_1_2_and_later_with_forward_secrecy(self):
        self.start()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            connection = self.raw(self.trust(minimum_version=version, maximum_version=version))
            self.ask(connection)
            self.assertEqual(connection.socket.version(), version.name.replace("_", "."))
            cipher = connection.socket.cipher()[0]
            self.assertRegex(cipher, "GCM|CHACHA20")
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            old = self.trust()
            old.set_ciphers("ALL:@SECLEVEL=0")
            old.minimum_version = old.maximum_version = version
            self.assert_refused(old)
        for ciphers in ("AES256-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "NULL", "aNULL"):
            weak = self.trust(maximum_version=ssl.TLSVersion.TLSv1_2)
            weak.set_ciphers(f"{ciphers}:@SECLEVEL=0")
            self.assert_refused(weak)

    def test_http_1_1_is_agreed_on_and_nothing_else(self):
        self.start()
        for offered, agreed in ((["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), ([], None)):
            tls = self.trust()
            if offered:
                tls.set_alpn_protocols(offered)
            connection = self.raw(tls)
            self.ask(connection)
            self.assertEqual(connection.socket.selected_alpn_protocol(), agreed)
        for offered in (["h2"], ["http/1.0", "spdy/3"]):
            tls = self.trust()
            tls.set_alpn_protocols(offered)
            self.assert_refused(tls)

    def test_a_client_in_the_clear_gets_no_answer_and_tls_on_a_plain_port_neither(self):
        self.start()
        with Raw(self.settle.port) as connection:
            connection.send(GET)
            self.assertNotIn(b"HTTP/1.1", connection.read_to_end())
        self.settle = self.engine()
        self.assert_refused(self.trust())

    def test_it_says_where_it_listens_and_until_when_its_certificate_is_good(self):
        engine = self.start()
        self.assertIn(f"settle listening on https://127.0.0.1:{engine.port}", engine.log())
        self.assertRegex(engine.log(), r"TLS: CN = server, until 20\d\d-")


class Limits(TlsTest):
    def test_handshakes_have_a_time_limit_and_count_as_connections(self):
        engine = self.start(more='[limits]\nhandshake_timeout = "300ms"\nconnections_per_peer = 8\n')
        hello = self.client_hello()
        silent = [Raw(engine.port) for _ in range(4)] + [Raw(engine.port) for _ in range(4)]
        for number, connection in enumerate(silent):
            self.addCleanup(connection.close)
            connection.send(hello[:number * 20])  # the last say a good part of it
        for connection in silent:
            self.assertNotIn(b"HTTP", connection.read_to_end())
        wait_until(lambda: engine.client.get("/healthz").status == 200, "there is room again")

    def client_hello(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self.trust().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
        except ssl.SSLWantReadError:
            return outgoing.read()

    def test_beyond_the_cap_nobody_costs_a_handshake(self):
        engine = self.start(more="[limits]\nconnections_per_peer = 3\n")
        held = [self.raw() for _ in range(3)]
        for connection in held:
            self.ask(connection)
        for _ in range(20):
            self.assert_refused(self.trust())
        held.pop().close()
        wait_until(engine.serves, "there is room again")

    def test_bytes_that_are_no_tls_close_the_connection(self):
        engine = self.start()
        for text in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 400, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
                     b"\x80\x2e\x01\x00\x02", b"\x15\x03\x03\x00\x02\x02\x28", os.urandom(500), self.client_hello() * 2):
            with Raw(engine.port) as connection:
                connection.send(text)
                self.assertNotIn(b"HTTP", connection.read_to_end())
        self.assertEqual(engine.client.get("/healthz").status, 200)

    def test_a_header_that_comes_too_slowly_is_told_so(self):
        self.start(more='[limits]\nheader_timeout = "300ms"\n')
        connection = self.raw()
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        self.assertIn(b"HTTP/1.1 408 ", connection.read_to_end())


class Reload(TlsTest):
    def seen(self):
        return self.serial(self.raw())

    def test_sighup_brings_the_new_certificate_and_open_connections_go_on(self):
        engine = self.start(KEY)
        gate = self.world.fault("POST", "/things", "gate_before")
        id = engine.client.start(make())
        gate.wait_reached()
        old, feed = self.raw(), self.raw()
        first = self.serial(old)
        feed.send(f"GET /v1/workflows/{id}?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.ask(old)
        self.put_certificate(self.authority.make())
        engine.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.seen() != first, "new connections get the new certificate")
        self.assertIn("TLS: the certificate was read again on SIGHUP", engine.log())
        self.ask(old)
        self.assertEqual(self.serial(old), first)
        gate.open()
        self.assertIn(b'"outcome":"verified"', feed.socket.recv(65536), "a request that waited all the time")

    def test_it_notices_new_files_by_itself(self):
        engine = self.start()
        first = self.seen()
        self.put_certificate(self.authority.make())
        wait_until(lambda: self.seen() != first, "the new certificate is used")
        self.assertIn("as its files have changed", engine.log())

    def test_a_bad_certificate_changes_nothing_and_is_told(self):
        engine = self.start()
        first = self.seen()
        other = Authority(self.folder, "other").make()
        good = self.authority.make()
        expired = self.authority.make(days=-1)
        garbage = self.settle.folder / "garbage"
        garbage.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
        told = 0
        for files, words in (((garbage, good[1]), "server.pem can't be used"), ((good[0], other[1]), "is not the key of"),
                             ((good[0], garbage), "server.key can't be used"), (expired, "has expired")):
            with self.subTest(words):
                self.put_certificate(files)
                engine.process.send_signal(signal.SIGHUP)
                wait_until(lambda: words in engine.log() and engine.log().count("stays what it was") > told, "it is told")
                told = engine.log().count("stays what it was")
                self.assertEqual(self.seen(), first)
        self.put_certificate(good)
        engine.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.seen() != first, "the good one is used")

    def test_sighup_without_tls_ends_nothing(self):
        engine = self.engine()
        engine.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP" in engine.log(), "it is told")
        self.assertEqual(engine.client.get("/healthz").status, 200)

    def test_many_reloads_under_load_lose_no_request(self):
        engine = self.start()
        made = [self.authority.make() for _ in range(2)]

        def work(index):
            if index == 0:
                for number in range(20):
                    self.put_certificate(made[number % 2])
                    engine.process.send_signal(signal.SIGHUP)
                return 200
            return {engine.client.get("/healthz").status for _ in range(30)}
        for result in in_parallel(5, work):
            self.assertIn(result, (200, {200}), result)


class ClientCertificates(TlsTest):
    def setUp(self):
        super().setUp()
        self.clients = Authority(self.folder, "clients")

    def shown(self, made, **options):
        context = self.trust(**options)
        context.load_cert_chain(*made)
        return context

    def start_with(self, mode):
        wanted = f'client_certificates = "{mode}"' if mode else ""
        self.prepare_tls(tls=f'client_ca = "{self.clients.certificate}"\n{wanted}')
        self.good = self.shown(self.clients.make("client", usage="clientAuth"))
        self.settle.tls = self.good
        self.settle.start()

    def bad(self):
        stranger = Authority(self.folder, "stranger")
        yield self.shown(stranger.make("client", usage="clientAuth"))
        yield self.shown(self.clients.make("client", usage="clientAuth", days=-1))
        yield self.shown(self.clients.make("client", usage="serverAuth"))
        yield self.shown(self.authority.make("client", usage="clientAuth"))

    def test_required_lets_in_nobody_without_a_good_one(self):
        for mode in ("required", ""):
            self.start_with(mode)
            self.ask(self.raw(self.good))
            self.assert_refused(self.trust())
            self.assert_refused(self.trust(maximum_version=ssl.TLSVersion.TLSv1_2))
            if mode:
                for context in self.bad():
                    self.assert_refused(context)

    def test_optional_lets_in_those_without_and_none_with_a_bad_one(self):
        self.start_with("optional")
        self.ask(self.raw(self.good))
        self.ask(self.raw(self.trust()))
        for context in self.bad():
            self.assert_refused(context)

    def test_a_certificate_replaces_no_token(self):
        self.clients_only = self.prepare_tls(tls=f'client_ca = "{self.clients.certificate}"', dev=False)
        self.clients_only.tls = self.shown(self.clients.make("client", usage="clientAuth"))
        self.clients_only.start()
        self.assert_problem(self.clients_only.client.get("/v1/workflows"), 401, "unauthenticated")

    def test_resumed_sessions_are_let_in_too(self):
        self.start_with("required")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.good.minimum_version, self.good.maximum_version = ssl.TLSVersion.TLSv1_2, version
            first = self.raw(self.good)
            self.ask(first)
            sock = socket.create_connection(("127.0.0.1", self.settle.port), timeout=harness.PATIENCE)
            again = self.good.wrap_socket(sock, server_hostname="localhost", session=first.socket.session)
            self.addCleanup(again.close)
            self.assertTrue(again.session_reused)
            again.sendall(GET)
            self.assertIn(b"200 OK", again.recv(1000))

    def test_the_command_line_shows_its_certificate(self):
        self.start_with("required")
        certificate, key = self.clients.make("client", usage="clientAuth")
        server = f"https://localhost:{self.settle.port}"
        trust = ("--ca", str(self.authority.certificate))
        code, out, err = run_cli("ls", *trust, "--client-certificate", str(certificate), "--client-key", str(key), server=server)
        self.assertEqual(code, 0, err)
        both = self.settle.folder / "both.pem"
        both.write_text(certificate.read_text() + key.read_text())
        code, out, err = run_cli("ls", server=server, environment={"SETTLE_CA": str(self.authority.certificate),
                                                                   "SETTLE_CLIENT_CERTIFICATE": str(both)})
        self.assertEqual(code, 0, err)
        code, out, err = run_cli("ls", *trust, server=server)
        self.assertEqual(code, UNREACHABLE, err)


class CommandLine(TlsTest):
    def test_it_trusts_what_it_is_told_and_nothing_else(self):
        engine = self.start(KEY, dev=False)
        server = f"https://127.0.0.1:{engine.port}"
        environment = {"SETTLE_TOKEN": engine.make_token("planner", "auditor")}
        code, out, err = run_cli("ls", "--ca", str(self.authority.certificate), server=server, environment=environment)
        self.assertEqual(code, 0, err)
        code, out, err = run_cli("ls", server=server, environment=environment)
        self.assertEqual(code, UNREACHABLE)
        self.assertIn("--ca FILE", err)
        other = Authority(self.folder, "other")
        code, out, err = run_cli("ls", "--ca", str(other.certificate), server=server, environment=environment)
        self.assertEqual(code, UNREACHABLE)
        self.put_certificate(self.authority.make(alternatives="DNS:settle.example"))
        engine.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "read again" in engine.log(), "the certificate is another")
        code, out, err = run_cli("ls", "--ca", str(self.authority.certificate), server=server, environment=environment)
        self.assertEqual(code, UNREACHABLE)
        self.assertIn("mismatch", err)
        code, out, err = run_cli("ls", "--ca", "/nowhere.pem", server=server, environment=environment)
        self.assertEqual(code, CONFIGURATION)
        self.assertIn("/nowhere.pem", err)


class Start(TlsTest):
    def refused(self, config="", *flags):
        engine = self.prepare(config=config)
        code, log = engine.refused(engine.command(*flags))
        self.assertEqual(code, CONFIGURATION, log)
        return log

    def test_files_that_cant_be_used_are_all_named(self):
        certificate, key = self.authority.make()
        locked = self.authority.folder / "locked.key"
        openssl("ec", "-in", key, "-out", locked, "-aes256", "-passout", "pass:secret")
        log = self.refused('[tls]\ncertificate = "/nowhere/a.pem"\nkey = "/nowhere/b.key"\nclient_ca = "/nowhere/c.pem"\n')
        for place in ("tls.certificate", "tls.key", "tls.client_ca"):
            self.assertIn(f"{place}: /nowhere/", log)
        self.assertIn("tls.key", self.refused("", "--tls-certificate", str(certificate), "--tls-key", str(locked)))
        self.assertIn("is not the key of",
                      self.refused("", "--tls-certificate", str(certificate), "--tls-key", str(self.authority.make()[1])))

    def test_half_of_what_is_needed_is_refused(self):
        certificate, key = map(str, self.authority.make())
        self.assertIn("there is only the certificate", self.refused("", "--tls-certificate", certificate))
        self.assertIn("there is only the key", self.refused("", "--tls-key", key))
        self.assertIn("over TLS only", self.refused("", "--tls-client-ca", certificate))
        both = ("--tls-certificate", certificate, "--tls-key", key)
        self.assertIn("needs tls.client_ca", self.refused('[tls]\nclient_certificates = "optional"\n', *both))
        self.assertIn("tls.client_certificates", self.refused('[tls]\nclient_certificates = "maybe"\n', *both))
        self.assertIn("tls.certificat", self.refused('[tls]\ncertificat = "x"\n'))

    def test_flags_are_enough(self):
        certificate, key = map(str, self.authority.make())
        self.settle = self.prepare()
        self.settle.tls = self.trust()
        self.settle.launch(self.settle.command("--tls-certificate", certificate, "--tls-key", key))
        port = int(wait_until(self.settle._listening, "it listens")[1])
        self.assertEqual(harness.Client(port, tls=self.settle.tls).get("/healthz").status, 200)

    def test_an_expired_certificate_is_told_and_does_not_stop_the_engine(self):
        self.prepare_tls()
        self.put_certificate(self.authority.make(days=-1))
        self.settle.tls = ssl._create_unverified_context()
        self.settle.start()
        self.assertIn("the certificate has expired", self.settle.log())

    def test_beyond_loopback_without_tls_there_is_a_warning(self):
        def logged(*flags, listen):
            engine = self.prepare(dev=False)
            engine.launch(engine.command(*flags, listen=listen))
            wait_until(engine._listening, "it listens")
            return engine.log()
        warning = "LISTENS BEYOND LOOPBACK WITHOUT TLS"
        self.assertIn(warning, logged(listen="0.0.0.0:0"))
        self.assertNotIn(warning, logged(listen="127.0.0.1:0"))
        certificate, key = map(str, self.authority.make())
        self.assertNotIn(warning, logged("--tls-certificate", certificate, "--tls-key", key, listen="0.0.0.0:0"))


if __name__ == "__main__":
    unittest.main()
