"""The judge's own test: one honest run that passes, and for every verdict a lie that must not."""
import copy
import unittest

import judge as judging
from judge import Case, judge
from truth import Truth, digest_of, disagreements, idempotency_key

ID = "wf-1"
PLAN = {"name": "p", "input": {"email": "a@example.org"}, "actions": [
    {"id": "find", "tool": "crm.find_contact", "input": {"email": {"$from": "/input/email"}}},
    {"id": "create", "tool": "crm.create_contact", "after": ["find"],
     "input": {"email": {"$from": "/input/email"}, "name": "Ada", "tier": "pro"}},
    {"id": "mail", "tool": "mail.send", "input": {"to": {"$from": "/actions/create/output/email"}, "subject": "Hello",
                                                   "body": {"$text": "You are ${/actions/create/record_id}."}}},
    {"id": "update", "tool": "crm.update_contact", "after": ["mail"],
     "input": {"id": {"$from": "/actions/create/output/id"}, "email": "a@example.org", "name": "Ada L.", "tier": "pro"}},
    {"id": "ticket", "tool": "ticket.open", "after": ["update"],
     "input": {"subject": "Call her", "contact_id": {"$from": "/actions/create/output/id"}}}]}
CASE = {"id": ID, "plan": PLAN, "refused": [], "known": {"find": {"contacts": []}}, "contact": None}
RECORDS = {"create": {"id": "c_1", "email": "a@example.org", "name": "Ada", "tier": "pro", "version": 1},
           "mail": {"id": "m_1", "status": "sent", "to": "a@example.org", "subject": "Hello", "body": "You are c_1."},
           "update": {"id": "c_1", "email": "a@example.org", "name": "Ada L.", "tier": "pro", "version": 2},
           "ticket": {"id": "t_1", "status": "open", "subject": "Call her", "contact_id": "c_1", "body": ""}}
PATHS = {"create": ("POST", "/crm/contacts"), "mail": ("POST", "/mail/messages"), "update": ("PUT", "/crm/contacts/c_1"),
         "ticket": ("POST", "/tickets")}


def call(id, **changes):
    """The journal's entry of one write of this action, carried out and answered."""
    method, path = PATHS[id]
    key = None if id == "update" else idempotency_key(ID, id)
    body = {name: RECORDS[id].get(name) for name in ("email", "name", "tier")} if id in ("create", "update") else {"key": key}
    entry = {"kind": "request", "at": f"2026-01-01T00:00:0{list(PATHS).index(id)}.000Z", "method": method, "path": path,
             "key": key, "digest": digest_of(method, path, body), "fault": None, "status": 201, "effect": "eff",
             "record": copy.deepcopy(RECORDS[id]), **changes}
    if entry["effect"] is None:
        entry.pop("effect"), entry.pop("record")
    return entry


class Run:
    """An honest run of the plan; tests spoil it, then ask for the verdict."""

    def __init__(self):
        self.calls = [call(id) for id in PATHS]
        self.flow = {"id": ID, "status": "ended", "outcome": "executed", "attention": False, "actions": []}
        self.receipts, self.before, self.was_killed = [], None, False
        self.case = copy.deepcopy(CASE)
        for action in PLAN["actions"]:
            self.add(action["id"])
        self.events = [{"seq": 1, "type": "workflow.submitted"}, {"seq": 2, "type": "workflow.ended"}]

    def add(self, id):
        state = "executed" if id == "ticket" else "verified"
        said = {"id": id, "state": state, "phase": None, "effect": "none" if id == "find" else "complete", "attempts": 1,
                "confidence": "read_back", "record_id": RECORDS.get(id, {}).get("id"), "error": None,
                "verified_at": "2026-01-01T00:00:09.000Z", "receipt": f"rcp_{ID}.{len(self.receipts) + 1}"}
        self.flow["actions"].append(said)
        self.receipts.append({"receipt": said["receipt"], "workflow": ID, "action": id, "supersedes": None,
                              "idempotency_key": idempotency_key(ID, id), "attempt": 1,
                              "verification": {"checks": [{"at": "/a", "ok": True}]},
                              **{name: said[name] for name in ("state", "effect", "confidence", "record_id")}})

    def say(self, id, **members):
        """The workflow and the receipt of the action say so."""
        said = next(said for said in self.flow["actions"] if said["id"] == id)
        receipt = next(receipt for receipt in self.receipts if receipt["action"] == id)
        said.update(members)
        receipt.update({name: said[name] for name in ("state", "effect", "confidence", "record_id")})

    def end(self, outcome):
        self.flow["outcome"] = outcome

    def park(self, id):
        """The action is in doubt, what comes after it is blocked, and a person is asked for."""
        self.say(id, state="pending", phase="in_doubt", effect="unknown", record_id=None)
        self.flow.update(status="running", outcome=None, attention=True)
        self.events.pop()

    def send(self, id, **changes):
        return next(entry for entry in self.calls if entry["path"] == PATHS[id][1] and entry["method"] == PATHS[id][0]) \
            if not changes else self.calls.append(call(id, **changes))

    def lose(self, id, **changes):
        """The action's call had no effect."""
        entry = self.send(id)
        entry.pop("effect"), entry.pop("record")
        entry.update(changes)

    def entries(self):
        return [{**entry, "seq": number} for number, entry in enumerate(self.calls, 1)]

    def truth(self):
        return Truth([self.case], self.entries())

    def verdict(self):
        return judge(Case(self.case, self.flow, self.receipts, self.events, self.truth().facts[ID], self.was_killed,
                          self.before))


