#!/usr/bin/env python3
"""House rules that a compiler does not know. Exit 1 with a line per breach.

- No coroutines: g++ 12 miscompiles some co_await statements (docs/decisions/0002-no-coroutines.md).
- The core (workflows/) and base/ read no clock, dice or environment.
- A type's name stands in one header only: two of one name in one namespace are one type to the linker, and a crash.
- No sleeps in tests; no file over 500 lines; nothing left for later; no paths of one machine.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 500

RULES = [
    # (what, files, pattern)
    ("no coroutines", r"\.(cc|h)$", r"\bco_(await|return|yield)\b"),
    ("the core reads no clock", r"^(base|workflows|receipts)/", r"(system_clock|steady_clock|high_resolution_clock)::now|std::time\(|gettimeofday|clock_gettime"),
    ("the core rolls no dice", r"^(base|workflows|receipts)/", r"random_device|mt19937|\brand\(\)|getenv\("),
    ("no sleeps in tests", r"^tests/", r"sleep_for|sleep_until|\busleep\(|\bsleep\("),
    ("nothing left for later", r"\.(cc|h|py|sh)$", r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"),
    ("no path of one machine", r".", r"(^|[^A-Za-z0-9_.])/(wo" + r"rk|home/[a-z]+)/"),
]


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.split()
    found, count, types = [], 0, {}
    for name in listed:
        path = ROOT / name
        if not path.is_file() or path.suffix in {".png", ".gz", ".ico"}:
            continue
        lines = path.read_text(errors="replace").splitlines()
        count += 1
        if path.suffix in {".cc", ".h", ".py"} and len(lines) > LINES_MAX:
            found.append(f"{name}: {len(lines)} lines; a second idea usually hides in a file of over {LINES_MAX}")
        if path.suffix == ".h" and not name.startswith("tests/"):
            for line in lines:
                type_name = re.match(r"(?:struct|class|enum class) (\w+)(?: final)?(?: :.*)?(?: \{)?$", line)
                if type_name and not line.endswith(";"):
                    first = types.setdefault(type_name[1], name)
                    if first != name:
                        found.append(f"{name}: the type {type_name[1]} stands in {first} too")
        for what, files, pattern in RULES:
            if not re.search(files, name):
                continue
            found += [f"{name}:{number}: {what}" for number, line in enumerate(lines, 1) if re.search(pattern, line)]
    print("\n".join(found) if found else f"tidy: {count} files keep the house rules")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
