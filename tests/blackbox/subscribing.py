"""What the tests of subscriptions share: an engine that may deliver to receivers of this machine."""
import harness
from harness import wait_until
from receiver import Receiver

CHECK = {"id": "a", "tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}}
FAST = 'first_retry = "10ms"\nretry_max = "40ms"\n'


class WithReceiver(harness.EngineTest):
    def receiver(self, answer=None, port=0):
        made = Receiver(answer, port)
        self.addCleanup(made.close)
        return made

    def config_for(self, *receivers, more=FAST, before=""):
        origins = ", ".join(f'"{receiver.origin}"' for receiver in receivers)
        # A circuit that opens would hold back what is to be seen here.
        return f"{before}[circuit]\nfailures = 0\n[retry_budget]\npercent = 100\n[webhooks]\nallow_private = [{origins}]\n{more}"

    def put(self, client, receiver, name="hook", **body):
        answer = client.send("PUT", f"/v1/subscriptions/{name}", {"url": receiver.url, **body})
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def subscription(self, client, name="hook"):
        answer = client.get(f"/v1/subscriptions/{name}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def until(self, client, condition, what, name="hook"):
        def seen():
            document = self.subscription(client, name)
            return document if condition(document) else None

        return wait_until(seen, what)

    def run_one(self, client, id, **plan):
        client.start(CHECK, id=id, **plan)
        client.end_of(id)
