"""Compares what the engine says of a workflow with what happened in the world. README.md lists the verdicts."""
from truth import IMPOSSIBLE, UNCLEAR

FINAL = {"executed", "verified", "failed", "skipped", "cancelled"}
VERDICTS = ("pass", "lost", "changed", "no end", "duplicate", "unsafe resend", "key changed", "false verified",
            "false executed", "false none", "false failed", "false cancelled", "too early", "stuck", "false outcome",
            "bad receipt", "gap")


class Case:
    """All that is known of one workflow: `flow`, `receipts` and `events` are the engine's, `facts` the world's."""

    def __init__(self, case, flow, receipts, events, facts, was_killed=False, before=None):
        self.plan, self.refused = case["plan"], set(case["refused"])
        self.flow, self.receipts, self.events, self.facts = flow, receipts, events, facts
        self.was_killed = was_killed
        self.before = before   # flow and receipts as they were when it had just ended, before the last kill
        self.said = {action["id"]: action for action in flow["actions"]} if flow else {}

    def latest(self, id):
        return next((receipt for receipt in reversed(self.receipts) if receipt["action"] == id), None)


def judge(case):
    """(verdict, why); the verdict is "pass" when nothing is wrong."""
    if case.flow is None:
        return "lost", "it was acknowledged, and the engine does not know it"
    if case.before is not None and case.before != (case.flow, case.receipts):
        return "changed", "it had ended, and reads otherwise after a restart"
    if set(case.said) != set(case.facts):
        return "lost", "its actions are not those of the plan"
    for check in (_effects, _states, _order, _end, _receipts, _events):
        found = check(case)
        if found:
            return found
    return "pass", ""


def _effects(case):
    """No effect twice, one key, and nothing sent again that must not be."""
    for id, fact in case.facts.items():
        if fact.foreign:
            return "key changed", f"{id} was also sent under {fact.foreign[0]['key']}"
        if len({entry["digest"] for entry in fact.sends}) > 1:
            return "key changed", f"{id} sent different bodies under one key"
        if fact.mode == "none" and fact.resent_in_doubt():
            return "unsafe resend", f"{id} was sent {len(fact.sends)} times, after an answer that was no refusal"
        if len(fact.effects) > 1:
            return "duplicate", f"{id} happened {len(fact.effects)} times"
    return None


def _states(case):
    """What is said of each action is so."""
    for id, fact in case.facts.items():
        said = case.said[id]
        state = said["state"]
        if fact.mode == "read":
            if state == "failed":
                return "false failed", f"{id} only reads, and no fault lasted"
            continue
        found = {"verified": _verified, "executed": _executed, "failed": _failed, "cancelled": _cancelled}.get(state)
        verdict = found and found(case, id, fact, said)
        if verdict:
            return verdict
        if state == "skipped":
            return "false cancelled", f"{id} was skipped, and has no condition"
    return None


def _verified(case, id, fact, said):
    if id in case.refused:
        return "false verified", f"{id} was refused by the service"
    if not fact.is_complete():
        return "false verified", f"its record is {fact.record}, {fact.wanted} was asked for"
    if said["record_id"] not in [entry["record"]["id"] for entry in fact.effects]:
        return "false verified", f"{id} names record {said['record_id']}, written was {fact.record['id']}"
    if said["verified_at"] < min(entry["at"] for entry in fact.effects):
        return "false verified", f"{id} was verified before it happened"
    if fact.mode == "none":
        return "false verified", f"nothing can verify {id}"
    return None


def _executed(case, id, fact, said):
    if id in case.refused or not fact.sends:
        return "false executed", f"{id} was refused, or never sent"
    is_promised = said["phase"] is None and fact.mode != "none"
    if is_promised:
        return "false executed", f"{id} ended executed, though its tool can be read back"
    if not fact.effects and "lie" not in fact.faults():
        return "false executed", f"{id} is said to be done and was not"
    return None


def _failed(case, id, fact, said):
    if said["effect"] == "none" and fact.effects:
        return "false none", f"{id} is said to have changed nothing, its record is {fact.record}"
    if id not in case.refused and not IMPOSSIBLE & fact.faults():
        return "false failed", f"{id} failed with {said['error']}, nothing in the world made it"
    return None


def _cancelled(case, id, fact, said):
    if fact.effects:
        return "false cancelled", f"{id} is said never to have happened, its record is {fact.record}"
    if not any(other["state"] == "failed" for other in case.said.values()):
        return "false cancelled", f"{id} was cancelled, and nothing failed"
    return None


def _needs(case, action):
    """Ids of the actions that this one waits for, by `after` and by reference."""
    return {id for id in case.facts if id in action.get("after", []) or f"/actions/{id}/" in str(action["input"])}


