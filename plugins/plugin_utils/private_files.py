"""Files with secrets that Ansible needs for as long as it runs: in a private directory in memory, gone at its end."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from capra.runs.directory.private import private_directory, write_private


@dataclass(frozen=True)
class _Held:
    """What one process has. stack: its end removes root. places: the directory of each inventory below it, by path."""

    stack: ExitStack
    root: Path
    places: dict[str, Path] = field(default_factory=dict)


_held: dict[int, _Held] = {}
"""By process id: a fork inherits its parent's, and leaves it alone."""

_NEW = ".new"
"""A file that is being written; no object's name begins with a dot."""


def keep(inventory: str, contents: Mapping[str, str]) -> dict[str, str]:
    """Write the files of an inventory, by name, with mode 0600 in a directory with mode 0700, for as long as this
    process lives. Returns their paths, by name.

    The next call for the same inventory, as after `meta: refresh_inventory`, replaces them: a file that is given again
    keeps its path, for tasks that are at work meanwhile, and the others are removed. inventory: its path. What a
    process that was killed has left is removed by the next one that asks. Raises OSError.
    """
    place = _place(inventory)
    for name, content in contents.items():
        new = place / _NEW
        new.unlink(missing_ok=True)  # a full disk may have left it
        write_private(new, content.encode())
        new.replace(place / name)
    for file in place.iterdir():
        if file.name not in contents:
            file.unlink()
    return {name: str(place / name) for name in contents}


def _place(inventory: str) -> Path:
    process = os.getpid()
    if process not in _held:
        stack = ExitStack()
        _held[process] = _Held(stack, stack.enter_context(private_directory()))
    held = _held[process]
    if inventory not in held.places:
        held.places[inventory] = Path(tempfile.mkdtemp(dir=held.root))
    return held.places[inventory]


@atexit.register
def _remove() -> None:
    """At the end of a process. A fork that ends as Python does comes here, too."""
    held = _held.pop(os.getpid(), None)
    if held is not None:
        held.stack.close()
