"""Subscriptions: what a receiver gets, how it is signed and in which order, who may have it, and where it may go."""
import base64
import unittest

from harness import run_cli, wait_until
from subscribing import CHECK, FAST, WithReceiver

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Delivered(WithReceiver):
    def test_every_event_comes_once_signed_and_in_order(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for(receiver))
        made = self.put(engine.client, receiver)
        self.assertRegex(made["secret"], "^whsec_[A-Za-z0-9+/]{43}=$")
        for number in range(5):
            self.run_one(engine.client, f"w{number}")
        want = [event for number in range(5) for event in engine.client.events(f"w{number}")]
        wait_until(lambda: len(receiver.all()) >= len(want), "all events have come")
        feed = engine.client.get("/v1/events?limit=1000").json["events"]
        got = {delivery.key: delivery for delivery in receiver.all()}
        self.assertEqual({key: delivery.event for key, delivery in got.items()},
                         {(event["source"], event["id"]): event for event in feed})
        self.assertEqual(len(receiver.all()), len(feed), "each came once")
        self.assertEqual(len({delivery.id for delivery in receiver.all()}), len(feed))
        for delivery in receiver.all():
            self.assertTrue(delivery.is_signed_by(made["secret"]))
            self.assertEqual(delivery.headers["Content-Type"], "application/cloudevents+json; charset=utf-8")
        self.assert_order(receiver)
        document = self.until(engine.client, lambda one: one["delivered"] == len(feed), "it is counted")
        self.assertEqual((document["state"], document["dead_letters"], document["failing_since"]), ("active", 0, None))
        self.assertNotIn("secret", document)

    def assert_order(self, receiver):
        """The first time that each event was taken: per workflow in its order, without gaps."""
        first = {}
        for delivery in receiver.taken():
            first.setdefault(delivery.workflow, {}).setdefault(delivery.sequence, len(first))
        for workflow, sequences in first.items():
            numbers = list(sequences)
            self.assertEqual(numbers, sorted(numbers), workflow)
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), workflow)

    def test_filters_choose(self):
        receivers = {name: self.receiver() for name in ("ended", "named", "labelled", "emitted")}
        engine = self.engine(config=self.config_for(*receivers.values()))
        self.put(engine.client, receivers["ended"], "ended", types=["workflow.ended"])
        self.put(engine.client, receivers["named"], "named", types=["workflow.*"], workflows=["special"])
        self.put(engine.client, receivers["labelled"], "labelled", types=["workflow.ended"], labels={"team": "sales"})
        self.put(engine.client, receivers["emitted"], "emitted", types=["emitted.*"])
        self.run_one(engine.client, "plain")
        self.run_one(engine.client, "named", name="special")
        self.run_one(engine.client, "labelled", labels={"team": "sales", "env": "live"})
        engine.client.end_of(engine.client.start({"id": "e", "tool": "flow.emit", "input": {"type": "x", "data": 1}}, id="own"))
        tail = engine.client.get("/v1/events?after=end").json["next_after"]
        for name in receivers:
            self.until(engine.client, lambda one: one["behind"] == 0, f"{name} has caught up with {tail}", name)
        took = {name: [(one.workflow, one.event["type"]) for one in receiver.taken()] for name, receiver in receivers.items()}
        self.assertEqual(sorted(took["ended"]), sorted((id, "workflow.ended") for id in ("plain", "named", "labelled", "own")))
        self.assertEqual(took["named"], [("named", "workflow.submitted"), ("named", "workflow.ended")])
        self.assertEqual(took["labelled"], [("labelled", "workflow.ended")])
        self.assertEqual(took["emitted"], [("own", "emitted.x")])

    def test_a_new_one_begins_now_or_where_it_is_told(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for(receiver))
        self.run_one(engine.client, "old")
        place = engine.client.get("/v1/events?after=end").json["next_after"]
        self.run_one(engine.client, "middle")
        for name, begin, want in (("all", {"from": "beginning"}, {"old", "middle", "new"}),
                                  ("some", {"from": place}, {"middle", "new"}), ("now", {}, {"new"})):
            self.put(engine.client, receiver, name, types=["workflow.ended"], **begin)
        self.run_one(engine.client, "new")
        wait_until(lambda: len(receiver.taken()) >= 6, "all have come")
        self.assertEqual(sorted(one.workflow for one in receiver.taken()), sorted(["old"] + ["middle"] * 2 + ["new"] * 3))

    def test_an_admin_of_all_namespaces_may_have_events_of_others(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for(receiver), dev=False)
        self.put(engine.admin(), receiver, types=["workflow.ended"], namespaces=["*"])
        for name_space in ("left", "right"):
            planner = engine.client_of(engine.make_token("planner", name_space=name_space))
            planner.submit({"name": "p", "actions": [CHECK]}, id=f"in-{name_space}")
        wait_until(lambda: len(receiver.taken()) == 2, "both have come")
        self.assertEqual({one.event["source"] for one in receiver.taken()}, {"/namespaces/left", "/namespaces/right"})
        small = engine.client_of(engine.make_token("admin", name_space="left"))
        answer = small.send("PUT", "/v1/subscriptions/mine", {"url": receiver.url, "namespaces": ["right"]})
        self.assert_problem(answer, 403, "forbidden")
        self.assertEqual(small.get("/v1/subscriptions").json, {"subscriptions": []})
        self.assert_problem(small.get("/v1/subscriptions/hook"), 404, "not_found")

    def test_one_that_gets_events_of_others_is_no_business_of_a_single_namespace(self):
        status = [400]
        receiver, other = self.receiver(lambda _: status[0]), self.receiver()
        engine = self.engine(config=self.config_for(receiver, other, more=FAST + "attempts = 1\n"), dev=False)
        admin = engine.admin()
        small = engine.client_of(engine.make_token("admin", name_space="default"))
        self.put(admin, receiver, types=["workflow.ended"], namespaces=["*"])
        planner = engine.client_of(engine.make_token("planner", name_space="right"))
        planner.submit({"name": "p", "actions": [CHECK]}, id="secret")
        self.until(admin, lambda one: one["dead_letters"] == 1, "it is dead")
        id = admin.get("/v1/subscriptions/hook/dead_letters").json["dead_letters"][0]["id"]
        for method, rest, body in (("PUT", "", {"url": other.url}), ("DELETE", "", None), ("POST", ":pause", None),
                                   ("POST", ":resume", None), ("POST", ":rotate_secret", None), ("GET", "/dead_letters", None),
                                   ("GET", f"/dead_letters/{id}", None), ("POST", f"/dead_letters/{id}:redrive", None),
                                   ("POST", f"/dead_letters/{id}:purge", None), ("POST", "/dead_letters:redrive", None),
                                   ("POST", "/dead_letters:purge", None)):
            with self.subTest(method=method, rest=rest):
                self.assert_problem(small.send(method, f"/v1/subscriptions/hook{rest}", body), 403, "forbidden")
        self.assertEqual(self.subscription(small)["url"], receiver.url)
        # Once it is made smaller its letters of others are out of reach, for all.
        self.assertEqual(admin.send("PUT", "/v1/subscriptions/hook", {"url": other.url, "types": ["workflow.ended"]}).status, 200)
        self.assertEqual(small.get("/v1/subscriptions/hook/dead_letters").json["dead_letters"], [])
        self.assert_problem(small.get(f"/v1/subscriptions/hook/dead_letters/{id}"), 404, "not_found")
        self.assert_problem(small.post(f"/v1/subscriptions/hook/dead_letters/{id}:redrive"), 404, "not_found")
        self.assertEqual(small.post("/v1/subscriptions/hook/dead_letters:redrive").json, {"redriven": 0})
        self.assertEqual(other.all(), [])
        self.assertEqual(small.post("/v1/subscriptions/hook/dead_letters:purge").json, {"purged": 1})


