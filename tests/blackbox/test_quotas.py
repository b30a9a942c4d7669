"""What a namespace may use, from the configuration."""
import unittest

import harness
from harness import in_parallel

QUOTAS = "[quotas]\nrequests_per_second = 1000\n[quotas.busy]\nrequests_per_second = 5"


class Quotas(harness.EngineTest):
    def test_a_namespace_that_asks_too_often_is_told_so_and_the_others_are_not(self):
        engine = self.engine(config=QUOTAS)
        busy, calm = engine.client_of(None, "busy"), engine.client_of(None, "calm")
        answers = in_parallel(40, lambda _: busy.get("/v1/workflows"))
        refused = [answer for answer in answers if answer.status != 200]
        self.assertGreaterEqual(len(answers) - len(refused), 5)
        self.assertGreater(len(refused), 0)
        for answer in refused:
            document = self.assert_problem(answer, 429, "quota_exceeded")
            self.assertTrue(document["safe_to_retry"])
            self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertTrue(all(answer.status == 200 for answer in in_parallel(40, lambda _: calm.get("/v1/workflows"))))
        self.assertEqual(busy.get("/healthz").status, 200, "what is open is not counted")
        harness.wait_until(lambda: busy.get("/v1/workflows").status == 200, "the next second has come")

    def test_a_wrong_quota_is_named(self):
        for config, place in (("[quotas]\nrequests_per_second = 0", "quotas.requests_per_second"),
                              ("[quotas]\nrequests_per_secnd = 1", "quotas.requests_per_secnd"),
                              ("[quotas.a]\nopen = 1", "quotas.a.open")):
            with self.subTest(config):
                code, log = self.prepare(config=config).refused()
                self.assertEqual(code, 2)
                self.assertIn(place, log)


if __name__ == "__main__":
    unittest.main()
