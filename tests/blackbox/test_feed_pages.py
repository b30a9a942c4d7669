"""Pages of the feed end by their size, and one request reads on over many commits without holding others up."""
import unittest

import harness
from subscribing import CHECK

DATA = "x" * 60_000


class Pages(harness.EngineTest):
    def test_a_page_ends_at_four_mebibytes_and_the_next_goes_on_there(self):
        client = self.engine().client
        for number in range(10):
            actions = [{"id": f"e{i}", "tool": "flow.emit", "input": {"type": "big", "data": DATA}} for i in range(10)]
            client.submit({"name": "p", "actions": actions}, id=f"w{number}")
            client.end_of(f"w{number}")
        after, sizes, ids = "1.0", [], []
        while True:
            answer = client.get(f"/v1/events?limit=1000&type=emitted.big&after={after}")
            if not answer.json["events"]:
                break
            sizes.append(len(answer.body))
            ids += [event["id"] for event in answer.json["events"]]
            after = answer.json["next_after"]
        self.assertEqual((len(ids), len(set(ids))), (100, 100))
        self.assertEqual(len(sizes), 2)
        self.assertLess(max(sizes), (4 << 20) + 100_000)

    def test_what_does_not_fit_is_walked_over_in_one_request(self):
        client = self.engine().client
        for number in range(1_050):
            client.start(CHECK, id=f"w{number}")
        client.end_of("w1049")
        client.start({"id": "e", "tool": "flow.emit", "input": {"type": "rare", "data": 1}}, id="last")
        client.end_of("last")
        page = client.get("/v1/events?limit=10&type=emitted.rare&after=1.0").json
        self.assertEqual([event["subject"] for event in page["events"]], ["last"])
        self.assertGreater(int(page["next_after"].split(".")[0]), 1_000, "more than one turn looks at")


if __name__ == "__main__":
    unittest.main()
