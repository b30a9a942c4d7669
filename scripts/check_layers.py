#!/usr/bin/env python3
"""Proves that includes point one way: the table of rooms in docs/ARCHITECTURE.md, as code. Exit 1 with a line per breach."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# room: the rooms whose headers it may include (itself is always allowed)
ROOMS = {
    "base": [],
    "schemas": ["base"],
    "workflows": ["base", "schemas"],
    "time_zones": ["base", "workflows"],
    "receipts": ["base"],
    "storage": ["base", "schemas", "workflows", "receipts"],
    "storage/memory": ["base", "schemas", "workflows", "receipts", "storage"],
    "storage/rocks": ["base", "schemas", "workflows", "receipts", "storage"],
    "connectors": ["base", "schemas", "workflows"],
    "connectors/http": ["base", "schemas", "workflows", "connectors"],
    "engine": ["base", "schemas", "workflows", "receipts", "storage", "connectors"],
    "api/http": ["base"],
    "api": ["base", "schemas", "workflows", "engine", "storage", "api/http"],
    "sandbox": ["base", "api/http"],
    "cli": ["base", "schemas", "workflows", "receipts", "storage", "storage/memory", "storage/rocks", "connectors", "connectors/http", "engine", "api",
            "api/http", "time_zones", "sandbox"],
}
# a library: the rooms that may see it
LIBRARIES = {
    r"rocksdb/": ["storage/rocks"],
    r"boost/beast": [],
    r"boost/asio": ["connectors/http", "engine", "api/http", "sandbox", "cli"],
    r"records\.pb\.h": ["storage"],
    r"absl/": ["time_zones"],
    r"toml\+\+": ["cli"],
    r"CLI/": ["cli"],
    r"spdlog/": ["cli"],
    r"re2/": ["schemas", "workflows"],
    r"nlohmann/": [],  # compared with in bench/ only
    r"simdjson": [],
}
# the client half of the binary builds without the engine
CLIENT_FREE_OF = ("engine/", "storage/", "connectors/", "time_zones/")
COMPOSITION_ROOT = {"cli/serve.cc", "cli/serve.h", "cli/inspect.cc", "cli/config.h", "cli/config.cc", "cli/main.cc", "cli/first_token.h", "cli/first_token.cc",
                    "cli/webhook_key.h", "cli/webhook_key.cc", "cli/webhook_ports.h", "cli/webhook_ports.cc"}


def room_of(path):
    """The longest room that the path lies in, or None for tests, benchmarks and system headers."""
    rooms = [r for r in ROOMS if path.startswith(r + "/")]
    return max(rooms, key=len, default=None)


def breaches(path):
    room = room_of(path)
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        found = re.match(r'\s*#include\s+["<]([^">]+)[">]', line)
        if not found:
            continue
        target = found[1]
        target_room = room_of(target)
        if target_room and target_room != room and target_room not in ROOMS[room]:
            yield f"{path}:{number}: {room} may not include {target}"
        for library, allowed in LIBRARIES.items():
            if re.match(library, target) and room not in allowed:
                yield f"{path}:{number}: {room} may not include {target}"
        if room == "cli" and path not in COMPOSITION_ROOT and target.startswith(CLIENT_FREE_OF):
            yield f"{path}:{number}: only the composition root may include {target}"


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.cc", "*.h"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    files = [f for f in listed if room_of(f) and (ROOT / f).exists()]
    found = [b for f in files for b in breaches(f)]
    print("\n".join(found) if found else f"layers: {len(files)} files, all includes point downwards")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
