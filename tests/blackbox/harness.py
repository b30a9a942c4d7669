"""Runs the real binary and talks to it: an engine in a folder of its own, a JSON client, a raw client, and waiting.

Everything binds port 0 and lives in a temporary folder, so that test files run beside each other. Nothing sleeps: what
is waited for is a condition with a deadline.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from world import World

BINARY = os.environ.get("SETTLE_BINARY", "build/release/settle")
# Sanitizers make everything slower; limits that judge speed are multiplied by this.
SLOWNESS = float(os.environ.get("SETTLE_SLOWNESS", "1"))
PATIENCE = 30 * SLOWNESS
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
_pause = threading.Event()


def wait_until(condition, what, patience=None):
    """The first true value of `condition()`; fails when there is none in time."""
    deadline = time.monotonic() + (patience or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain until {what}; the last answer was {value!r}")
        _pause.wait(0.01)


def in_parallel(count, work):
    """What `work(0)` to `work(count - 1)` return, each in a thread, all let go at once. Exceptions are returned."""
    results, start = [None] * count, threading.Barrier(count)

    def one(index):
        start.wait()
        try:
            results[index] = work(index)
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


class Client:
    """One request, one connection: nothing of an earlier test leaks into the next."""

    def __init__(self, port, timeout=None, token=None, name_space=None, tls=None):
        self.port, self.timeout, self.tls = port, timeout or PATIENCE + 60, tls
        self.access = {**({"Authorization": f"Bearer {token}"} if token else {}),
                       **({"Settle-Namespace": name_space} if name_space else {})}

    def send(self, method, path, body=None, headers=None):
        """`body`: bytes as they are, anything else as JSON."""
        headers = {**self.access, **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self.timeout, context=self.tls)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path, body=None, **headers):
        return self.send("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def submit(self, plan, id=None, key=None, labels=None):
        body = {"plan": plan}
        if id is not None:
            body["id"] = id
        if labels is not None:
            body["labels"] = labels
        return self.send("POST", "/v1/workflows", body, {"Idempotency-Key": key} if key else {})

    def start(self, *actions, id=None, **plan):
        """Submits a plan of these actions and returns the workflow's id."""
        answer = self.submit({"name": "a-plan", "actions": list(actions), **plan}, id)
        assert answer.status == 201, answer
        return answer.json["id"]

    def workflow(self, id):
        answer = self.get(f"/v1/workflows/{id}")
        assert answer.status == 200, answer
        return answer.json

    def end_of(self, id, until_attention=False):
        """The workflow once it has ended (or needs a person)."""
        until = "&until=attention" if until_attention else ""

        def ended():
            answer = self.get(f"/v1/workflows/{id}?wait=10s{until}")
            assert answer.status == 200, answer
            document = answer.json
            return document if document["status"] == "ended" or (until_attention and document["attention"]) else None

        return wait_until(ended, f"{id} ends", 2 * PATIENCE)

    def wait_for_action(self, id, condition, what, action=0):
        """The workflow as soon as `condition(action document)` holds."""
        def seen():
            document = self.workflow(id)
            return document if condition(document["actions"][action]) else None

        return wait_until(seen, f"{id} {what}")

    def receipts(self, id):
        return self.get(f"/v1/workflows/{id}/receipts").json["receipts"]

    def events(self, id):
        return self.get(f"/v1/workflows/{id}/events?limit=1000").json["events"]