def without_dependents(run, *ids):
    """These actions were never sent, and are cancelled."""
    for id in ids:
        run.calls.remove(run.send(id))
        run.say(id, state="cancelled", effect="none", record_id=None)


def lied_to(run, id="update"):
    run.lose(id, fault="lie")
    run.say(id, state="failed", effect="none", record_id=None)
    without_dependents(run, "ticket")
    run.end("failed")


# What is told without a reason: (verdict, what is wrong, how the run is spoiled).
def lost(run): run.flow = None
def other_actions(run): run.flow["actions"].pop()
def rewritten(run): run.before = ({**run.flow, "outcome": "verified"}, run.receipts)
def unfinished(run): run.flow.update(status="running", outcome=None)
def still_looking(run): (run.park("ticket"), run.receipts.pop(), run.flow["actions"][-1].update(receipt=None))
def ended_in_doubt(run): run.say("ticket", state="pending", phase="in_doubt")
def two_contacts(run): run.send("create", effect="eff_2")
def two_mails(run): run.send("mail", effect="eff_2")
def changed_twice(run): run.send("update", effect="eff_2")
def late_second_effect(run): run.send("mail", kind="late", effect="eff_2", status=None)
def ticket_after_500(run): (run.lose("ticket", status=500, fault="e500_before"), run.send("ticket", effect="eff_2"))
def ticket_after_success(run): run.send("ticket", effect=None)
def other_key_same_body(run): run.send("create", key="b" * 32, effect=None)
def other_key_same_mail(run): run.send("mail", key="c" * 32)
def other_body(run): run.send("create", digest="0" * 64, effect=None, status=422)
def receipt_with_other_key(run): run.receipts[1].update(idempotency_key="d" * 32)
def nothing_there(run): run.lose("update", fault="lie")
def half_there(run): run.send("update")["record"].update(name="")
def other_record(run): run.say("create", record_id="c_7")
def verified_before(run): run.say("create", verified_at="2025-12-31T00:00:00.000Z")
def refused_and_verified(run): run.case["refused"].append("update")
def ticket_verified(run): (run.say("ticket", state="verified"), run.end("verified"))
def ticket_not_there(run): run.lose("ticket", fault="drop_before", status=None)
def refused_and_executed(run): run.case["refused"].append("ticket")
def mail_ends_executed(run): run.say("mail", state="executed")
def never_sent(run): run.calls.remove(run.send("ticket"))
def failed_and_there(run): (lied_to(run), run.calls.append(call("update", fault="partial")))
def failed_for_nothing(run): (run.lose("ticket", status=201), run.say("ticket", state="failed", effect="none"), run.end("failed"))
def failed_read(run): (run.say("find", state="failed"), run.end("failed"))
def cancelled_and_there(run): (lied_to(run), run.send("ticket", effect="eff_2"))
def cancelled_for_nothing(run): (without_dependents(run, "ticket"), run.end("cancelled"))
def skipped(run): run.say("mail", state="skipped")
def sent_too_early(run): run.calls.insert(0, run.calls.pop())
def sent_after_doubt(run): (run.send("update").update(fault="e500_after"), run.park("update"))
def asks_without_doubt(run): run.park("ticket")
def asks_for_mail(run):
    for id in ("update", "ticket"):
        run.calls.remove(run.send(id))
        run.say(id, state="pending", phase="blocked", record_id=None)
    run.lose("mail", status=500, fault="e500_before")
    run.park("mail")
def too_good(run): run.end("verified")
def ended_with_attention(run): run.flow.update(attention=True)
def receipt_of_another_state(run): run.receipts[2].update(state="executed")
def receipt_missing(run): run.receipts.pop()
def receipt_number_skipped(run): run.receipts[4].update(receipt=f"rcp_{ID}.6")
def check_that_fails(run): run.receipts[1]["verification"]["checks"][0].update(ok=False)
def no_checks(run): run.receipts[1]["verification"].update(checks=[])
def wrong_attempts(run): run.receipts[1].update(attempt=2)
def wrong_supersedes(run): run.receipts[1].update(supersedes=f"rcp_{ID}.1")
def event_missing(run): run.events[1].update(seq=3)
def no_last_event(run): run.events.pop()


