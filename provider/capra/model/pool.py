"""Entries of a pool: hosts that RemoteMachines take, and give back clean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from capra.model.choosing.choice import Offer
from capra.model.machine import MachineSpec
from capra.model.probe import LastProbe
from capra.model.status import timestamp


class EntryState(StrEnum):
    """Where an entry stands. `Unavailable`: free, but not fit to be handed out; its message says why."""

    AVAILABLE = "Available"
    RESERVED = "Reserved"
    CLEANING = "Cleaning"
    QUARANTINED = "Quarantined"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True)
class Holder:
    """The RemoteMachine that holds an entry, in the entry's namespace. uid: empty when only the name is known, as in
    reservations of the reference (`status.machineRef`)."""

    name: str
    uid: str = ""


@dataclass(frozen=True)
class Unreachable:
    """A host that did not answer. since: when that was first seen; until: not before this time is it tried again (both
    in seconds since the epoch). times: how often it was given back. message: how the last run ended."""

    since: float
    until: float
    times: int
    message: str = ""

    def __str__(self) -> str:
        since, until = timestamp(self.since), timestamp(self.until)
        return f"is Unreachable since {since}, and is not tried again before {until}: {self.message}"


@dataclass(frozen=True)
class PoolEntry:
    """A PooledRemoteMachine.

    quarantined: why its host may be dirty; such an entry is never handed out. used_by: a RemoteMachine with the same
    address and port that does not hold the entry. problem: why it cannot be handed out although it is free.
    host_keys, bastion_keys: known from earlier holders, as in a Record. unreachable: its host did not answer when it
    was last tried. probe: the last one of its host; None where nothing is known of one that holds for the entry, or
    probes do not count. offer: what the entry is chosen by; its facts only where probes count.
    """

    name: str
    spec: MachineSpec
    holder: Holder | None = None
    quarantined: str = ""
    used_by: str = ""
    problem: str = ""
    host_keys: tuple[str, ...] = ()
    bastion_keys: tuple[str, ...] = ()
    unreachable: Unreachable | None = None
    probe: LastProbe | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    offer: Offer = field(default_factory=Offer)

    @property
    def unavailable(self) -> str:
        """Why the entry is not handed out while others are free; empty when it is."""
        return self.blocked or (str(self.unreachable) if self.unreachable else "")

    @property
    def blocked(self) -> str:
        """Why the entry cannot be handed out; empty when it can."""
        return self.barred or (self.probe.against if self.probe else "")

    @property
    def barred(self) -> str:
        """The same, whatever its host is like."""
        if self.quarantined:
            return "is quarantined"
        if self.holder is not None:
            return f"is reserved by {self.holder.name}"
        if self.used_by:
            return f"has the address of RemoteMachine {self.used_by}"
        return self.problem

    @property
    def fit(self) -> bool:
        """A probe has found nothing in the way."""
        return self.probe is not None and self.probe.fit
