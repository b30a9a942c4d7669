"""scripts/bench check: the short form for CI. Fails when a ratio has fallen by more than 30 % below the recorded one.

Only ratios are compared, never times: committer and load (K = 10, 64 clients) have them; step has none. The yardstick and
what it measures take turns. What seems to have fallen is measured again, up to three times in all, and its best median
counts. Load on the machine moves a ratio by more than 30 % either way, so a fall counts only where the machine was quiet
during a try: else it is named, and not judged. Recording takes quiet rounds only, for the same reason.
"""
import json
import statistics
import time

import in_process
import servers
import through_engine
from figures import BUSY

FALL_MAX = 0.30
TRIES, ROUNDS, ROUNDS_TO_RECORD = 3, 3, 5
SECONDS_MAX = 55  # of measuring, for both forms; a check takes 60 with its start
RECORD_KEYS = ("commit", "at", "machine", "settings")


def committer_round(folder, _):
    return in_process.commit_ratios(in_process.commits(folder, 0.3))


def load_round(folder, threads):
    with servers.tool_server(folder) as tools, through_engine.ready_engine(folder, tools, threads) as engine:
        bare, settle = through_engine.load_pair(tools, engine, threads, clients=64, actions=10, seconds=1, warm=0.3)
    return {"settle/bare, 64 clients, K = 10": settle["actions_per_s"] / bare["actions_per_s"]}


PARTS = {"committer": committer_round, "load": load_round}


def one_round(part, folder, threads):
    """The ratios of one round, and the share of the CPU that others used."""
    with servers.Others() as others:
        ratios = PARTS[part](folder, threads)
    return ratios, others.share


class Budget:
    """Ends the measuring in time: a round is begun only where the longest so far would still fit."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        self.longest = 0.0

    def has_room(self):
        return time.monotonic() + self.longest < self.end

    def timed(self, work, *arguments):
        begun = time.monotonic()
        out = work(*arguments)
        self.longest = max(self.longest, time.monotonic() - begun)
        return out


def one_try(part, folder, threads, budget):
    """{name: median of the rounds}, and the greatest share that others used in a round; null where no time is left."""
    of, shares = {}, []
    while len(shares) < ROUNDS:
        if not budget.has_room():
            return None
        ratios, share = budget.timed(one_round, part, folder, threads)
        shares.append(share)
        for name, value in ratios.items():
            of.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in of.items()}, max(shares)


class Verdicts:
    """The best median of each ratio against the recorded one, and whether any try of it was quiet."""

    def __init__(self, recorded):
        self.recorded = recorded
        self.best, self.was_quiet = {}, {}
        self.busiest, self.out_of_time = 0.0, False

    def take(self, medians, share):
        self.busiest = max(self.busiest, share)
        for name, value in medians.items():
            self.best[name] = max(value, self.best.get(name, 0.0))
            self.was_quiet[name] = self.was_quiet.get(name, False) or share <= BUSY

    def has_fallen(self, name):
        return self.best.get(name, 0.0) < (1 - FALL_MAX) * self.recorded[name]

    def of(self, name):
        """"ok", "FALLEN", "MISSING", or "not judged" (low, or no time for it, on a machine that was busy throughout)."""
        if name not in self.best:
            return "not judged" if self.out_of_time and self.busiest > BUSY else "MISSING"
        if not self.has_fallen(name):
            return "ok"
        return "FALLEN" if self.was_quiet[name] else "not judged"


def measure(recorded, folder, threads):
    """Everything once; then, while the time lasts, again what seems to have fallen."""
    verdicts, budget = Verdicts(recorded), Budget(SECONDS_MAX)
    parts = list(PARTS)
    for number in range(TRIES):
        again = []
        for part in parts:
            tried = one_try(part, folder, threads, budget)
            if tried is None:
                verdicts.out_of_time = True
                print(f"{part}: no time for try {number + 1}")
                continue
            verdicts.take(*tried)
            if any(name in recorded and verdicts.has_fallen(name) for name in tried[0]):
                again.append(part)
        parts = again
    return verdicts


def check(folder, threads, recorded_file):
    """The exit code: 1 where a ratio has fallen, or one that was recorded is not measured any more."""
    try:
        recorded = json.loads(recorded_file.read_text())["ratios"]
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"{recorded_file} can't be read ({error!r}); make it with scripts/bench check --record") from error
    verdicts = measure(recorded, folder, threads)
    print(f"check: others used up to {verdicts.busiest:.0%} of the CPU during a try")
    for name, value in recorded.items():
        best = verdicts.best.get(name)
        print(f"  {verdicts.of(name):<12}{name}: " + ("not measured" if best is None else f"{best:.3f}") + f", recorded {value:.3f}")
    for name in verdicts.best.keys() - recorded.keys():
        print(f"  not recorded  {name}: {verdicts.best[name]:.3f}")
    bad = [name for name in recorded if verdicts.of(name) in ("FALLEN", "MISSING")]
    if any(verdicts.of(name) == "not judged" for name in recorded):
        print("Not judged: low, or no time for it, and others kept the machine busy in every try. Run it again on a quiet one.")
    if bad:
        print(f"FAILED: more than {FALL_MAX:.0%} below the recorded ratio, or not measured: " + "; ".join(bad))
    return 1 if bad else 0


def record(folder, threads, rounds, circumstances, recorded_file):
    """Writes the medians of the quiet rounds. Exit code 1, and nothing is written, where there were too few of them."""
    wanted, budget = max(ROUNDS_TO_RECORD, rounds), Budget(SECONDS_MAX * max(1, rounds // ROUNDS_TO_RECORD))
    of, counts, shares = {}, dict.fromkeys(PARTS, 0), []
    while budget.has_room() and min(counts.values()) < wanted:
        for part in PARTS:
            if counts[part] >= wanted or not budget.has_room():
                continue
            ratios, share = budget.timed(one_round, part, folder, threads)
            shares.append(share)
            if share > BUSY:
                continue
            counts[part] += 1
            for name, value in ratios.items():
                of.setdefault(name, []).append(value)
    if min(counts.values()) < wanted:
        print(f"NOT RECORDED: of {len(shares)} rounds only {counts} were quiet (others under {BUSY:.0%} of the CPU), "
              f"and {wanted} of each are needed; others used {min(shares):.0%} to {max(shares):.0%}")
        return 1
    ratios = {name: round(statistics.median(values), 4) for name, values in of.items()}
    spread = {name: [round(min(values), 4), round(max(values), 4)] for name, values in of.items()}
    document = {key: circumstances[key] for key in RECORD_KEYS} | {"rounds": counts, "ratios": ratios, "least_and_most": spread}
    recorded_file.write_text(json.dumps(document, indent=1) + "\n")
    for name, value in ratios.items():
        print(f"  {name}: {value:.3f} ({spread[name][0]:.3f} to {spread[name][1]:.3f})")
    return 0