class Raw:
    """A socket, for what no client would send."""

    def __init__(self, port, timeout=None, tls=None, receive_bytes=None):
        """`tls`: an ssl.SSLContext. `receive_bytes`: the kernel holds only about so much that is not read."""
        self.socket = socket.socket()
        self.socket.settimeout(timeout or PATIENCE)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def read_to_end(self):
        """All bytes until the server closes; a reset ends them too."""
        out = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                return out
            if not piece:
                return out
            out += piece

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Engine:
    """`settle serve` in a folder: may be killed and started again on the same store, each time on a new port."""

    def __init__(self, folder, tools=(), values=None, config="", environment=None, dev=True):
        self.dev = dev
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.tools_dir = self.folder / "tools"
        self.config_file = self.folder / "settle.toml"
        self.environment = environment or {}
        self.config = config
        self.process, self.lines, self.client = None, [], None
        self.tls = None  # an ssl.SSLContext: whom clients trust, where `config` has a certificate
        self.tools_dir.mkdir(parents=True, exist_ok=True)
        self.write_tools(*tools)
        self.write_config(values or {}, config)

    def write_tools(self, *tools):
        for file in self.tools_dir.glob("*.json"):
            file.unlink()
        for tool in tools:
            (self.tools_dir / f"{tool['name']}.json").write_text(json.dumps(tool))

    def write_config(self, values, config=None):
        """`values` are what tools may name; `config` is TOML, top-level keys first."""
        self.config = self.config if config is None else config
        # The world is on loopback, where without --dev only named hosts may be called.
        private = "" if self.dev or "allow_private" in self.config else 'allow_private = ["127.0.0.1"]\n'
        named = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        self.config_file.write_text(f"threads = 2\n{private}{self.config}\n[values]\n{named}")

    def command(self, *more, listen="127.0.0.1:0"):
        return [BINARY, "serve", "--data", str(self.data), "--tools", str(self.tools_dir), "--config",
                str(self.config_file), "--listen", listen, *(["--dev"] if self.dev else []), *more]

    def launch(self, command=None):
        """Starts the process and collects its standard error; see `start` for one that is expected to serve."""
        self.lines = []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SETTLE_")}
        self.process = subprocess.Popen(command or self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env={**environment, **self.environment})
        self.reader = threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True)
        self.reader.start()
        return self

    def start(self, ready=True):
        self.launch()
        found = wait_until(lambda: self._listening() or self.process.poll() is not None, "the engine listens")
        if found is True:
            raise AssertionError(f"the engine ended with {self.process.returncode}:\n{self.log()}")
        self.port = int(found[1])
        self.client = Client(self.port, tls=self.tls)
        if ready:
            wait_until(lambda: self.client.get("/readyz").status == 200, "the engine is ready")
        return self

    def refused(self, command=None):
        """Starts what must not come up; returns (exit code, standard error)."""
        self.launch(command)
        self.process.wait(PATIENCE)
        self.reader.join()
        return self.process.returncode, self.log()

    @property
    def admin_token_file(self):
        return self.data / "admin.token"

    def client_of(self, token, name_space=None):
        return Client(self.port, token=token, name_space=name_space, tls=self.tls)

    def admin(self, name_space=None):
        """With the token of the first start."""
        return self.client_of(self.admin_token_file.read_text().strip(), name_space)

    def make_token(self, *scopes, name="somebody", name_space="default", **more):
        """The text of a new token."""
        answer = self.admin().post("/v1/tokens", {"name": name, "scopes": list(scopes), "namespace": name_space, **more})
        assert answer.status == 201, answer
        return answer.json["token"]

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def log(self):
        return "".join(self.lines)

    def serves(self):
        """Whether somebody new is answered at the moment."""
        try:
            return self.client.get("/healthz").status == 200
        except OSError:
            return False

    def accepts(self, plan, id):
        """Whether the plan was taken; one that a kill met in the middle was not, as far as anybody knows."""
        try:
            return self.client.submit(plan, id=id).status in (200, 201)
        except OSError:
            return False

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def terminate(self):
        """SIGTERM; does not wait."""
        self.process.terminate()

    def ended(self):
        """The exit code, once the process has ended."""
        self.process.wait(PATIENCE)
        self.reader.join()
        return self.process.returncode

    def stop(self):
        self.terminate()
        return self.ended()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def close(self):
        if self.alive():
            self.kill9()
        if self.process is not None:
            self.process.stderr.close()
        for bad in ("broken invariant", "Sanitizer"):
            assert bad not in self.log(), self.log()

    def _listening(self):
        for line in self.lines:
            if found := re.match(r"settle listening on https?://.*:(\d+)$", line):
                return found
        return None

    @staticmethod
    def _read(process, lines):
        for line in process.stderr:
            lines.append(line.decode(errors="replace"))


def run_cli(*arguments, server=None, stdin=None, environment=None):
    """One command of the client; returns (exit code, standard output, standard error)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SETTLE_")}
    if server:
        kept["SETTLE_SERVER"] = server
    done = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, text=True, timeout=PATIENCE + 60,
                          env={**kept, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def quoted(text):
    return urllib.parse.quote(text, safe="")


class Assertions(unittest.TestCase):
    longMessage = True

    def assert_problem(self, answer, status, code):
        """A problem document of this status and code; returns it."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        document = answer.json
        self.assertEqual(document["code"], code, document)
        self.assertEqual(document["status"], status)
        self.assertEqual(document["type"], f"urn:settle:problem:{code}")
        self.assertEqual(document["request_id"], answer.headers["Request-Id"])
        self.assertTrue(document["title"] and document["detail"])
        self.assertIsInstance(document["safe_to_retry"], bool)
        return document

    def assert_places(self, document, *wanted):
        """Each (pointer, code) of `wanted` is among the problems of the document."""
        found = [(error["pointer"], error["code"]) for error in document.get("errors", [])]
        for place in wanted:
            self.assertIn(place, found)


class EngineTest(Assertions):
    """A fresh world and folder for each test; `engine()` starts an engine on them."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="settle-blackbox-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.world = World()
        self.addCleanup(self.world.close)

    def prepare(self, *tools, config="", environment=None, values=None, dev=True):
        made = Engine(tempfile.mkdtemp(dir=self.folder), tools, values or {"world": self.world.url}, config,
                      environment, dev)
        self.addCleanup(made.close)
        return made

    def engine(self, *tools, **options):
        return self.prepare(*tools, **options).start()


class SharedEngineTest(Assertions):
    """One engine for all tests of the class, with the tools in `tools`; for tests that leave nothing behind."""

    tools = ()
    config = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="settle-blackbox-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.shared = Engine(cls.folder, cls.tools, {"world": cls.world.url}, cls.config)
        cls.addClassCleanup(cls.shared.close)
        cls.shared.start()
        cls.client = cls.shared.client
