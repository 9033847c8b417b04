"""The private directory of a run: the only place on this side where its secrets are, and gone when it ends.

Whoever is killed leaves its directory behind; the lock in it tells the next run that nobody is left to need it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capra.errors import naming
from capra.runs.paths import private_base

PREFIX = "capra-run-"
LOCK = "lock"


@contextmanager
def private_directory(base: Path | None = None) -> Iterator[Path]:
    """A new directory, mode 0700, removed on the way out; directories of the dead are removed on the way in. A fork
    that ends, whichever way, does not remove its parent's.

    base: where to make it, `private_base()` by default.
    """
    base, owner = base or private_base(), os.getpid()
    sweep(base)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    try:
        # It gets its name when it is held: a sweep in between would take the directory for abandoned.
        unnamed = directory / f"{LOCK}.new"
        with unnamed.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unnamed.rename(directory / LOCK)
            yield directory
    finally:
        if os.getpid() == owner:
            shutil.rmtree(directory, ignore_errors=True)


def sweep(base: Path) -> int:
    """Remove the private directories of this user whose runs are dead. Returns how many."""
    count = 0
    for directory in base.glob(f"{PREFIX}*"):
        try:
            if directory.stat().st_uid == os.getuid() and _abandoned(directory):
                shutil.rmtree(directory, ignore_errors=True)
                count += 1
        except OSError:
            continue  # another sweep was faster
    return count


def _abandoned(directory: Path) -> bool:
    """Nobody holds the lock. A directory without a lock file is being made at this moment."""
    with (directory / LOCK).open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read. Its directory exists. Raises OSError with its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with naming(path), os.fdopen(descriptor, "wb") as file:
        file.write(content)
