"""Power cuts of the real binary: on an ext4 of its own whose power is cut (root), or over a disk that is loaded below it."""
import fcntl
import os
import pathlib
import shutil
import signal
import struct
import subprocess

from harness import Engine
from restarting import Restarting
from small_disk import NotPossible, SmallDisk

# linux/fs/ext4/ext4.h: no further write reaches the device, the journal's neither.
EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


class LoopDisk(SmallDisk):
    """Ext4 on a loop device whose power can be cut: what the file system had not yet written to the device is gone."""

    def __init__(self, folder, mebibytes):
        super().__init__(folder, mebibytes)
        if not self.kind.startswith("ext4"):
            self.close()
            raise NotPossible(f"only an ext4 on a loop device can be cut, and here is {self.kind}")

    def cut(self):
        at = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(at, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(at)

    def power_up(self):
        self.close()
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.at)], check=True, timeout=60)


class CutOnLoop(Restarting):
    """An engine whose store is on a LoopDisk. `endings` counts how it ended: 13 by itself, or killed since it wrote nothing."""

    def __init__(self, engine, disk):
        super().__init__(engine)
        engine.data, self.disk, self.endings = disk.at / "data", disk, []

    def kill_and_restart(self):
        self._set(False)
        self._assert_alive()
        self.disk.cut()
        try:
            self.endings.append(self.engine.process.wait(1))
        except subprocess.TimeoutExpired:
            self.endings.append(None)
        self.engine.kill9()
        self.disk.power_up()
        self.kills += 1
        self.start()


class CutEngine(Engine):
    """Runs over the disk of tests/support/crash_disk_preload.cc. Syncs of files whose name has `lies` do nothing."""

    def __init__(self, *arguments, lies=None, fault=None):
        super().__init__(*arguments)
        self.image = self.folder / "image"
        self.environment = {"LD_PRELOAD": preload(), "CRASH_DISK_DIRECTORY": str(self.data),
                            "CRASH_DISK_IMAGE": str(self.image)}
        if lies:
            self.environment.update(CRASH_DISK_LIES=lies, CRASH_DISK_CUT="0")
        if fault:
            self.environment["CRASH_DISK_FAULT"] = fault

    def cut(self, meanwhile=lambda: None):
        """The power goes at one of its next operations; true when there was one. Then the store is what the disk held."""
        os.kill(self.process.pid, signal.SIGUSR2)
        meanwhile()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill9()
            return False
        self.kill9()
        shutil.rmtree(self.data)
        self.image.rename(self.data)
        return True


def preload():
    """The library, or NotPossible where the build has none (sanitizers replace the same calls)."""
    library = os.environ.get("SETTLE_CRASH_DISK", "")
    if not pathlib.Path(library).is_file():
        raise NotPossible("SETTLE_CRASH_DISK names no library; sanitizer builds have none")
    return library


class CutBelow(Restarting):
    """The same with a CutEngine. `endings` has True for each cut at an operation."""

    def __init__(self, engine):
        super().__init__(engine)
        self.endings = []

    def kill_and_restart(self):
        self._set(False)
        self._assert_alive()
        self.endings.append(self.engine.cut())
        self.kills += 1
        self.start()
