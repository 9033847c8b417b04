"""Hosts without an init: sshd as process 1 of namespaces of its own, an overlay over the same rootfs, own network.

A tenth of the memory and of the time of one with systemd: for many hosts, where nothing is about services or reboots.
"""

from __future__ import annotations

from pathlib import Path

from . import cgroup, network, nspawn
from .host import Host
from .state import Group

HERE = Path(__file__).parent

check = nspawn.check
down = nspawn.down


def up(group: Group) -> list[Host]:
    """Start all hosts of the group and wait until sshd answers on each."""
    return nspawn.start_all(group, _spawn, init="none")


def _spawn(group: Group, index: int, place: Path) -> int:
    """Start what becomes the host; its id. Its child is the host's process 1."""
    namespace = network.namespace(group.id, index)
    nodes = [str(node) for node in cgroup.create(group.id, index)]
    return nspawn.spawn([str(HERE / "bare.sh"), namespace, str(place / "root"), group.names[index], *nodes], place)
