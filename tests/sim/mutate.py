#!/usr/bin/env python3
"""mutate.py [--check] [--list] [--seeds N] [NAME…]: breaks the engine on purpose, one mutation at a time, and demands that
the simulator notices. The last line is "N passed, N failed"; a mutation that no seed caught has failed.

  --check    only looks whether every mutation still applies to the sources
  --seeds N  how many seeds a mutation may survive before it counts as not caught (default 4000)

A mutation is a file of tests/sim/mutations: why, for one that shows rarely how many seeds it takes ("seeds: N"), then one
or more edits, each an exact text that stands in the file once and what takes its place. A seed that catches it is run
without it, too. The tree is copied to build/mutate/tree and built there; the sources themselves are never
touched. SETTLE_BUILD_WITH holds words to put before each build command, such as a lock.
"""
import argparse
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUTATIONS = ROOT / "tests/sim/mutations"
HOME = ROOT / "build/mutate"
# The build lies in the tree as that of the release preset does, so that the compiler cache knows what was not mutated.
SOURCES, BUILD = HOME / "tree", HOME / "tree/build/release"
BINARY = BUILD / "tests/sim/settle_sim"
UNCHANGED = HOME / "settle_sim"  # without a mutation
COPIED = re.compile(r"^(CMakeLists\.txt|cmake/|docs/schemas/|tests/CMakeLists\.txt|tests/sim/|"
                    r"(base|schemas|workflows|time_zones|receipts|storage|connectors|engine|api|sandbox|cli)/)")


def read_mutation(path):
    """(why, seeds that it takes or 0, [(file, was, is)])"""
    text = path.read_text()
    why, seeds = re.match(r"why: (.+)\n(?:seeds: (\d+)\n)?", text).groups(default="0")
    edits = re.findall(r"^file: ([^\n]+)\nwas:\n(.*?)\nis:\n(.*?)\n?(?=^file: |\Z)", text, re.M | re.S)
    return why, int(seeds), edits


def mutated(root, edits):
    """{file: text} with all edits; raises ValueError when one does not apply exactly once."""
    out = {}
    for name, was, becomes in edits:
        text = out.get(name) or (root / name).read_text()
        if text.count(was) != 1:
            raise ValueError(f"stands {text.count(was)} times in {name}: {was.splitlines()[0].strip()}")
        out[name] = text.replace(was, becomes)
    if not out:
        raise ValueError("no edit in it")
    return out


def write(path, text):
    """Only when it differs, so that the build has no more to do than necessary."""
    if path.is_file() and path.read_bytes() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


def copy_tree():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.split("\n")
    wanted = {name for name in listed if COPIED.match(name) and (ROOT / name).is_file()}
    for name in wanted:
        write(SOURCES / name, (ROOT / name).read_bytes())
    for path in SOURCES.rglob("*"):
        name = str(path.relative_to(SOURCES))
        if path.is_file() and not name.startswith("build/") and name not in wanted:
            path.unlink()
    # Of the tests only the simulator is built here.
    write(SOURCES / "tests/CMakeLists.txt", b"add_subdirectory(sim)\n")


def run(command, environment=None, timeout=None):
    return subprocess.run(command, cwd=HOME, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=timeout)


def build():
    prefix = shlex.split(os.environ.get("SETTLE_BUILD_WITH", ""))
    environment = {"CCACHE_BASEDIR": str(SOURCES), "CCACHE_NOHASHDIR": "1"}
    if not (BUILD / "build.ninja").is_file():
        configured = run(prefix + ["cmake", "-S", str(SOURCES), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++-19",
                                   "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1"], environment)
        if configured.returncode:
            return configured
    return run(prefix + ["cmake", "--build", str(BUILD), "--parallel", "2", "--target", "settle_sim"], environment)


def simulate(seeds):
    """(caught, what was seen first)"""
    try:
        ran = run([str(BINARY), "--seeds", str(seeds), "--no-sometimes"], timeout=900)
    except subprocess.TimeoutExpired:
        return True, "it hangs"
    if ran.returncode == 0:
        return False, f"survived {seeds} seeds"
    seed = re.search(r"^seed (\d+) FAILED\n  (.{0,110})", ran.stdout, re.M)
    if seed is None:
        return True, "aborted: " + " ".join(ran.stdout[-200:].split())
    if run([str(UNCHANGED), "--seeds", "1", "--from", seed[1], "--no-sometimes"]).returncode:
        return False, f"seed {seed[1]} is red without it, too"
    return True, f"seed {seed[1]}: {seed[2]}"


def judge(path, seeds):
    """(passed, a line about it)"""
    _, least, edits = read_mutation(path)
    try:
        files = mutated(SOURCES, edits)
    except ValueError as error:
        return False, f"does not apply: {error}"
    originals = {name: (SOURCES / name).read_bytes() for name in files}
    try:
        for name, text in files.items():
            (SOURCES / name).write_text(text)
        built = build()
        if built.returncode:
            return False, "does not build: " + built.stdout[-400:]
        return simulate(max(seeds, least))
    finally:
        for name, text in originals.items():
            (SOURCES / name).write_bytes(text)


def check(paths):
    failed = 0
    for path in paths:
        try:
            mutated(ROOT, read_mutation(path)[2])
        except (ValueError, TypeError, FileNotFoundError) as error:
            print(f"{path.stem}: {error}")
            failed += 1
    print(f"{len(paths) - failed} passed, {failed} failed")
    return failed


def main():
    parser = argparse.ArgumentParser(add_help=True)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seeds", type=int, default=4000)
    given = parser.parse_args()
    paths = [MUTATIONS / f"{name}.txt" for name in given.names] or sorted(MUTATIONS.glob("*.txt"))
    if given.list:
        print("\n".join(f"{path.stem}: {read_mutation(path)[0]}" for path in paths))
        return 0
    if given.check:
        return check(paths)

    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy_tree()
        built = build()
        if built.returncode:
            print(built.stdout[-4000:])
            return 1
        shutil.copy2(BINARY, UNCHANGED)
        caught, seen = simulate(given.seeds)
        if caught or "without it" in seen:
            print(f"the simulator is red without any mutation: {seen}")
            return 1
        passed = 0
        for path in paths:
            begun = time.monotonic()
            good, seen = judge(path, given.seeds)
            passed += good
            print(f"{'caught' if good else 'NOT CAUGHT'}  {path.stem} ({time.monotonic() - begun:.0f} s): {seen}", flush=True)
        print(f"{passed} passed, {len(paths) - passed} failed")
        return len(paths) - passed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
