"""The outside: a small service that keeps things, with faults on request and a record of every call.

    POST /things {name, …}       makes one; the same Idempotency-Key answers the first one again; 201 {"id", …}
    PUT /things/NAME {…}         makes or replaces the one of that name
    GET /things/ID               by id or by name; 404
    GET /things?reference=KEY    {"things": […]}, those that came with that key
    POST /orders {…}             makes one each time: no keys, no search
    POST /accounts/NAME {amount} pays in; the same Idempotency-Key only once
    GET /accounts/NAME           {"balance"}; a new account has 0

A fault meets the next matching call: `world.fault("POST", "/things", "drop_after")`. A gate holds calls until it is opened,
which is how a test stands in the middle of one.
"""
import http.server
import json
import socket
import struct
import threading
import time
import urllib.parse

HELD_MAX = 120


class Call:
    """One request as it came, and what it did."""

    def __init__(self, method, path, key, headers, body):
        self.method, self.path, self.key, self.headers, self.body = method, path, key, headers, body
        self.effect, self.status, self.at = False, None, time.monotonic()


class Fault:
    def __init__(self, method, prefix, kind, times, **options):
        self.method, self.prefix, self.kind, self.left, self.options = method, prefix, kind, times, options


class Gate:
    """Calls that meet it wait until `open()`; `reached` is set when the first one does."""

    def __init__(self):
        self.reached, self._opened = threading.Event(), threading.Event()

    def wait_reached(self):
        assert self.reached.wait(HELD_MAX), "no call came to the gate"

    def open(self):
        self._opened.set()

    def hold(self):
        self.reached.set()
        self._opened.wait(HELD_MAX)


class Dropped(Exception):
    """The connection ends here, without an answer."""


class World:
    def __init__(self, port=0):
        self.lock = threading.RLock()
        self.calls, self.things, self.by_key, self.orders = [], {}, {}, []
        self.accounts = {}
        self._faults, self._gates = [], []
        self.listen(port)

    def listen(self, port):
        world = self

        class Handler(_Handler):
            owner = world

        self.server = _Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self):
        for gate in self._gates:
            gate.open()
        self.server.shutdown()
        self.server.server_close()
        self.server.drop_all()

    def fault(self, method, prefix, kind, times=1, **options):
        """`kind`: drop_before, drop_after, status_before, status_after (status=, headers=), garbage, answer_after (body=), lie
        (body=; nothing is done), gate_before, gate_after, gate_lost (held, then it never arrives); these return the gate."""
        made = Fault(method, prefix, kind, times, **options)
        if kind.startswith("gate"):
            made.options["gate"] = Gate()
            self._gates.append(made.options["gate"])
        with self.lock:
            self._faults.append(made)
        return made.options.get("gate")

    def heal(self):
        with self.lock:
            self._faults.clear()

    def sends(self, method="POST", prefix="/"):
        with self.lock:
            return [call for call in self.calls if call.method == method and call.path.startswith(prefix)]

    def effects(self, prefix="/"):
        with self.lock:
            return [call for call in self.calls if call.effect and call.path.startswith(prefix)]

    def take_fault(self, method, path):
        with self.lock:
            for fault in self._faults:
                if fault.left > 0 and fault.method == method and path.startswith(fault.prefix):
                    fault.left -= 1
                    return fault
        return None

    def apply(self, call):
        """Does what is asked for; returns (status, document)."""
        path, _, query = call.path.partition("?")
        parts = [urllib.parse.unquote(part) for part in path.split("/")[1:]]
        with self.lock:
            if call.method == "POST" and parts == ["things"]:
                return self._make(call)
            if call.method == "PUT" and parts[0] == "things":
                call.effect = True
                self.things[parts[1]] = {"id": parts[1], "name": parts[1], **call.body}
                return 200, self.things[parts[1]]
            if call.method == "GET" and parts == ["things"]:
                reference = urllib.parse.parse_qs(query).get("reference", [""])[0]
                found = [thing for thing in self.things.values() if thing.get("reference") == reference]
                return 200, {"things": found}
            if call.method == "GET" and parts[0] == "things":
                found = [thing for thing in self.things.values() if parts[1] in (thing["id"], thing["name"])]
                return (200, found[0]) if found else (404, {"error": "no such thing"})
            if call.method == "POST" and parts == ["orders"]:
                call.effect = True
                self.orders.append(call.body)
                return 201, {"id": f"order-{len(self.orders)}"}
            if parts[0] == "accounts" and len(parts) == 2:
                return self._account(call, parts[1])
        return 404, {"error": "no such place"}

    def _account(self, call, name):
        balance = self.accounts.setdefault(name, 0)
        key = call.headers.get("idempotency-key")
        if call.method == "POST" and key not in self.by_key:
            call.effect = True
            self.accounts[name] = balance + call.body["amount"]
            self.by_key[key] = {"id": f"payment-{len(self.by_key) + 1}"}
        return (201, self.by_key[key]) if call.method == "POST" else (200, {"balance": self.accounts[name]})

    def _make(self, call):
        first = self.by_key.get(call.headers.get("idempotency-key"))
        if first is not None:
            return 201, first
        call.effect = True
        thing = {"id": f"thing-{len(self.things) + 1}", **call.body}
        if "x-client-reference" in call.headers:
            thing["reference"] = call.headers["x-client-reference"]
        self.things[thing["id"]] = thing
        if "idempotency-key" in call.headers:
            self.by_key[call.headers["idempotency-key"]] = thing
        return 201, thing


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 1024

    def __init__(self, *arguments):
        self.open_sockets = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def drop_all(self):
        """A host that goes down takes its connections with it."""
        for request in list(self.open_sockets):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        pass  # engines are killed in these tests


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def serve(self):
        length = int(self.headers.get("Content-Length", 0))
        text = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = headers.get("idempotency-key") or headers.get("x-client-reference")
        call = Call(self.command, self.path, key, headers, json.loads(text) if text else None)
        with self.owner.lock:
            self.owner.calls.append(call)
        fault = self.owner.take_fault(self.command, self.path)
        try:
            status, document, more = self.carry_out(call, fault)
        except Dropped:
            self.drop()
            return
        call.status = status
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def carry_out(self, call, fault):
        if fault is None:
            return *self.owner.apply(call), {}
        kind, options = fault.kind, fault.options
        if kind == "drop_before":
            raise Dropped
        if kind == "status_before":
            return options["status"], options.get("body", {"error": "a fault"}), options.get("headers", {})
        if kind == "lie":
            return options.get("status", 201), options["body"], {}
        if kind in ("gate_before", "gate_lost"):
            options["gate"].hold()
        if kind == "gate_lost":
            raise Dropped
        status, document = self.owner.apply(call)
        if kind == "drop_after":
            raise Dropped
        if kind == "status_after":
            return options["status"], {"error": "a fault"}, options.get("headers", {})
        if kind == "garbage":
            return status, b"<html>not what you think", {}
        if kind == "answer_after":
            return options.get("status", status), options["body"], {}
        if kind == "gate_after":
            options["gate"].hold()
        return status, document, {}

    def drop(self):
        """A reset, as a crashed server or a broken network gives."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_):
        pass
