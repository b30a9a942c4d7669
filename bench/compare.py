"""scripts/bench compare: what changed from one result to another, worst first."""
from figures import BUSY, by_name, more_is_better, read_result, short


def change(group, name, before, after):
    """Percent by which it grew, and by which it became better; None where there is nothing to compare with."""
    if before == after:
        return 0.0, 0.0
    if before == 0:
        return None, None
    grown = (after / before - 1) * 100
    return grown, grown if more_is_better(group, name) else -grown


def describe(path, document):
    others = document.get("others_share")
    load = "load not known" if others is None else f"others used {others:.0%} of the CPU"
    settings = document.get("settings", {})
    length = "quick" if settings.get("quick") else "full"
    machine = document.get("machine", {})
    return (f"{path}: {document.get('commit', '?')}, {document.get('at', '?')}, {settings.get('rounds', '?')} {length} rounds, "
            f"{machine.get('cores', '?')} cores ({machine.get('cpu', '?')}), {load}")


def lines(before, after):
    """The comparison, a line for each figure: ratios first, then the medians."""
    old, new = by_name(before), by_name(after)
    out = []
    for title, chosen in (("ratios", lambda group: group == "ratios"), ("medians", lambda group: group != "ratios")):
        both = [key for key in old if key in new and chosen(key[0])]
        if not both:
            continue
        rows = [(key, *change(*key, old[key], new[key])) for key in both]
        rows.sort(key=lambda row: float("-inf") if row[2] is None else row[2])
        out.append(f"{title}, worst first{'':<12}{'before':>12}{'after':>12}{'change':>12}")
        for (group, name), grown, better in rows:
            percent = "from 0" if grown is None else f"{grown:+.1f} %"
            verdict = "worse" if better is None or better < 0 else "better" if better > 0 else ""
            called = name if group == "ratios" else f"{name}: {group}"
            out.append(f"  {verdict:<8}{short(old[group, name]):>32}{short(new[group, name]):>12}{percent:>12}  {called}")
    for where, one, other in (("before", old, new), ("after", new, old)):
        out += [f"only {where}: {name}" + ("" if group == "ratios" else f": {group}") for group, name in one if (group, name) not in other]
    return out


def compare(paths):
    before, after = (read_result(path) for path in paths)
    if before["bench"] != after["bench"]:
        raise SystemExit(f"{paths[0]} is of {before['bench']}, {paths[1]} of {after['bench']}: only results of one bench compare")
    print(describe(paths[0], before))
    print(describe(paths[1], after))
    if before.get("settings", {}).get("quick") != after.get("settings", {}).get("quick"):
        print("One is quick and the other is not: trust neither difference much.")
    if any(document.get("others_share") is None or document["others_share"] > BUSY for document in (before, after)):
        print("A machine that was busy, or may have been: ratios of the same code have differed by 40 % then.")
    print("\n".join(lines(before, after)))
