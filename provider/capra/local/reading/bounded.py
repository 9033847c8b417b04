"""Files that people name, read within bounds: one may be endless (`/dev/zero`), or a pipe into which nobody writes."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from capra.errors import InputError

PIECE = 2**16
PATIENCE = 30.0
"""Seconds that a pipe, such as a shell's `<(…)`, may be silent."""

PAUSE = 0.05


def too_large(limit: int, subject: str) -> InputError:
    """The error for it."""
    return InputError(f"is larger than {limit} bytes, and no more is read", subject=subject)


def read_bounded_file(path: Path, limit: int, subject: str) -> bytes:
    """The content. subject: what errors call the file. Raises InputError for more than limit bytes, and OSError."""
    # Without the flag, opening a pipe waits for somebody who writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return read_descriptor(descriptor, limit, subject, PATIENCE)
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, limit: int, subject: str, patience: float | None = None) -> bytes:
    """The same for an open file. patience: seconds that it may be silent; without it, it is waited for."""
    pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode) and patience is not None
    deadline = time.monotonic() + (patience or 0.0)
    pieces: list[bytes] = []
    size = 0
    while True:
        ready, _, _ = select.select([descriptor], [], [], patience)
        piece = os.read(descriptor, PIECE) if ready else b""
        if piece:
            size += len(piece)
            if size > limit:
                raise too_large(limit, subject)
            pieces.append(piece)
        elif not ready or (pipe and not size and time.monotonic() > deadline):
            raise InputError(f"is a pipe into which nobody has written for {patience:.0f} s", subject=subject)
        elif pipe and not size:
            time.sleep(PAUSE)  # nobody has opened it for writing yet, which looks like its end
        else:
            return b"".join(pieces)
