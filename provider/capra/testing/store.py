"""A store that keeps everything in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from capra.engine.decisions import GiveBack, Release
from capra.engine.ports import Clock
from capra.errors import InputError, Retry
from capra.model.machine import MachineKey, MachineSpec
from capra.model.observation import Observation, Record
from capra.model.pool import Holder


class MemoryStore:
    """A port `Store` over observations.

    clock: gives the `now` of what is loaded; the observation's own without one. saved: every record that was saved, in
    order. released: every release, in order. conflicts: how many of the next saves and reservations another writer is
    faster than.
    """

    def __init__(self, observations: Iterable[Observation] = (), clock: Clock | None = None) -> None:
        self.observations = {observation.machine.key: observation for observation in observations}
        self.saved: list[tuple[MachineKey, Record]] = []
        self.released: list[tuple[MachineKey, Release]] = []
        self.conflicts = 0
        self._clock = clock

    async def load(self, key: MachineKey) -> Observation:
        """The observation with the record saved last. Raises InputError for a machine that is not there."""
        if key not in self.observations:
            raise InputError("there is no such machine", subject=str(key))
        observation = self.observations[key]
        return replace(observation, now=self._clock()) if self._clock else observation

    async def save(self, observation: Observation, record: Record) -> None:
        """Keep the record. Raises Retry while `conflicts` are left."""
        key = observation.machine.key
        if self.conflicts:
            self.conflicts -= 1
            raise Retry(f"{key} was changed by another writer", after=1.0)
        self.observations[key] = replace(self.observations[key], record=record)
        self.saved.append((key, record))

    async def reserve(self, observation: Observation, entry: str) -> str:
        """Give the machine the entry's fields. Raises Retry while `conflicts` are left, or when it is held."""
        key = observation.machine.key
        if self.conflicts:
            self.conflicts -= 1
            raise Retry(f"{entry} was changed by another writer", after=1.0)
        found = next(one for one in self.observations[key].pool if one.name == entry)
        if found.holder not in {None, Holder(key.name, observation.machine.uid)}:
            raise Retry(f"{entry} was reserved by another machine", after=1.0)
        held = replace(found, holder=Holder(key.name, observation.machine.uid))
        spec = replace(found.spec, pool=observation.machine.spec.pool)
        machine = replace(self.observations[key].machine, spec=spec)
        for other, kept in self.observations.items():
            pool = tuple(held if one.name == entry else one for one in kept.pool)
            self.observations[other] = replace(kept, pool=pool)
        self.observations[key] = replace(self.observations[key], machine=machine, entry=held)
        return entry

    async def give_back(self, observation: Observation, decision: GiveBack) -> None:
        """Nobody holds the entry any more, and the machine is as it was without one."""
        key = observation.machine.key
        kept = self.observations[key]
        machine = replace(kept.machine, spec=MachineSpec(pool=kept.machine.spec.pool))
        self.observations[key] = replace(kept, machine=machine, entry=None, record=Record())

    async def release(self, observation: Observation, decision: Release) -> None:
        """Note the release."""
        self.released.append((observation.machine.key, decision))
