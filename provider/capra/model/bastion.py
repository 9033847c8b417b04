"""Hosts that only lead to another one: `spec.bastion` of a machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from capra.model.host_port import join_host_port, known_hosts_name

MOST_BASTIONS = 3
"""Bastions of one chain."""


@dataclass(frozen=True)
class Bastion:
    """One bastion. ssh_key_name: the Secret with its key; empty for the machine's own key. host_keys: accepted, as
    those of a machine; empty for the one that is seen first. bastion: the next one outwards, through which this one is
    reached; None where it is reached directly, and in the flat list of a `Connection`."""

    address: str
    port: int = 22
    user: str = "root"
    ssh_key_name: str = ""
    host_keys: tuple[str, ...] = ()
    bastion: Bastion | None = None

    @property
    def place(self) -> str:
        """Address and port, as people read them."""
        return join_host_port(self.address, self.port)

    @property
    def name(self) -> str:
        """What it is called in a known_hosts file."""
        return known_hosts_name(self.address, self.port)

    @property
    def chain(self) -> tuple[Bastion, ...]:
        """It and those behind it, outwards."""
        return (self, *(self.bastion.chain if self.bastion else ()))


def bastion_field(field: str, number: int) -> str:
    """Where the bastion with this number, from 0 outwards, stands. field: `spec` or `spec.machine`."""
    return field + ".bastion" * (number + 1)


def known_keys(lines: Iterable[str], bastion: Bastion) -> tuple[str, ...]:
    """The keys of a bastion among lines `NAME TYPE BASE64`, as a record has them."""
    return tuple(line.partition(" ")[2] for line in lines if line.partition(" ")[0] == bastion.name)


def with_new_keys(lines: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    """The lines, and new ones of bastions of which there were none."""
    lines = tuple(lines)
    names = {line.partition(" ")[0] for line in lines}
    return (*lines, *(line for line in new if line.partition(" ")[0] not in names))
