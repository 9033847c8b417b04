"""Ends what a run has started on this side: Ansible's workers and their ssh are not in its process group."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 3.0
"""Seconds between asking and ending."""


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans (prctl(2)), so that none can get away."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """Process ids of everything below this process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _childless() -> bool:
    """Whether nothing is left below this process, which adopts orphans. Most runs have ended everything by themselves,
    and the processes of the whole machine are many."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return True
    return False


def end_descendants() -> None:
    """Ask them to end, then end them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _childless():
            return
        deadline = time.monotonic() + PATIENCE
        for process in descendants():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue
        while not _childless() and time.monotonic() < deadline:
            time.sleep(0.05)
