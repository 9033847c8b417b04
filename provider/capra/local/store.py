"""The store over files: engine.ports.Store for a terminal without a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from capra.engine.decisions import GiveBack, Release
from capra.engine.plan import bootstrap_digest
from capra.errors import InputError
from capra.local.prepare import PreparedMachine, PreparedMachines
from capra.local.reading.manifests import raise_all
from capra.local.state import StateDirectory
from capra.model.bastion import known_keys
from capra.model.machine import MachineKey
from capra.model.observation import Observation, Phase, Record


class FileStore:
    """Machines of the manifests, records of the state directory.

    deleting: the machines are to become clean hosts again. Then a record that says that a host is clean is no reason
    to leave it alone: the machine looks like one whose bootstrap has begun, and is saved as what it was. taking_over:
    hosts are taken over from other machines, of which what is remembered here may not be true any more.
    """

    def __init__(
        self,
        prepared: PreparedMachines,
        state: StateDirectory,
        clock: Callable[[], float],
        *,
        deleting: bool = False,
        taking_over: bool = False,
    ) -> None:
        self._prepared = prepared
        self._state = state
        self._clock = clock
        self._deleting = deleting
        self._taking_over = taking_over
        self._found: dict[MachineKey, Phase] = {}

    def check(self) -> None:
        """Look at every machine's state once, so that a damaged file is found before a host is contacted.

        Raises InputErrors.
        """
        errors: list[InputError] = []
        for prepared in self._prepared.machines.values():
            try:
                self._state.read(prepared.machine)
            except InputError as error:
                errors.append(error)
        raise_all(list(dict.fromkeys(errors)))

    def lock(self, key: MachineKey) -> AbstractContextManager[None]:
        """Hold a machine while working on it. Raises Fatal when another capra does."""
        return self._state.lock(self._machine(key).machine)

    async def load(self, key: MachineKey) -> Observation:
        """See engine.ports.Store."""
        prepared = self._machine(key)
        machine = replace(prepared.machine, deleting=self._deleting)
        record = self._state.read(machine)
        if self._deleting and record.phase in {Phase.NEW, Phase.CLEAN}:
            # Only the host knows whether it was bootstrapped from elsewhere, and cleaning a clean one is harmless.
            self._found[key] = record.phase
            record = replace(record, phase=Phase.BOOTSTRAPPING)
        return prepared.observe(machine, record, self._clock())

    async def save(self, observation: Observation, record: Record) -> None:
        """See engine.ports.Store. Of the host keys only those of a first contact: others may pin one meanwhile."""
        key = observation.machine.key
        if record.phase is Phase.BOOTSTRAPPING:
            record = replace(record, phase=self._found.get(key, record.phase))  # as `load` has found it
        machine = self._machine(key).machine
        if record.phase is Phase.PROVISIONED:
            # Where the manifest says so no bootstrap has noted whose record it is.
            record = replace(record, uid=record.uid or machine.uid)
        if not observation.record.host_keys:
            self.pin(key, record.host_keys)
        self.pin(key, (), record.bastion_keys)
        known = self._state.known_hosts.keys(machine.spec.address, machine.spec.port)
        self._state.write(machine, replace(record, host_keys=known))
        if self._taking_over:
            self._state.doubt_others(machine)

    def pin(self, key: MachineKey, host_keys: Sequence[str], bastion_keys: Sequence[str] = ()) -> None:
        """Remember what the host and its bastions have shown at a first contact, unless another key was pinned
        meanwhile. The record, which is that of whoever holds the machine's lock, stays as it is."""
        spec, known = self._machine(key).machine.spec, self._state.known_hosts
        if host_keys:
            known.pin_first(spec.address, spec.port, host_keys)
        for bastion in spec.bastions:
            if keys := known_keys(bastion_keys, bastion):
                known.pin_first(bastion.address, bastion.port, keys)

    async def reserve(self, observation: Observation, entry: str) -> str:
        """Machines of manifests have their addresses: there is nothing to choose from. See engine.ports.Store."""
        raise InputError("has no address, and pools exist only in a cluster", subject=str(observation.machine.key))

    async def give_back(self, observation: Observation, decision: GiveBack) -> None:
        """No entry was ever taken. See engine.ports.Store."""
        raise InputError("has no entry: pools exist only in a cluster", subject=str(observation.machine.key))

    async def release(self, observation: Observation, decision: Release) -> None:
        """The record says all. See engine.ports.Store."""

    def _machine(self, key: MachineKey) -> PreparedMachine:
        return self._prepared.machines[key]


def has_other_data(observation: Observation) -> bool:
    """The host was provisioned, and with other bootstrap data than what is given now."""
    record = observation.record
    given = bootstrap_digest(observation)
    return record.phase is Phase.PROVISIONED and bool(record.digest) and bool(given) and record.digest != given
