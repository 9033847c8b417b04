"""Files of the state directory: written whole or not at all, private, one writer at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from capra.errors import Fatal, InputError, naming

DIRECTORY_MODE = 0o700


def make_directory(path: Path) -> None:
    """Make it with mode 0700, parents as needed. Raises InputError where that is not possible."""
    try:
        path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        if path.stat().st_uid == os.getuid() and path.stat().st_mode & 0o077:
            path.chmod(DIRECTORY_MODE)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", subject=f"state directory {path}") from None


def write_whole(path: Path, text: str) -> None:
    """Replace a file: temporary file in the same directory, fsync, rename. Mode 0600. Raises OSError with its name."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    try:
        with naming(path), os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _names_to_disk(path.parent)


def remove_whole(path: Path) -> None:
    """Remove a file, and see that it does not come back after a loss of power. Raises OSError."""
    path.unlink(missing_ok=True)
    _names_to_disk(path.parent)


def _names_to_disk(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def locked(path: Path, *, wait: bool = True, owner: str = "") -> Iterator[None]:
    """Hold the lock of a file. The kernel drops it with the process, however that ends.

    wait: until it is free; else raises Fatal with `owner` and the pid of who has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise Fatal(f"another capra (pid {pid}) is at work on {owner}; wait until it has ended", "Busy") from None
        with naming(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> str:
    """The pid of who holds the lock of a file, empty when nobody does. Takes nothing and writes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except PermissionError as error:
        problem = "cannot be opened: it belongs to another user. Remove it, or run capra as that user"
        raise InputError(problem, subject=str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return ""
