"""One store, one engine: a second one is refused and changes nothing."""

from support import CrashTest, documents, say, settle_all, some_cases, submit_cases
from harness import Engine, run_cli


class SecondEngineTest(CrashTest):
    def test_a_second_engine_on_the_same_store_is_refused_while_the_first_goes_on(self):
        first = self.engine().start()
        cases, more = some_cases(5, 0, 5), some_cases(5, 5, 2)
        self.add_contacts(cases + more)
        submit_cases(first.client, cases)
        settle_all(first.client, cases)
        before = documents(first.client)
        second = Engine(first.folder / "second", values={"sandbox": self.sandbox.url})
        second.data = first.data
        code, message = second.refused()
        self.assertEqual(code, 9, message)
        self.assertIn("in use by another engine", message)
        self.assertIn(str(first.data), message)
        self.assertEqual(documents(first.client), before)
        submit_cases(first.client, more)
        settle_all(first.client, more)
        code, out, err = run_cli("inspect", "--data", str(first.data), "--json")
        self.assertEqual(code, 0, err)
        self.assertIn(more[0]["id"], out)
        say(f"refused with 9: {message.strip()}")

    def test_the_lock_goes_with_the_process_even_after_kill_9(self):
        first = self.engine().start()
        first.kill9()
        first.start()
        self.assertEqual(first.stop(), 0)