def _order(case):
    """Nothing was sent before the record was there that it needs, nor while that was in doubt or had failed."""
    for id, fact in case.facts.items():
        for need in _needs(case, fact.action) if fact.sends else ():
            other, state = case.facts[need], case.said[need]["state"]
            if state not in ("verified", "executed") or case.said[need]["phase"] is not None:
                return "too early", f"{id} was sent, {need} is {state}"
            if other.effects and fact.sends[0]["seq"] < other.effects[0]["seq"]:
                return "too early", f"{id} was sent before {need} had happened"
    return None


def _is_parked(said):
    return (said["state"], said["phase"]) in (("pending", "in_doubt"), ("executed", "unverified"))


def is_settled(flow):
    """Whether it has ended, or nothing more can happen without a person: what is open is parked or waits for that."""
    if flow["status"] == "ended":
        return True
    open_actions = [said for said in flow["actions"] if said["state"] not in FINAL or said["phase"] == "unverified"]
    waits = [said["phase"] == "blocked" or _is_parked(said) and said["receipt"] is not None for said in open_actions]
    return flow["attention"] and all(waits) and any(_is_parked(said) for said in open_actions)


def _may_ask(case, id, fact):
    """A person is needed only where the tool allows no answer and there was reason for doubt. A timeout is the one
    unclear end that the world can't see."""
    doubt = case.was_killed or UNCLEAR & fact.faults() or (case.said[id]["error"] or {}).get("code") == "timeout"
    return fact.mode == "none" and bool(doubt)


def _end(case):
    """It has ended with the outcome of its weakest action, or asks for a person with reason."""
    flow, states = case.flow, [said["state"] for said in case.said.values()]
    if flow["status"] == "ended":
        if any(state not in FINAL for state in states) or any(_is_parked(said) for said in case.said.values()):
            return "no end", f"it has ended with actions that are {sorted(set(states))}"
        weakest = next(state for state in ("failed", "cancelled", "executed", "verified") if state in states)
        if flow["outcome"] != weakest or flow["attention"]:
            return "false outcome", f"{flow['outcome']} with actions that are {sorted(set(states))}"
        return None
    parked = [id for id, said in case.said.items() if _is_parked(said)]
    if flow["outcome"] is not None or not flow["attention"] or not is_settled(flow):
        phases = {id: said["phase"] or said["state"] for id, said in case.said.items()}
        return "no end", f"{flow['status']}, attention {flow['attention']}, {phases}"
    needless = [id for id in parked if not _may_ask(case, id, case.facts[id])]
    if needless:
        return "stuck", f"asks for a person for {needless[0]}: {case.said[needless[0]]['error']}"
    return None


def _receipts(case):
    """Gapless, of this workflow, superseding in order; the latest says what the workflow says, with evidence."""
    latest = {}
    for number, receipt in enumerate(case.receipts, 1):
        id = receipt["action"]
        if receipt["receipt"] != f"rcp_{case.flow['id']}.{number}" or receipt["workflow"] != case.flow["id"]:
            return "bad receipt", f"receipt {number} is called {receipt['receipt']}"
        if receipt["supersedes"] != latest.get(id):
            return "bad receipt", f"{receipt['receipt']} supersedes {receipt['supersedes']}, not {latest.get(id)}"
        if receipt["idempotency_key"] != case.facts[id].key:
            return "key changed", f"{receipt['receipt']} names the key {receipt['idempotency_key']}"
        latest[id] = receipt["receipt"]
    for id, said in case.said.items():
        receipt = case.latest(id)
        if said["receipt"] != latest.get(id) or (receipt is None and said["state"] in FINAL):
            return "bad receipt", f"{id} names {said['receipt']}, issued was {latest.get(id)}"
        if receipt is None:
            continue
        for name in ("state", "effect", "confidence", "record_id"):
            if receipt[name] != said[name]:
                return "bad receipt", f"{id}: {name} is {said[name]}, the receipt says {receipt[name]}"
        if receipt["attempt"] != said["attempts"]:
            return "bad receipt", f"{id} had {said['attempts']} attempts, the receipt says {receipt['attempt']}"
        checks = receipt["verification"]["checks"]
        if said["state"] == "verified" and case.facts[id].mode != "read" and not (checks and all(c["ok"] for c in checks)):
            return "bad receipt", f"{id} is verified, its checks are {checks}"
    return None


def _events(case):
    """Numbered from 1 without gaps, and the last event is the end."""
    if [event["seq"] for event in case.events] != list(range(1, len(case.events) + 1)):
        return "gap", f"the numbers of its events are {[event['seq'] for event in case.events]}"
    has_ended = bool(case.events) and case.events[-1]["type"] == "workflow.ended"
    if has_ended != (case.flow["status"] == "ended"):
        return "gap", f"it is {case.flow['status']}, its last event is {case.events[-1:]}"
    return None
