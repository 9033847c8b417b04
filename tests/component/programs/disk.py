"""A disk whose image can be copied while programs write to it, as a loss of power would leave it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

SIZE = 24 * 1024 * 1024


class Disk:
    """An ext4 file system in a file, mounted at `place`. Nothing reaches the file but what something has waited for:
    the kernel's own commits are ten minutes apart."""

    def __init__(self, root: Path) -> None:
        self.image = root / "image"
        self.place = root / "disk"
        self.place.mkdir()
        with self.image.open("wb") as file:
            file.truncate(SIZE)
        options = ["-b", "1024", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
        subprocess.run(["mkfs.ext4", "-q", *options, str(self.image)], check=True)
        self.mount(self.image)

    @staticmethod
    def possible() -> bool:
        """Whether this machine can have one."""
        return os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None and Path("/dev/loop-control").exists()

    def mount(self, image: Path) -> None:
        """Mounts an image; of one that was copied the file system's own journal is replayed first."""
        subprocess.run(["mount", "-o", "loop,commit=600", str(image), str(self.place)], check=True)
        source = subprocess.run(
            ["findmnt", "-no", "SOURCE", str(self.place)], check=True, capture_output=True, text=True
        )
        self._writes = Path("/sys/block") / Path(source.stdout.strip()).name / "stat"

    def unmount(self) -> None:
        """The place is a directory again."""
        subprocess.run(["umount", str(self.place)], check=True)

    def _written(self) -> tuple[str, str]:
        """How many writes have ended, and how many are under way."""
        fields = self._writes.read_text().split()
        return fields[4], fields[8]

    def copy(self, to: Path) -> bool:
        """A copy of the image as it is at one moment; False when there was none: something was being written."""
        before = self._written()
        subprocess.run(["cp", "--sparse=always", str(self.image), str(to)], check=True)
        if before[1] == "0" and self._written() == before:
            return True
        to.unlink()
        return False


class Noise(threading.Thread):
    """Somebody else on the host, who waits for the disk all the time. With that, names of all others reach it, in the
    order of the file system, but not their content."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self.file = file
        self.ended = threading.Event()

    def run(self) -> None:
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT)
        try:
            while not self.ended.wait(0.003):
                os.pwrite(descriptor, os.urandom(64), 0)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Stops, and has stopped."""
        self.ended.set()
        self.join(10)