LIES = (
    ("lost", lost), ("lost", other_actions), ("changed", rewritten), ("no end", unfinished), ("no end", still_looking),
    ("no end", ended_in_doubt), ("duplicate", two_contacts), ("duplicate", two_mails), ("duplicate", changed_twice),
    ("duplicate", late_second_effect), ("unsafe resend", ticket_after_500), ("unsafe resend", ticket_after_success),
    ("key changed", other_key_same_body), ("key changed", other_key_same_mail), ("key changed", other_body),
    ("key changed", receipt_with_other_key), ("false verified", nothing_there), ("false verified", half_there),
    ("false verified", other_record), ("false verified", verified_before), ("false verified", refused_and_verified),
    ("false verified", ticket_verified), ("false executed", ticket_not_there), ("false executed", refused_and_executed),
    ("false executed", mail_ends_executed), ("false executed", never_sent), ("false none", failed_and_there),
    ("false failed", failed_for_nothing), ("false failed", failed_read), ("false cancelled", cancelled_and_there),
    ("false cancelled", cancelled_for_nothing), ("false cancelled", skipped), ("too early", sent_too_early),
    ("too early", sent_after_doubt), ("stuck", asks_without_doubt), ("stuck", asks_for_mail), ("false outcome", too_good),
    ("false outcome", ended_with_attention), ("bad receipt", receipt_of_another_state), ("bad receipt", receipt_missing),
    ("bad receipt", receipt_number_skipped), ("bad receipt", check_that_fails), ("bad receipt", no_checks),
    ("bad receipt", wrong_attempts), ("bad receipt", wrong_supersedes), ("gap", event_missing), ("gap", no_last_event),
)


class JudgeTest(unittest.TestCase):
    def test_an_honest_run_passes(self):
        run = Run()
        self.assertEqual(run.verdict(), ("pass", ""))
        self.assertEqual(run.truth().strays, [])

    def test_what_the_world_is_to_blame_for_passes(self):
        def lie(run): lied_to(run)
        def doubt(run): (run.lose("ticket", fault="drop_before", status=None), run.park("ticket"))
        def doubt_after_a_kill(run): (run.park("ticket"), setattr(run, "was_killed", True))
        def sent_again_after_429(run): run.calls.insert(3, call("ticket", effect=None, status=429, fault="r429"))
        def repeated_with_its_key(run): run.send("create", effect=None, status=201)
        def came_late(run): (run.lose("mail", fault="late", status=None), run.calls.insert(2, call("mail", kind="late", status=None)))
        for spoil in (lie, doubt, doubt_after_a_kill, sent_again_after_429, repeated_with_its_key, came_late):
            with self.subTest(spoil.__name__):
                run = Run()
                spoil(run)
                self.assertEqual(run.verdict(), ("pass", ""))

    def test_every_lie_has_its_verdict(self):
        for verdict, spoil in LIES:
            with self.subTest(spoil.__name__):
                run = Run()
                spoil(run)
                self.assertEqual(run.verdict()[0], verdict, run.verdict()[1])

    def test_every_verdict_has_a_lie(self):
        self.assertEqual({"pass", *(verdict for verdict, _ in LIES)}, set(judging.VERDICTS))

    def test_a_call_that_no_plan_asks_for_is_a_stray(self):
        run = Run()
        run.send("create", key="e" * 32, digest="0" * 64, effect=None)
        self.assertEqual([entry["key"] for entry in run.truth().strays], ["e" * 32])

    def test_a_tampered_summary_is_noticed(self):
        run = Run()
        entries = run.entries()
        rows = [{"key": entry["key"], "method": entry["method"], "path": entry["path"], "sends": 1, "effects": 1, "duplicates": 0}
                for entry in entries]
        honest = {"effects": 4, "duplicates": 0, "keys": rows}
        log = [{name: entry.get(name) for name in ("seq", "key", "method", "path", "status", "effect")} for entry in entries]
        self.assertEqual(disagreements(entries, honest, log), [])

        def tampered(**changes):
            return {**copy.deepcopy(honest), **changes}

        hidden = [{**rows[0], "sends": 2}, *rows[1:]]
        for summary in (tampered(effects=5), tampered(duplicates=1), tampered(keys=rows[1:]), tampered(keys=hidden)):
            self.assertTrue(disagreements(entries, summary, log), summary)
        self.assertTrue(disagreements(entries, honest, [{**log[0], "status": 500}, *log[1:]]))

    def test_a_duplicate_in_the_world_is_seen_though_the_summary_hides_it(self):
        run = Run()
        two_mails(run)
        self.assertEqual(run.verdict()[0], "duplicate")
        rows = [{"key": entry["key"], "method": entry["method"], "path": entry["path"], "sends": 1, "effects": 1, "duplicates": 0}
                for entry in run.entries()[:4]]
        self.assertTrue(disagreements(run.entries(), {"effects": 4, "duplicates": 0, "keys": rows}, []))

    def test_keys_are_those_of_the_contract(self):
        self.assertRegex(idempotency_key("w", "a"), "^[0-9a-v]{32}$")
        self.assertNotEqual(idempotency_key("w", "a"), idempotency_key("wa", ""))


if __name__ == "__main__":
    unittest.main()
