"""An engine that is killed and comes back, and clients that do not mind."""
import http.client
import threading
import time

from harness import PATIENCE


class EngineDied(AssertionError):
    """The engine ended without having been told to."""


class Restarting:
    """Wraps a harness.Engine. Each start gets a port of its own, so an answer counts only if the engine that was asked is
    still the one that runs: in between, the port may have gone to a stranger."""

    def __init__(self, engine):
        self.engine, self.kills = engine, 0
        self._changed = threading.Condition()
        self._is_up = self._has_failed = False
        self._generation = 0
        self._pause = threading.Event()

    def start(self):
        self.engine.start()
        self._set(True)
        return self

    def _set(self, is_up):
        with self._changed:
            self._is_up = is_up
            self._generation += is_up
            self._changed.notify_all()

    def kill_and_restart(self):
        """SIGKILL at this very moment, then a start; returns what the killed process had written on standard error."""
        self._set(False)
        self._assert_alive()
        self.engine.kill9()
        log = self.engine.log()
        self.kills += 1
        self.start()
        return log

    def stop(self):
        """SIGTERM; returns the exit code."""
        self._set(False)
        self._assert_alive()
        return self.engine.stop()

    def _assert_alive(self):
        if not self.engine.alive():
            with self._changed:
                self._has_failed = True
                self._changed.notify_all()
            raise EngineDied(f"the engine ended by itself with {self.engine.ended()}:\n{self.engine.log()}")

    def ask(self, method, path, body=None, headers=None, patience=None):
        """Asks until an engine has answered and was not killed meanwhile; 429 and 503 are asked again. Returns the answer."""
        deadline = time.monotonic() + (patience or 2 * PATIENCE)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_up or self._has_failed, max(0, deadline - time.monotonic()))
                generation, client = self._generation, self.engine.client
                if self._has_failed:
                    raise EngineDied("the engine ended by itself")
            answer = None
            try:
                answer = client.send(method, path, body, headers) if self._is_up else None
            except (OSError, http.client.HTTPException):
                if self._is_up and generation == self._generation and not self.engine.alive():
                    self._assert_alive_of(generation)
            is_same = self._is_up and generation == self._generation
            if answer is not None and is_same and answer.status not in (429, 503):
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"{method} {path} had no answer that counts; the last was {answer!r}")
            self._pause.wait(0.02)

    def _assert_alive_of(self, generation):
        with self._changed:
            if self._is_up and generation == self._generation:
                self._has_failed = True
                self._changed.notify_all()
                raise EngineDied(f"the engine ended by itself with {self.engine.process.returncode}:\n{self.engine.log()}")

    def get(self, path):
        answer = self.ask("GET", path)
        return answer.json if answer.status == 200 else None

    def receipts(self, id):
        return self.get(f"/v1/workflows/{id}/receipts")["receipts"]

    def events(self, id):
        """The whole history, page by page."""
        events = []
        while True:
            page = self.get(f"/v1/workflows/{id}/events?limit=1000&after={len(events)}")["events"]
            events += page
            if len(page) < 1000:
                return events
