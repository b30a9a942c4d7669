"""A small file system of its own, to be filled: ext4 on a loop device, else a tmpfs with a limit, else none."""
import os
import pathlib
import shutil
import subprocess


class NotPossible(Exception):
    """This machine lets nobody mount; the message says why."""


class SmallDisk:
    """Mounted at `at` until close(). Its reserve for root is 0, so full is full."""

    def __init__(self, folder, mebibytes):
        self.at = pathlib.Path(folder) / "disk"
        self.image = pathlib.Path(folder) / "disk.img"
        self.filler = self.at / "filler"
        self.at.mkdir()
        self.kind = self._mount(mebibytes)

    def _mount(self, mebibytes):
        if os.geteuid() != 0:
            raise NotPossible("only root may mount")
        if shutil.which("mkfs.ext4") and os.path.exists("/dev/loop-control"):
            with open(self.image, "wb") as image:
                image.truncate(mebibytes << 20)
            made = self._try("mkfs.ext4", "-q", "-m", "0", str(self.image))
            if made and self._try("mount", "-o", "loop", str(self.image), str(self.at)):
                return "ext4 on a loop device"
        if self._try("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(self.at)):
            return "tmpfs"
        raise NotPossible(f"neither a loop device nor a tmpfs can be mounted: {self.said}")

    def _try(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.said = done.stderr.strip()
        return done.returncode == 0

    def free(self):
        seen = os.statvfs(self.at)
        return seen.f_bavail * seen.f_frsize

    def fill(self, leave):
        """Takes space until at most `leave` bytes are free."""
        with open(self.filler, "ab") as file:
            piece = 1 << 20
            while self.free() > leave:
                try:
                    file.write(bytes(min(piece, max(4096, self.free() - leave))))
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:  # the last piece did not fit; a smaller one may
                    if piece == 4096:
                        break
                    piece = 4096
        return self.free()

    def make_room(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        subprocess.run(["umount", str(self.at)], capture_output=True, timeout=60, check=True)
