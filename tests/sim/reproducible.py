#!/usr/bin/env python3
"""reproducible.py BINARY: the same seed gives the same trace, also in another process, and at another place of a batch."""
import subprocess
import sys

SEEDS = 200


def traces(first, count):
    out = subprocess.run([sys.argv[1], "--from", str(first), "--seeds", str(count), "--hashes", "--keep-going", "--no-sometimes"],
                         capture_output=True, text=True, check=False).stdout
    return {line.split()[1]: line.split()[3] for line in out.splitlines() if " trace " in line}


whole, again, rest = traces(1, SEEDS), traces(1, SEEDS), traces(SEEDS // 2, SEEDS // 2 + 1)
differ = [seed for seed in whole if whole[seed] != again.get(seed) or rest.get(seed, whole[seed]) != whole[seed]]
print(f"{len(whole) - len(differ)} passed, {len(differ)} failed", *differ)
sys.exit(bool(differ) or len(whole) != SEEDS)
