"""Files with secrets that Ansible needs for as long as it runs: in a private directory in memory, gone at its end."""

from __future__ import annotations

import atexit
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from capra.runs.directory.private import private_directory, write_private

_stack = ExitStack()
_held: dict[int, Path] = {}
"""By process: a fork has none of its own, and does not remove its parent's."""


def new_directory() -> Path:
    """A new directory, mode 0700, for as long as this process lives. What a process that was killed has left is removed
    by the next one that asks."""
    process = os.getpid()
    if process not in _held:
        _held[process] = _stack.enter_context(private_directory())
        atexit.register(_remove, process)
    return Path(tempfile.mkdtemp(dir=_held[process]))


def _remove(process: int) -> None:
    if process == os.getpid():
        _stack.close()


def write(path: Path, content: str) -> str:
    """Write it with mode 0600. Returns the path."""
    write_private(path, content.encode())
    return str(path)
