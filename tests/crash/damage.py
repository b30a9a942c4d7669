"""Ways to damage a store that is not running. Each takes its folder and a random generator and says what it did."""
import pathlib
import shutil


def files(data, pattern):
    """By name: RocksDB numbers its files, so the newest is the last."""
    return sorted(path for path in pathlib.Path(data).glob(pattern) if path.stat().st_size > 0)


def _pick(data, pattern, rng):
    found = files(data, pattern)
    assert found, f"the store has no {pattern}"
    return rng.choice(found)


def _overwrite(path, offset, content):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)
    return f"{path.name}: {len(content)} bytes at {offset} of {path.stat().st_size}"


def _flip(path, rng, count=1):
    content = bytearray(path.read_bytes())
    places = sorted(rng.randrange(len(content)) for _ in range(count))
    for place in places:
        content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"{path.name}: a bit at {', '.join(map(str, places))} of {len(content)}"


def _cut(path, length):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(length)
    return f"{path.name}: cut from {size} to {length}"


def delete_live_log(data, rng):
    path = files(data, "*.log")[-1]
    path.unlink()
    return f"{path.name} deleted"


def flip_bit_in_live_log(data, rng):
    return _flip(files(data, "*.log")[-1], rng)


def flip_bits_in_live_log(data, rng):
    return _flip(files(data, "*.log")[-1], rng, 5)


def cut_live_log(data, rng):
    path = files(data, "*.log")[-1]
    return _cut(path, rng.randrange(path.stat().st_size))


def cut_end_of_live_log(data, rng):
    path = files(data, "*.log")[-1]
    return _cut(path, path.stat().st_size - rng.randint(1, 40))


def zero_sector_of_live_log(data, rng):
    path = files(data, "*.log")[-1]
    return _overwrite(path, rng.randrange(max(1, path.stat().st_size - 512)), bytes(512))


def append_to_live_log(data, rng):
    path = files(data, "*.log")[-1]
    with open(path, "ab") as file:
        file.write(rng.randbytes(600))
    return f"{path.name}: 600 bytes appended"


def flip_bit_in_table(data, rng):
    return _flip(_pick(data, "*.sst", rng), rng)


def zero_page_of_table(data, rng):
    path = _pick(data, "*.sst", rng)
    return _overwrite(path, rng.randrange(max(1, path.stat().st_size - 4096)), bytes(min(4096, path.stat().st_size)))


def cut_table(data, rng):
    path = _pick(data, "*.sst", rng)
    return _cut(path, rng.randrange(path.stat().st_size))


def delete_table(data, rng):
    path = _pick(data, "*.sst", rng)
    path.unlink()
    return f"{path.name} deleted"


def delete_floor(data, rng):
    (data / "FLOOR").unlink()
    return "FLOOR deleted"


def zero_floor(data, rng):
    return _overwrite(data / "FLOOR", 0, bytes(8192))


def zero_slot_of_floor(data, rng):
    return _overwrite(data / "FLOOR", rng.choice([0, 4096]), bytes(512))


def flip_bit_in_floor(data, rng):
    return _flip(data / "FLOOR", rng)


def cut_floor(data, rng):
    return _cut(data / "FLOOR", rng.randrange(8192))


def delete_current(data, rng):
    (data / "CURRENT").unlink()
    return "CURRENT deleted"


def garble_current(data, rng):
    return _overwrite(data / "CURRENT", 0, rng.randbytes(8))


def flip_bit_in_manifest(data, rng):
    return _flip(files(data, "MANIFEST-*")[-1], rng)


def cut_manifest(data, rng):
    path = files(data, "MANIFEST-*")[-1]
    return _cut(path, rng.randrange(path.stat().st_size))


def zero_end_of_manifest(data, rng):
    path = files(data, "MANIFEST-*")[-1]
    size = path.stat().st_size
    offset = rng.randrange(size)
    return _overwrite(path, offset, bytes(size - offset))


def delete_manifest(data, rng):
    path = files(data, "MANIFEST-*")[-1]
    path.unlink()
    return f"{path.name} deleted"


def delete_everything_but_floor(data, rng):
    for path in data.iterdir():
        if path.name != "FLOOR":
            path.unlink()
    return "all but FLOOR deleted"


ALL = (delete_live_log, flip_bit_in_live_log, flip_bits_in_live_log, cut_live_log, cut_end_of_live_log, zero_sector_of_live_log,
       append_to_live_log, flip_bit_in_table, zero_page_of_table, cut_table, delete_table, delete_floor, zero_floor,
       zero_slot_of_floor, flip_bit_in_floor, cut_floor, delete_current, garble_current, flip_bit_in_manifest, cut_manifest,
       zero_end_of_manifest, delete_manifest, delete_everything_but_floor)


def put_back_all_but(data, old, *kept):
    """The files of the old copy in the place of today's, except those that are `kept`."""
    for path in data.iterdir():
        if path.name not in kept:
            path.unlink()
    for path in old.iterdir():
        if path.name not in kept:
            shutil.copy2(path, data / path.name)


def copy_store(source, target):
    """A copy without the reserve file, which has no content."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("BALLAST"))
    return target
