"""Plans over the tools of examples/tools, made from a seed: chains and branches of look-ups, contacts, mails, updates and
tickets, with references between actions, and some with a call that the service must refuse.
"""
import random


def seeded_contact(seed, number):
    """A contact that is there before the first plan, for plans that find one. Every plan finds one of its own."""
    return {"id": f"seed-{seed}-{number}", "email": f"known.{seed}.{number}@example.org", "name": f"Known {number}",
            "tier": "free"}


def at(pointer):
    return {"$from": pointer}


def text(template):
    return {"$text": template}


class _Maker:
    """Collects the actions of one plan. Everything that is written names plan and action, so that no two calls look alike."""

    def __init__(self, name, rng):
        self.name, self.rng, self.actions = name, rng, []

    def add(self, kind, tool, input, after=()):
        id = f"{kind}-{len(self.actions) + 1}"
        action = {"id": id, "tool": tool, "input": input}
        if after:
            action["after"] = list(after)
        self.actions.append(action)
        return id

    def find(self, after=()):
        return self.add("find", "crm.find_contact", {"email": at("/input/email")}, after)

    def create(self, after=()):
        number = len(self.actions) + 1
        return self.add("create", "crm.create_contact", {
            "email": f"{self.name}.{number}@example.org", "name": text("${/input/name} the " + str(number)),
            "tier": self.rng.choice(["free", "pro"])}, after)

    def mail(self, contact, after=()):
        number = len(self.actions) + 1
        return self.add("mail", "mail.send", {
            "to": at(f"/actions/{contact}/output/email"), "subject": text(f"Mail {number} for ${{/input/name}}"),
            "body": text(f"Your number is ${{/actions/{contact}/output/id}}; {self.name} wrote this.")}, after)

    def update(self, contact, after=()):
        number = len(self.actions) + 1
        return self.add("update", "crm.update_contact", {
            "id": at(f"/actions/{contact}/output/id"), "email": at(f"/actions/{contact}/output/email"),
            "name": f"{self.name} changed at {number}", "tier": self.rng.choice(["free", "pro"])}, after)

    def update_found(self, find):
        number = len(self.actions) + 1
        return self.add("update", "crm.update_contact", {
            "id": at(f"/actions/{find}/output/contacts/0/id"), "email": at(f"/actions/{find}/output/contacts/0/email"),
            "name": f"{self.name} changed at {number}", "tier": "pro"})

    def ticket(self, contact, after=()):
        number = len(self.actions) + 1
        return self.add("ticket", "ticket.open", {
            "subject": text(f"Ticket {number} of {self.name} about ${{/input/name}}"),
            "contact_id": at(f"/actions/{contact}/output/id")}, after)

    def refused(self, after=()):
        """The service takes no such id: 400, nothing written."""
        number = len(self.actions) + 1
        return self.add("refused", "crm.update_contact", {
            "id": f"no name {self.name} {number}!", "email": "nobody@example.org", "name": "Nobody", "tier": "free"}, after)


def _chain(make):
    contact = make.create([make.find()])
    last = contact = make.update(contact, [make.mail(contact)])
    for _ in range(make.rng.randint(0, 2)):
        if make.rng.random() < 0.5:
            last = make.mail(contact, [last])
        else:
            last = contact = make.update(contact, [last])
    if make.rng.random() < 0.5:
        make.ticket(contact, [last])


def _branches(make):
    contact = make.create()
    ends = [make.mail(contact) for _ in range(make.rng.randint(1, 3))]
    if make.rng.random() < 0.5:
        ends.append(make.ticket(contact))
    make.mail(make.update(contact, ends))


def _two_customers(make):
    one, other = make.create(), make.create()
    changed = make.update(one)
    make.mail(changed, [other])
    make.mail(other, [make.update(other)])


def _known_customer(make):
    changed = make.update_found(make.find())
    make.mail(changed)
    if make.rng.random() < 0.4:
        make.ticket(changed)


def _refused_at_the_end(make):
    contact = make.create()
    make.mail(contact, [make.refused([make.mail(contact)])])


def _refused_beside(make):
    contact = make.create()
    make.refused([contact])
    make.update(contact)
    make.mail(contact)


def _tickets(make):
    contact = make.create()
    for _ in range(make.rng.randint(1, 2)):
        make.ticket(contact)
    make.mail(contact)


_SHAPES = ((_chain, 30), (_branches, 25), (_two_customers, 12), (_known_customer, 12), (_refused_at_the_end, 7),
           (_refused_beside, 5), (_tickets, 9))


def make_plan(seed, number):
    """One case: {"id", "plan", "refused": ids of the actions that the service must refuse, "known": outputs of its reads}."""
    rng = random.Random(f"{seed}/{number}")
    name = f"plan-{seed}-{number}"
    shape = rng.choices([shape for shape, _ in _SHAPES], [weight for _, weight in _SHAPES])[0]
    contact = seeded_contact(seed, number)
    make = _Maker(name, rng)
    shape(make)
    plan = {"name": shape.__name__.strip("_").replace("_", "-"),
            "input": {"email": contact["email"], "name": f"Customer {number}"}, "actions": make.actions}
    if rng.random() < 0.3:
        plan["on_failure"] = "continue"
    return {"id": name, "plan": plan, "refused": [action["id"] for action in make.actions if action["id"].startswith("refused")],
            "known": {action["id"]: {"contacts": [contact]} for action in make.actions if action["id"].startswith("find")},
            "contact": contact if "find-1" in [action["id"] for action in make.actions] else None}
