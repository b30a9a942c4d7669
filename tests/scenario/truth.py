"""What really happened, from the sandbox's journal: for each action of a case its sends, its effects and what it asked for."""
import base64
import hashlib
import json
import re
from collections import Counter

# The connection or the answer was spoiled, so the engine can't know whether the call was carried out.
UNCLEAR = {"drop_before", "drop_after", "e500_before", "e500_after", "truncate", "malformed", "late"}
# The answer says success and the record is not there, or not whole: no engine can make these succeed.
IMPOSSIBLE = {"lie", "partial"}
# Refused before anything was done, and said so.
NOT_PROCESSED = {"r429", "r503"}

_METHODS = {"crm.create_contact": "POST", "crm.update_contact": "PUT", "mail.send": "POST", "ticket.open": "POST"}
_MODES = {"crm.find_contact": "read", "crm.create_contact": "key", "crm.update_contact": "natural", "mail.send": "lookup",
          "ticket.open": "none"}


class Unresolved(Exception):
    """The input refers to something that never came to be."""


def mode_of(action):
    return _MODES[action["tool"]]


def idempotency_key(workflow, action):
    """CONTRACT §2, computed on our own: of namespace, workflow, action, element index, role and generation."""
    digest = hashlib.sha256("\0".join(["default", workflow, action, "0", "main", "0"]).encode()).digest()
    return base64.b32hexencode(digest).decode().lower()[:32]


def digest_of(method, path, body):
    """The sandbox's name for a request; the body in the order in which RFC 8785 writes members."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{method}\n{path}\n{text}".encode()).hexdigest()


def resolve(template, document):
    """The value of an input template; raises Unresolved."""
    if isinstance(template, dict):
        if set(template) == {"$from"}:
            return _at(template["$from"], document)
        if set(template) == {"$text"}:
            return re.sub(r"\$\{([^}]*)\}", lambda found: str(_at(found[1], document)), template["$text"])
        return {name: resolve(value, document) for name, value in template.items()}
    return template


def _at(pointer, document):
    for part in pointer.split("/")[1:]:
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError):
            raise Unresolved(pointer) from None
    return document


class Facts:
    """One action of one case, as the world saw it."""

    def __init__(self, action):
        self.action, self.mode = action, mode_of(action)
        self.key = None
        self.wanted = None   # the fields of its record; None: what it refers to never came to be
        self.sends, self.effects, self.foreign = [], [], []

    @property
    def record(self):
        return self.effects[-1]["record"] if self.effects else None

    def is_complete(self):
        """Its record was written with every field that was asked for."""
        return self.wanted is not None and any(
            all(entry["record"].get(name) == value for name, value in self.wanted.items()) for entry in self.effects)

    def faults(self):
        return {entry["fault"] for entry in self.sends if entry.get("fault")}

    def resent_in_doubt(self):
        """Sends that follow one that was not definitely refused."""
        seen, count = False, 0
        for entry in self.sends:
            count += seen
            seen = seen or not (entry.get("fault") in NOT_PROCESSED or 400 <= (entry["status"] or 0) < 500)
        return count


class Truth:
    """All cases beside each other; `strays` are writes that no action of any case asks for."""

    def __init__(self, cases, entries):
        self.entries = [entry for entry in entries if entry["kind"] in ("request", "late")]
        self.facts = {}
        self._by_key, self._by_digest = {}, {}
        writes = [entry for entry in self.entries if entry["method"] not in ("GET", "HEAD")]
        for entry in writes:
            self._by_key.setdefault(entry["key"], []).append(entry)
            if entry["key"] is None:
                self._by_digest.setdefault(entry["digest"], []).append(entry)
        taken = set()
        for case in cases:
            self.facts[case["id"]] = self._gather(case, taken)
        self.strays = [entry for entry in writes if entry["seq"] not in taken]
        self._find_owners(cases)

    def _gather(self, case, taken):
        facts = {}
        document = {"input": case["plan"]["input"], "actions": {}}
        for action in case["plan"]["actions"]:
            fact = facts[action["id"]] = Facts(action)
            fact.key = idempotency_key(case["id"], action["id"])
            try:
                fact.wanted = resolve(action["input"], document)
            except Unresolved:
                continue
            if fact.mode == "read":
                document["actions"][action["id"]] = {"output": case["known"][action["id"]]}
                continue
            found = self._by_digest.get(_put_digest(fact.wanted), []) if fact.mode == "natural" else self._by_key.get(fact.key, [])
            fact.sends = [entry for entry in found if entry["kind"] == "request" and entry["method"] == _METHODS[action["tool"]]]
            fact.effects = [entry for entry in found if "effect" in entry]
            taken.update(entry["seq"] for entry in found)
            if fact.record is not None:
                document["actions"][action["id"]] = {"output": fact.record, "record_id": fact.record["id"]}
        return facts

    def _find_owners(self, cases):
        """A stray that looks just like an action's own call was sent under another key."""
        for entry in list(self.strays):
            for case in cases:
                for fact in self.facts[case["id"]].values():
                    if _looks_alike(entry, fact):
                        fact.foreign.append(entry)


def _put_digest(wanted):
    body = {name: wanted[name] for name in ("email", "name", "tier")}
    return digest_of("PUT", "/crm/contacts/" + wanted["id"], body)


def _looks_alike(entry, fact):
    if fact.wanted is None or fact.mode in ("read", "natural"):
        return False
    if fact.mode == "key":
        return entry["digest"] == digest_of("POST", "/crm/contacts", fact.wanted)
    record = entry.get("record") or {}
    return bool(record) and all(record.get(name) == value for name, value in fact.wanted.items())


def disagreements(entries, summary, log):
    """Where the journal, the summary and the log of the sandbox differ: then nothing can be judged by them."""
    calls = [entry for entry in entries if entry["kind"] in ("request", "late")]
    sends, effects = Counter(), Counter()
    for entry in calls:
        if entry["method"] in ("GET", "HEAD"):
            continue
        tally = (entry["method"], entry["path"], entry["key"], entry["digest"] if entry["key"] is None else None)
        sends[tally] += entry["kind"] == "request"
        effects[tally] += "effect" in entry
    counted = Counter((method, path, key, sends[tally], effects[tally], max(0, effects[tally] - 1))
                      for tally in sends for method, path, key, _ in [tally])
    told = Counter((row["method"], row["path"], row["key"], row["sends"], row["effects"], row["duplicates"])
                   for row in summary["keys"])
    found = [f"the summary says {row}, the journal does not" for row in told - counted]
    found += [f"the journal says {row}, the summary does not" for row in counted - told]
    if summary["effects"] != sum(effects.values()) or summary["duplicates"] != sum(max(0, n - 1) for n in effects.values()):
        found.append(f"the summary's totals are {summary['effects']} effects and {summary['duplicates']} duplicates, "
                     f"the journal has {sum(effects.values())} and {sum(max(0, n - 1) for n in effects.values())}")
    written = {entry["seq"]: entry for entry in calls}
    for line in log:
        entry = written.get(line["seq"], {})
        if any(line.get(name) != entry.get(name) for name in ("key", "method", "path", "status", "effect")):
            found.append(f"the log's entry {line['seq']} is not the journal's")
    return found
