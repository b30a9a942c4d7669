"""A receiver of webhooks that checks signatures by Standard Webhooks 1.0.0, written apart from the engine's own code."""
import base64
import hashlib
import hmac
import http.server
import json
import threading


def signature(secret, message_id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Delivery:
    def __init__(self, path, headers, body, status):
        self.path, self.headers, self.body, self.status = path, headers, body, status
        self.id, self.event = headers["webhook-id"], json.loads(body)

    @property
    def signatures(self):
        return self.headers["webhook-signature"].split(" ")

    def is_signed_by(self, secret):
        return signature(secret, self.id, self.headers["webhook-timestamp"], self.body) in self.signatures

    @property
    def key(self):
        """What tells this event from every other."""
        return self.event["source"], self.event["id"]

    @property
    def workflow(self):
        return self.event.get("subject")

    @property
    def sequence(self):
        return int(self.event["sequence"])


class Receiver:
    """Takes deliveries on a port of its own. `answer(delivery)` gives a status, or (status, headers); the default is 204."""

    def __init__(self, answer=None, port=0):
        self.answer, self.lock, self.deliveries = answer, threading.Lock(), []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = receiver.take(self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                """A tool on the same host."""
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # an engine that is killed in the middle is no mistake of ours

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/hooks"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def take(self, path, headers, body):
        delivery = Delivery(path, headers, body, 204)
        said = self.answer(delivery) if self.answer else 204
        status, more = said if isinstance(said, tuple) else (said, {})
        delivery.status = status
        with self.lock:
            self.deliveries.append(delivery)
        return status, more

    def all(self):
        with self.lock:
            return list(self.deliveries)

    def taken(self):
        return [delivery for delivery in self.all() if 200 <= delivery.status < 300]

    def types(self):
        return [delivery.event["type"] for delivery in self.taken()]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