class Secrets(WithReceiver):
    def test_while_it_is_rotated_both_sign_and_none_is_ever_shown_again(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for(receiver), dev=False)
        admin = engine.admin()
        planner = engine.client_of(engine.make_token("planner"))
        first = self.put(admin, receiver, types=["workflow.ended"])["secret"]
        answer = admin.post("/v1/subscriptions/hook:rotate_secret", {"overlap": "1h"})
        self.assertEqual((answer.status, answer.headers["Cache-Control"]), (200, "no-store"))
        second = answer.json["secret"]
        self.assertNotEqual(first, second)
        planner.submit({"name": "p", "actions": [CHECK]}, id="both")
        wait_until(lambda: receiver.taken(), "it is taken")
        delivery = receiver.taken()[0]
        self.assertTrue(delivery.is_signed_by(first) and delivery.is_signed_by(second))
        self.assertEqual(len(delivery.signatures), 2)
        third = admin.post("/v1/subscriptions/hook:rotate_secret", {"overlap": "0s"}).json["secret"]
        planner.submit({"name": "p", "actions": [CHECK]}, id="one")
        wait_until(lambda: len(receiver.taken()) == 2, "it is taken")
        delivery = receiver.taken()[1]
        self.assertEqual([delivery.is_signed_by(secret) for secret in (first, second, third)], [False, False, True])
        again = admin.send("PUT", "/v1/subscriptions/hook", {"url": receiver.url, "types": ["workflow.ended"]})
        self.assertEqual((again.status, "secret" in again.json), (200, False))
        engine.stop()
        shown = [again.body.decode(), engine.log()]
        engine.start()
        admin = engine.admin()
        for path in ("/v1/subscriptions", "/v1/subscriptions/hook", "/v1/audit?limit=1000", "/v1/events?limit=1000"):
            shown.append(admin.get(path).body.decode())
        stored = b"".join(file.read_bytes() for file in engine.data.iterdir() if file.name != "webhook.key" and file.is_file())
        for secret in (first, second, third):
            self.assertFalse(any(secret[6:] in text for text in shown))
            self.assertNotIn(base64.b64decode(secret[6:]), stored)
            self.assertNotIn(secret[6:].encode(), stored)
        self.assertEqual((engine.data / "webhook.key").stat().st_mode & 0o777, 0o600)

    def test_a_credential_of_the_configuration_signs(self):
        receiver = self.receiver()
        config = self.config_for(receiver) + (
            f'[credentials.hooks]\nkind = "webhook"\nsecret_env = "HOOK_SECRET"\norigins = ["{receiver.origin}"]\n'
            f'[credentials.other]\nsecret_env = "HOOK_SECRET"\norigins = ["{receiver.origin}"]\n')
        engine = self.engine(config=config, environment={"HOOK_SECRET": SECRET})
        made = self.put(engine.client, receiver, credential="hooks", types=["workflow.ended"])
        self.assertEqual((made["credential"], "secret" in made), ("hooks", False))
        self.run_one(engine.client, "w")
        wait_until(lambda: receiver.taken(), "it is taken")
        self.assertTrue(receiver.taken()[0].is_signed_by(SECRET))
        for name in ("other", "absent"):
            answer = engine.client.send("PUT", "/v1/subscriptions/x", {"url": receiver.url, "credential": name})
            self.assert_places(self.assert_problem(answer, 400, "invalid_argument"), ("/credential", "credential_not_here"))
        answer = engine.client.send("PUT", "/v1/subscriptions/x", {"url": "https://example.org/", "credential": "hooks"})
        self.assert_places(self.assert_problem(answer, 400, "invalid_argument"), ("/url", "credential_origin"))
        answer = engine.client.send("PUT", "/v1/subscriptions/hook", {"url": "https://example.org/"})
        self.assert_places(self.assert_problem(answer, 400, "invalid_argument"), ("/url", "credential_origin"))
        made = engine.client.send("PUT", "/v1/subscriptions/public", {"url": "https://example.org/", "types": ["emitted.never"]})
        self.assertEqual(made.status, 201, made)
        answer = engine.client.post("/v1/subscriptions/public:rotate_secret", {"credential": "hooks"})
        self.assert_places(self.assert_problem(answer, 400, "invalid_argument"), ("/url", "credential_origin"))

    def test_without_its_key_it_is_disabled_and_says_so(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for(receiver))
        self.put(engine.client, receiver, types=["workflow.ended"])
        engine.stop()
        (engine.data / "webhook.key").unlink()
        engine.start()
        self.run_one(engine.client, "w")
        document = self.until(engine.client, lambda one: one["state"] == "disabled", "it is disabled")
        self.assertEqual((document["reason"], receiver.all()), ("signing_key_changed", []))
        secret = engine.client.post("/v1/subscriptions/hook:rotate_secret").json["secret"]
        engine.client.post("/v1/subscriptions/hook:resume")
        wait_until(lambda: receiver.taken(), "it is taken")
        self.assertTrue(receiver.taken()[0].is_signed_by(secret))


