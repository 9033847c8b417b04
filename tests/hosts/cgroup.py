"""A cgroup of its own for each host, so that two systemds never share one tree.

Only the hierarchies that name processes matter here: cgroup v2, and v1's `name=systemd` in a hybrid tree.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from .errors import Unavailable

PATIENCE = 30
"""Seconds for the kernel to let go of a node: two cores with three hosts booting at once need some."""


def hierarchies() -> list[Path]:
    """Mount points of the cgroup trees a host needs a node in."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(before.split()[4]))
    return found


def nodes(group: str, index: int) -> list[Path]:
    return [tree / f"capra-{group}-{index}" for tree in hierarchies()]


def create(group: str, index: int) -> list[Path]:
    """Make a host's nodes; the host's supervisor moves itself into them."""
    made = nodes(group, index)
    if not made:
        raise Unavailable("no cgroup tree is mounted (neither v2 nor v1 name=systemd)")
    for node in made:
        try:
            node.mkdir(exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot make the cgroup {node}: {error.strerror}") from error
    return made


def processes(group: str, index: int) -> list[int]:
    """Ids of all processes below a host's nodes."""
    found: set[int] = set()
    for node in nodes(group, index):
        for members in node.rglob("cgroup.procs"):
            try:
                found.update(int(pid) for pid in members.read_text().split() if pid != "0")
            except OSError:  # The node went away, or its processes are in another pid namespace.
                continue
    return sorted(found)


def remove(group: str, index: int) -> None:
    """Remove a host's nodes, leaves first; its processes are gone, or being reaped.

    A host that was ended while it booted may have started one more meanwhile: that is ended here.
    """
    for node in nodes(group, index):
        deadline = time.monotonic() + PATIENCE
        while node.is_dir():
            below = [path for path in node.rglob("*") if path.is_dir()]
            try:
                for path in [*sorted(below, key=lambda p: len(p.parts), reverse=True), node]:
                    path.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                for process in processes(group, index):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                time.sleep(0.05)
