"""What happens when a receiver does not take what it is sent, over kill -9 too, and what becomes of what nobody took."""
import random
import threading
import time
import unittest

from harness import in_parallel, wait_until
from subscribing import CHECK, FAST, WithReceiver
from tool_documents import READ, changed

IN_ORDER = FAST + "calls = 1\n"  # else only the deliveries of one workflow are in order


class NotTaken(WithReceiver):
    def test_it_is_tried_again_under_the_same_id_and_others_do_not_wait(self):
        gate, refused = threading.Event(), []

        def answer(delivery):
            if delivery.workflow == "slow" and not gate.is_set():
                refused.append(delivery)
                return 500
            return 204

        receiver = self.receiver(answer)
        engine = self.engine(config=self.config_for(receiver, more=FAST + "attempts = 1000\n"))
        self.put(engine.client, receiver)
        self.run_one(engine.client, "slow")
        wait_until(lambda: len(refused) > 2, "it is tried again")
        self.run_one(engine.client, "other")
        count = len(engine.client.events("other"))
        wait_until(lambda: sum(one.workflow == "other" for one in receiver.taken()) == count, "the other is delivered")
        self.assertEqual(len({delivery.id for delivery in refused}), 1, "only the first of its workflow was tried")
        self.assertEqual(len({delivery.body for delivery in refused}), 1)
        document = self.subscription(engine.client)
        self.assertEqual(document["last_failure"]["code"], "http_500")
        gate.set()
        wait_until(lambda: sum(one.workflow == "slow" for one in receiver.taken()) == len(engine.client.events("slow")),
                   "it is delivered after all")
        self.assertEqual([one.sequence for one in receiver.taken() if one.workflow == "slow"],
                         list(range(1, len(engine.client.events("slow")) + 1)))

    def test_a_receiver_in_trouble_holds_back_no_tool_of_the_same_host(self):
        receiver = self.receiver(lambda _: 500)
        read = changed(READ, execute={"connector": "http", "method": "GET", "url": {"$text": "${receiver}/things"}},
                       output_schema={"type": "object"}, record_id=None)
        config = f'[circuit]\nfailures = 2\nopen = "60s"\n[webhooks]\nallow_private = ["{receiver.origin}"]\n{FAST}'
        engine = self.engine(read, values={"receiver": receiver.origin}, config=config)
        self.put(engine.client, receiver)
        self.run_one(engine.client, "before")
        wait_until(lambda: "is open until" in engine.log(), "its circuit opens")
        for index in range(8):  # on both loops
            engine.client.start({"id": "read", "tool": "things.get", "input": {"id": "x"}}, id=f"w{index}")
            self.assertEqual(engine.client.end_of(f"w{index}")["outcome"], "verified")

    def test_retry_after_is_honoured(self):
        times = []

        def answer(delivery):
            times.append(time.monotonic())
            return (503, {"Retry-After": "1"}) if len(times) == 1 else 204

        receiver = self.receiver(answer)
        engine = self.engine(config=self.config_for(receiver))
        self.put(engine.client, receiver, types=["workflow.ended"])
        self.run_one(engine.client, "w")
        wait_until(lambda: receiver.taken(), "it is taken")
        self.assertGreaterEqual(times[1] - times[0], 0.9)

    def test_410_disables_it_until_somebody_resumes_it(self):
        status = [410]
        receiver = self.receiver(lambda _: status[0])
        engine = self.engine(config=self.config_for(receiver, more=IN_ORDER))
        self.put(engine.client, receiver, types=["workflow.ended"])
        self.run_one(engine.client, "w")
        document = self.until(engine.client, lambda one: one["state"] == "disabled", "it is disabled")
        self.assertEqual(document["reason"], "gone")
        self.assertIn("is disabled (gone)", engine.log())
        engine.kill9()
        engine.start()
        self.run_one(engine.client, "later")
        self.assertEqual(self.subscription(engine.client)["state"], "disabled")
        self.assertEqual(len(receiver.all()), 1, "nothing is sent any more")
        status[0] = 204
        self.assertEqual(engine.client.post("/v1/subscriptions/hook:resume").json["state"], "active")
        wait_until(lambda: len(receiver.taken()) == 2, "what it missed is delivered")
        self.assertEqual([one.workflow for one in receiver.taken()], ["w", "later"])

    def test_what_nobody_takes_is_a_dead_letter_that_can_be_looked_at_redriven_and_purged(self):
        status = [400]
        receiver = self.receiver(lambda _: status[0])
        engine = self.engine(config=self.config_for(receiver, more=FAST + "attempts = 2\n"))
        self.put(engine.client, receiver, types=["workflow.ended"])
        for id in ("w0", "w1", "w2"):
            self.run_one(engine.client, id)
        self.until(engine.client, lambda one: one["dead_letters"] == 3, "all are dead letters")
        engine.kill9()
        engine.start()
        client = engine.client
        self.assertEqual(self.subscription(client)["dead_letters"], 3)
        letters = client.get("/v1/subscriptions/hook/dead_letters").json
        self.assertEqual(([letter["workflow"] for letter in letters["dead_letters"]], letters["next_after"]),
                         (["w0", "w1", "w2"], None))
        page = client.get("/v1/subscriptions/hook/dead_letters?limit=2").json
        self.assertEqual(len(page["dead_letters"]), 2)
        rest = client.get(f"/v1/subscriptions/hook/dead_letters?limit=2&after={page['next_after']}").json
        self.assertEqual(page["dead_letters"] + rest["dead_letters"], letters["dead_letters"])
        first = client.get(f"/v1/subscriptions/hook/dead_letters/{letters['dead_letters'][0]['id']}").json
        self.assertEqual((first["attempts"], first["error"]["code"]), (2, "http_400"))
        sent = next(one for one in receiver.all() if one.workflow == "w0")
        self.assertEqual((first["event"], first["webhook_id"]), (sent.event, sent.id))
        status[0] = 204
        id = letters["dead_letters"][1]["id"]
        self.assertEqual(client.post(f"/v1/subscriptions/hook/dead_letters/{id}:redrive").json, {"redriven": 1})
        wait_until(lambda: receiver.taken(), "it is delivered")
        self.assertEqual([one.workflow for one in receiver.taken()], ["w1"])
        self.until(client, lambda one: one["dead_letters"] == 2, "it is no dead letter any more")
        self.assertEqual(client.post(f"/v1/subscriptions/hook/dead_letters/{letters['dead_letters'][0]['id']}:purge").json,
                         {"purged": 1})
        self.assertEqual(client.post("/v1/subscriptions/hook/dead_letters:redrive").json, {"redriven": 1})
        wait_until(lambda: len(receiver.taken()) == 2, "the other, too")
        self.until(client, lambda one: one["dead_letters"] == 0, "none is left")
        self.assertEqual(client.get("/v1/subscriptions/hook/dead_letters").json["dead_letters"], [])
        self.assert_problem(client.post("/v1/subscriptions/hook/dead_letters/1.0:purge"), 404, "not_found")
        self.assert_problem(client.get("/v1/subscriptions/hook/dead_letters/x"), 400, "invalid_argument")

    def test_a_redriven_one_that_is_not_taken_again_stays_and_the_oldest_go_when_there_are_too_many(self):
        receiver = self.receiver(lambda _: 400)
        engine = self.engine(config=self.config_for(receiver, more=FAST + "attempts = 1\ndead_letters = 2\n"))
        self.put(engine.client, receiver, types=["workflow.ended"])
        for id in ("w0", "w1", "w2"):
            self.run_one(engine.client, id)
            self.until(engine.client, lambda one: one["behind"] == 0 and one["dead_letters"] + one["dead_letters_dropped"] == int(id[1]) + 1, "it is dead")
        document = self.subscription(engine.client)
        self.assertEqual((document["dead_letters"], document["dead_letters_dropped"]), (2, 1))

        def letters():
            return engine.client.get("/v1/subscriptions/hook/dead_letters").json["dead_letters"]

        self.assertEqual([one["workflow"] for one in letters()], ["w1", "w2"])
        self.assertEqual(engine.client.post("/v1/subscriptions/hook/dead_letters:redrive").json, {"redriven": 2})
        wait_until(lambda: all(one["attempts"] == 2 and not one["redriving"] for one in letters()), "both are dead again")

    def test_a_dead_subscriber_holds_nobody_up(self):
        dead, alive = self.receiver(), self.receiver()
        dead.close()
        engine = self.engine(config=self.config_for(dead, alive))
        for number in range(5):
            self.put(engine.client, dead, f"dead-{number}")
        self.put(engine.client, alive, "alive", types=["workflow.ended"])
        ids = [f"w{number}" for number in range(60)]
        for id in ids:
            engine.client.start(CHECK, id=id)
        for id in ids:
            engine.client.end_of(id)
        wait_until(lambda: len(alive.taken()) == len(ids), "the others are told")
        self.assertEqual(self.subscription(engine.client, "dead-0")["delivered"], 0)
        self.assertEqual(engine.stop(), 0, "an orderly end does not wait for it")

    def test_what_the_feed_lets_go_of_is_missed_and_said_and_the_rest_is_delivered(self):
        receiver = self.receiver()
        engine = self.engine(config=self.config_for(receiver, more=IN_ORDER, before="[events]\nkeep_records = 5\n"))
        self.put(engine.client, receiver, types=["workflow.ended"])
        engine.client.post("/v1/subscriptions/hook:pause")
        for number in range(12):
            self.run_one(engine.client, f"w{number}")
        engine.stop()
        engine.start()  # the first look of retention comes with the start
        place = self.subscription(engine.client)["cursor"]
        wait_until(lambda: engine.client.get(f"/v1/events?after={place}").status == 410, "its place is not kept any more")
        engine.client.post("/v1/subscriptions/hook:resume")
        document = self.until(engine.client, lambda one: one["behind"] == 0, "it has caught up")
        self.assertEqual(document["missed"]["from"], place)
        self.assertEqual(document["state"], "active")
        self.assertIn("has missed events", engine.log())
        took = [one.workflow for one in receiver.taken()]
        self.assertEqual(took[-1], "w11")
        self.assertNotIn("w0", took)


