"""A probe of a host of a pool that nobody uses: how it went, and what the host said of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from capra.model.status import Condition


class Obstacle(StrEnum):
    """What a probe found that keeps an entry from being handed out. `Unreachable`: Capra does not get in. `Unfit`:
    something on the host must be mended first."""

    UNREACHABLE = "Unreachable"
    UNFIT = "Unfit"


@dataclass(frozen=True)
class EntryFacts:
    """What a host says of itself, checked and bounded: it is data of a stranger. Empty text, 0 and () stand for what it
    does not tell.

    os, os_version: ID and VERSION_ID of os-release. architecture: by Kubernetes' names (amd64, arm64, …). cpus: number.
    memory: MiB. disk: MiB of the whole file system of /var/lib. init: systemd, openrc, sysvinit, or the name of process
    1. virtualization: as systemd-detect-virt names it, `none` for a machine of its own. kubernetes: programs, services
    and processes of a distribution that were found.
    """

    os: str = ""
    os_version: str = ""
    kernel: str = ""
    architecture: str = ""
    cpus: int = 0
    memory: int = 0
    disk: int = 0
    init: str = ""
    virtualization: str = ""
    machine_id: str = ""
    addresses: tuple[str, ...] = ()
    kubernetes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """How a probe went. reachable, fit: the conditions of these names. facts: None where the host said nothing; what
    it said before stays then. host_keys, bastion_keys: new ones that it and its bastions showed, as in a Record."""

    reachable: Condition
    fit: Condition
    facts: EntryFacts | None = None
    host_keys: tuple[str, ...] = ()
    bastion_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class LastProbe:
    """What the last probe of an entry's host has told, as far as it holds for the entry as it is now.

    at: when it ended, in seconds since the epoch. fit: nothing is in the way. obstacle: what is, None where nothing is
    or nothing is known. since: when it was first seen, RFC 3339. errors: how many things are to be mended. message: all
    of them in a sentence.
    """

    at: float = 0.0
    fit: bool = False
    obstacle: Obstacle | None = None
    since: str = ""
    errors: int = 0
    message: str = ""

    @property
    def against(self) -> str:
        """Why the entry is not handed out; empty when it is."""
        return f"is {self.obstacle} since {self.since}: {self.message}" if self.obstacle else ""
