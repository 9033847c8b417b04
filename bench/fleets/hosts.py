"""The hosts of a fleet: bare ones, and addresses that swallow every packet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench import work
from tests.hosts import Host, Hosts, network


class BenchError(Exception):
    """The benchmark cannot go on: what it measured would mean nothing."""


def up(count: int, directory: Path) -> tuple[Hosts, float]:
    """Hosts, and the seconds that they took."""
    began = time.monotonic()
    hosts = Hosts.up(count, prefix="fleet", state_dir=directory, backend="bare")
    return hosts, time.monotonic() - began


def silent(hosts: Hosts, count: int) -> list[str]:
    """Addresses in the hosts' network behind which nobody is, and no error says so: packets are dropped."""
    subnet = hosts.group.network
    addresses = [str(subnet.broadcast_address - 1 - number) for number in range(count)]
    taken = {host.address for host in hosts}
    if taken & set(addresses):
        raise BenchError(f"{len(hosts)} hosts and {count} silent addresses do not fit into {subnet}")
    for address in addresses:
        network.silence(hosts.group.id, address)
    return addresses


def check_done(hosts: Sequence[Host]) -> None:
    """All that a host should have is on each. Raises BenchError."""
    _check(hosts, expected=True)


def check_clean(hosts: Sequence[Host]) -> None:
    """Nothing of it is. Raises BenchError."""
    _check(hosts, expected=False)


def _check(hosts: Sequence[Host], *, expected: bool) -> None:
    for host in hosts:
        for file in work.FILES:
            path = host.path(file["path"])
            there = path.exists() and path.read_text() == file["content"]
            if path.exists() is not expected or there is not expected:
                raise BenchError(
                    f"{host.name}: {path} is {'' if path.exists() else 'not '}there, or not as it should be"
                )