class AfterAKill(WithReceiver):
    def test_nothing_is_lost_order_is_kept_and_what_comes_twice_has_the_same_id(self):
        dice = random.Random(7)
        receiver = self.receiver(lambda _: 503 if dice.random() < 0.15 else 204)
        engine = self.engine(config=self.config_for(receiver))
        secret = self.put(engine.client, receiver, "hook", **{"from": "beginning"})["secret"]
        accepted = []

        def submit(round, number):
            def one(worker):
                id = f"w-{round}-{number}-{worker}"
                if engine.accepts({"name": "p", "actions": [CHECK]}, id):
                    accepted.append(id)
            return one

        for round in range(4):
            stop = threading.Event()

            def storm():
                number = 0
                while not stop.is_set():
                    in_parallel(4, submit(round, number))
                    number += 1

            work = threading.Thread(target=storm)
            work.start()
            before = len(receiver.taken())
            wait_until(lambda: len(receiver.taken()) > before + 150, "deliveries are under way")
            engine.kill9()
            stop.set()
            work.join()
            engine.start()
        for id in accepted:
            engine.client.end_of(id)
        self.until(engine.client, lambda one: one["behind"] == 0, "it has caught up")
        engine.stop()
        ids = {}
        for delivery in receiver.all():
            self.assertTrue(delivery.is_signed_by(secret))
            ids.setdefault(delivery.id, set()).add(delivery.key)
        self.assertTrue(all(len(keys) == 1 for keys in ids.values()), "an id is of one event")
        self.assertEqual(len(ids), len({delivery.key for delivery in receiver.all()}), "and an event has one id")
        engine.start()
        feed = []
        after = ""
        while True:
            page = engine.client.get(f"/v1/events?limit=1000{after}").json
            feed += page["events"]
            if not page["events"]:
                break
            after = f"&after={page['next_after']}"
        taken = {delivery.key: delivery.event for delivery in receiver.taken()}
        self.assertEqual(taken, {(event["source"], event["id"]): event for event in feed})
        first = {}
        for delivery in receiver.taken():  # the first time that each was taken is in the order of its workflow
            seen = first.setdefault(delivery.workflow, [])
            if delivery.sequence not in seen:
                seen.append(delivery.sequence)
        for workflow, numbers in first.items():
            self.assertEqual(numbers, sorted(numbers), workflow)
        twice = len(receiver.taken()) - len(taken)
        print(f"{len(taken)} events, {len(receiver.all())} deliveries, {twice} taken twice, 4 kills")


if __name__ == "__main__":
    unittest.main()