class Asked(WithReceiver):
    def test_everything_wrong_is_said_at_once(self):
        client = self.engine().client
        answer = client.send("PUT", "/v1/subscriptions/hook", {
            "types": ["workflow.*", "*.ended", 3], "workflows": "x", "labels": {"a": 1}, "namespaces": ["a b"], "from": "x",
            "credential": "absent", "what": 1})
        self.assert_places(self.assert_problem(answer, 400, "invalid_argument"), ("/url", "missing_member"),
                           ("/types/1", "not_an_event_type"), ("/types/2", "not_an_event_type"), ("/workflows", "wrong_type"),
                           ("/namespaces/0", "not_a_name"), ("/from", "not_a_cursor"), ("/credential", "credential_not_here"),
                           ("/what", "unknown_member"))
        self.assertEqual(client.get("/v1/subscriptions").json, {"subscriptions": []})

    def test_urls_that_lead_inside_are_refused(self):
        client = self.engine().client
        rows = {"not a url": "not_a_url", "ftp://example.org/": "not_a_url", "https://u:p@example.org/": "not_a_url",
                "http://example.org/": "url_not_https", "https://127.0.0.1/": "url_private", "https://10.1.2.3/x": "url_private",
                "https://[::1]/": "url_private", "https://[::ffff:10.0.0.1]/": "url_private", "https://0x7f.1/": "not_a_url",
                "https://example.org/" + "x" * 2048: "too_long", "https://169.254.169.254/latest": "url_private", "https://2130706433/": "not_a_url"}
        for url, code in rows.items():
            with self.subTest(url=url):
                answer = client.send("PUT", "/v1/subscriptions/hook", {"url": url})
                self.assert_places(self.assert_problem(answer, 400, "invalid_argument"), ("/url", code))

    def test_a_name_that_stands_for_a_private_address_is_not_called(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for())
        url = f"https://localhost:{receiver.port}/"
        made = engine.client.send("PUT", "/v1/subscriptions/hook", {"url": url, "types": ["workflow.ended"]})
        self.assertEqual(made.status, 201, made)
        self.run_one(engine.client, "w")
        document = self.until(engine.client, lambda one: one["last_failure"], "it was tried")
        self.assertEqual(document["last_failure"]["code"], "address_forbidden")
        self.assertEqual(receiver.all(), [])

    def test_what_there_is_can_be_changed_paused_resumed_and_ended(self):
        receiver, other = self.receiver(), self.receiver()
        engine = self.engine(config=self.config_for(receiver, other))
        client = engine.client
        self.put(client, receiver, types=["workflow.ended"])
        paused = client.post("/v1/subscriptions/hook:pause").json
        self.assertEqual(paused["state"], "paused")
        self.run_one(client, "held")
        engine.kill9()
        engine.start()
        client = engine.client
        changed = client.send("PUT", "/v1/subscriptions/hook", {"url": other.url, "types": ["workflow.submitted"]})
        self.assertEqual((changed.status, changed.json["state"], changed.json["types"]), (200, "paused", ["workflow.submitted"]))
        self.assertEqual(client.post("/v1/subscriptions/hook:resume").json["state"], "active")
        wait_until(lambda: other.taken(), "it goes on, as it is now")
        self.assertEqual((other.types(), receiver.all()), (["workflow.submitted"], []))
        client.post("/v1/subscriptions/hook:pause")
        self.run_one(client, "skipped")
        client.post("/v1/subscriptions/hook:resume", {"from": "end"})
        self.run_one(client, "seen")
        wait_until(lambda: len(other.taken()) == 2, "it goes on at the end")
        self.assertEqual([one.workflow for one in other.taken()], ["held", "seen"])
        self.assertEqual(client.send("DELETE", "/v1/subscriptions/hook").status, 200)
        for request in (("GET", ""), ("DELETE", ""), ("POST", ":pause"), ("POST", ":resume"), ("POST", ":rotate_secret"),
                        ("GET", "/dead_letters"), ("POST", "/dead_letters:redrive")):
            self.assert_problem(client.send(request[0], f"/v1/subscriptions/hook{request[1]}"), 404, "not_found")
        engine.stop()
        engine.start()
        self.assertEqual(engine.client.get("/v1/subscriptions").json, {"subscriptions": []})

    def test_control_calls_are_in_the_audit_log(self):
        receiver = self.receiver(lambda _: 400)
        engine = self.engine(config=self.config_for(receiver, more=FAST + "attempts = 1\n"), dev=False)
        admin = engine.admin()
        made = admin.send("PUT", "/v1/subscriptions/hook", {"url": receiver.url + "?key=hidden", "types": ["workflow.ended"]})
        self.assertEqual(made.status, 201, made)
        engine.client_of(engine.make_token("planner")).submit({"name": "p", "actions": [CHECK]}, id="w")
        self.until(admin, lambda one: one["dead_letters"] == 1, "it is dead")
        admin.post("/v1/subscriptions/hook:pause")
        admin.post("/v1/subscriptions/hook/dead_letters:redrive")
        admin.post("/v1/subscriptions/hook/dead_letters:purge")
        admin.post("/v1/subscriptions/hook:rotate_secret")
        admin.post("/v1/subscriptions/hook:resume")
        admin.send("DELETE", "/v1/subscriptions/hook")
        admin.send("DELETE", "/v1/subscriptions/hook")
        records = [(one["action"], one["target"], one["outcome"], one["status"])
                   for one in admin.get("/v1/audit?limit=1000").json["records"]]
        audit = admin.get("/v1/audit?limit=1000").body.decode()
        self.assertIn(receiver.origin, audit)
        self.assertNotIn("hidden", audit)
        ours = [one for one in records if one[1].startswith("hook")]
        self.assertEqual(ours, [("subscription.put", "hook", "done", 201), ("subscription.pause", "hook", "done", 200),
                                ("dead_letters.redrive", "hook", "done", 200), ("dead_letters.purge", "hook", "done", 200),
                                ("subscription.rotate_secret", "hook", "done", 200),
                                ("subscription.resume", "hook", "done", 200), ("subscription.delete", "hook", "done", 200),
                                ("subscription.delete", "hook", "not_found", 404)])

    def test_the_command_line_does_it_all(self):
        status = [400]
        receiver = self.receiver(lambda _: status[0])
        engine = self.engine(config=self.config_for(receiver, more=FAST + "attempts = 1\n"))

        def cli(*words, code=0):
            got, out, errors = run_cli(*words, server=engine.url)
            self.assertEqual(got, code, errors)
            return out, errors

        out, errors = cli("subscription", "put", "hook", "--url", receiver.url, "--type", "workflow.ended", "--label", "team=sales")
        self.assertRegex(out, r"\Awhsec_\S+\n\Z")
        self.assertNotIn(out.strip(), errors)
        self.run_one(engine.client, "w", labels={"team": "sales"})
        self.until(engine.client, lambda one: one["dead_letters"] == 1, "it is dead")
        self.assertRegex(cli("subscription", "ls")[0], r"hook\s+active\s+workflow.ended")
        self.assertIn("http_400", cli("dead-letters", "ls", "hook")[0])
        id = engine.client.get("/v1/subscriptions/hook/dead_letters").json["dead_letters"][0]["id"]
        self.assertIn('"webhook_id": "evt_', cli("dead-letters", "show", "hook", id)[0])
        status[0] = 204
        self.assertEqual(cli("dead-letters", "redrive", "hook", id)[0], "1 redriven\n")
        wait_until(lambda: receiver.taken(), "it is taken")
        self.assertEqual(cli("dead-letters", "purge", "hook")[0], "0 purged\n")
        self.assertIn("paused", cli("subscription", "pause", "hook")[0])
        self.assertIn("active", cli("subscription", "resume", "hook", "--from", "end")[0])
        self.assertRegex(cli("subscription", "rotate-secret", "hook")[0], r"\Awhsec_\S+\n\Z")
        self.assertIn("cursor", cli("subscription", "show", "hook")[0])
        cli("subscription", "rm", "hook")
        cli("subscription", "show", "hook", code=4)


if __name__ == "__main__":
    unittest.main()
