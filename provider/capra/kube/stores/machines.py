"""The engine's store over the Kubernetes API. See engine.ports.Store.

A step reads the cache, and Secrets when it needs them; every write is based on the version that was read, so that two
controllers at work by mistake cannot both win.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from capra.engine.decisions import GiveBack, Release
from capra.engine.ports import Clock
from capra.engine.records import with_known_keys
from capra.engine.requests import host_uid
from capra.kube.cache import claims, ownership
from capra.kube.cache.cache import Cache
from capra.kube.cache.choosing.offered import Offered
from capra.kube.cache.turns import Turns
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import (
    CLUSTER_NAME_LABEL,
    ENTRIES,
    FINALIZER,
    RECORD,
    REMOTE_MACHINES,
    Raw,
    labels_of,
    name_of,
    namespace_of,
)
from capra.kube.objects import record
from capra.kube.objects.cluster_api import cluster_name_of, data_secret_name_of, to_cluster, to_owner
from capra.kube.objects.pool_entries import holder_of, to_pool_entry
from capra.kube.objects.remote_machines import to_remote_machine
from capra.kube.stores import following
from capra.kube.stores.held_secrets import HeldSecrets
from capra.kube.stores.hooks import NONE, HookStore, Texts
from capra.kube.stores.pool_entries import EntryStore
from capra.kube.stores.reservations import Reservations, with_finalizer
from capra.kube.stores.secrets import MachineKeys, Secrets, machine_keys
from capra.model.machine import BLOCK_MOVE_ANNOTATION, MachineKey, RemoteMachine, Stage
from capra.model.observation import MISSING_OWNER, BootstrapData, Cluster, Observation, Phase, Problem, Record
from capra.model.pool import PoolEntry

CORE_MACHINE = "Machine"
UNDER_WAY = frozenset({Phase.BOOTSTRAPPING, Phase.CLEANING})
"""Phases in which a run may be under way: the object must not be moved then."""


def _under_way(kept: Record) -> bool:
    playbook = kept.playbook is not None and kept.playbook.under_way
    return playbook or (kept.phase in UNDER_WAY and not kept.message)


class KubeStore:
    """A port `Store`. watch_filter: label and value that an entry must have to be handed out; None for all."""

    def __init__(
        self,
        writer: Writer,
        cache: Cache,
        secrets: Secrets,
        hooks: HookStore,
        entries: EntryStore,
        held_secrets: HeldSecrets,
        clock: Clock,
        watch_filter: tuple[str, str] | None = None,
    ) -> None:
        self._writer = writer
        self._cache = cache
        self._secrets = secrets
        self._hooks = hooks
        self._clock = clock
        self._entries = entries
        self._held_secrets = held_secrets
        self.turns = Turns(cache)
        """Whose turn it is to run a playbook of day two."""

        self._reservations = Reservations(writer, cache, entries, watch_filter)

    async def load(self, key: MachineKey) -> Observation:
        """The machine and all that it depends on. Raises MissingError when it is gone."""
        if key.kind == ENTRIES:
            return await self._entries.load(key)
        raw = self._writer.raw(key)
        machine, problem = to_remote_machine(raw)
        kept, entry_raw, entry = self._kept(raw)
        owner_raw, not_owner = ownership.owner_of(self._cache, raw, CORE_MACHINE)
        cluster = self._cluster(raw, owner_raw)
        if entry_raw is not None:
            machine = replace(machine, spec=following.followed(raw, entry_raw, machine.spec, kept))
        own, _ = to_remote_machine(raw)
        runs = machine.deleting or kept.phase in {Phase.NEW, Phase.BOOTSTRAPPING, Phase.CLEAN}
        lives = kept.phase is Phase.PROVISIONED and not machine.deleting
        playbook = await self._hooks.asked(machine, kept, self.turns) if lives else None
        keyed = runs or (playbook is not None and playbook.text is not None)
        keyed = keyed and machine.spec.provision_job is None  # its own command has its own keys
        keys, key_problem, become_password = await self._keys(machine) if keyed else ((None,), None, "")
        missing, bootstrap = await self._bootstrap(owner_raw, wanted=runs and not machine.deleting)
        hooks, hook_problem = await self._texts(machine, kept, runs=runs, data=bootstrap is not None)
        wants_host = bool(machine.spec.pool) and not machine.spec.address and entry is None
        offered = self._reservations.offered(raw) if wants_host else Offered()
        return Observation(
            machine=machine,
            record=kept,
            now=self._clock(),
            owner=to_owner(owner_raw) if owner_raw is not None else None,
            cluster=cluster,
            bootstrap=bootstrap,
            ssh_key=keys[0],
            bastion_keys=keys[1:],
            become_password=become_password,
            missing_owner=not_owner or MISSING_OWNER,
            missing_bootstrap=missing,
            entry=entry,
            given_by=following.given_by(raw),
            outdated=bool(following.spec_changes(own.spec, machine.spec)),
            pool=offered.entries,
            pool_size=offered.pool_size,
            pool_unreachable=offered.pool_unreachable,
            pool_unfit=offered.pool_unfit,
            choice=offered.choice,
            shortfall=offered.shortfall,
            problem=offered.problem or problem or self._quarantine(raw, machine, kept) or key_problem,
            used_by=claims.other_user(self._cache, raw) if kept.phase is Phase.NEW else "",
            finalizer=True,
            hooks=hooks,
            hook_problem=hook_problem,
            playbook=playbook,
        )

    async def save(self, observation: Observation, record_: Record) -> None:
        """Keep the record in an annotation, and what must stand in the object by then: the finalizer before a host is
        touched, the provider ID before anybody is told that the machine is provisioned. observation: its record is the
        one that was saved last. Raises ConflictError where somebody else has saved another one since: what a run has
        proven holds for its own beginning only."""
        raw = self._writer.same(observation.machine)
        of_entry = observation.machine.key.kind == ENTRIES
        kept = self._entries.record_of(raw) if of_entry else self._kept(raw)[0]
        if record.dump_record(kept)[RECORD] != record.dump_record(observation.record)[RECORD]:
            raise ConflictError(f"{observation.machine.key} was worked on by somebody else meanwhile", after=0.0)
        annotations = record.record_changes(observation.record, kept, record_)
        if of_entry:
            await self._entries.save(observation.machine, annotations)
            return
        machine, _ = to_remote_machine(raw)
        if observation.record.phase is Phase.NEW and record_.phase in {Phase.BOOTSTRAPPING, Phase.PROVISIONED}:
            for name in machine.spec.secret_names:
                await self._held_secrets.hold(machine.key.namespace, name)
        annotations[BLOCK_MOVE_ANNOTATION] = "" if _under_way(record_) else None
        body: dict[str, Any] = {"metadata": {"annotations": annotations}}
        if record_.phase is not Phase.CLEAN and not machine.deleting:
            body["metadata"] |= with_finalizer(raw)
        if record_.phase is Phase.PROVISIONED and not machine.spec.provider_id:
            body["spec"] = {"providerID": machine.provider_id}
        await self._writer.patch(REMOTE_MACHINES, raw, body)

    def _kept(self, raw: Raw) -> tuple[Record, Raw | None, PoolEntry | None]:
        """The record of a machine, and the entry that it holds: of several the one that it uses."""
        kept, held = record.load_record(raw), claims.held_by(self._cache, raw)
        if not held:
            return kept, None, None
        entry = to_pool_entry(held[0])
        return following.with_keys_of(entry, kept), held[0], entry

    async def reserve(self, observation: Observation, entry: str) -> str:
        """See reservations.Reservations."""
        return await self._reservations.reserve(observation, entry)

    async def give_back(self, observation: Observation, decision: GiveBack) -> None:
        """The entry first: after a crash in between, the machine still knows its entry by the address, and gives it
        back again without a second mark."""
        key = observation.machine.key
        raw = self._writer.same(observation.machine)
        if record.load_record(raw).phase is not Phase.NEW:
            raise ConflictError(f"{key} has begun meanwhile", after=0.0)
        entry_raw = self._cache.get(ENTRIES, key.namespace, decision.entry)
        holder = holder_of(entry_raw) if entry_raw is not None else None
        if entry_raw is not None and holder is not None and holder.uid == observation.machine.uid:
            await self._entries.give_back_silent(entry_raw, decision.message)
        await self._writer.patch(REMOTE_MACHINES, raw, following.taken_back(raw, entry_raw))

    async def release(self, observation: Observation, decision: Release) -> None:
        """The entries first, the finalizer last. A moved machine's entries move, too: they are marked as moved, or they
        would seem left behind. An entry in quarantine is released only when its host was cleaned."""
        if observation.machine.key.kind == ENTRIES:
            if not decision.dirty and not decision.moved:
                await self._entries.release(observation.machine)
            return
        raw = self._writer.same(observation.machine)
        # The host knows the machine by this UID, even when the entry is cleaned.
        kept = replace(observation.record, uid=host_uid(observation))
        for number, entry_raw in enumerate(claims.held_by(self._cache, raw)):
            if decision.moved:
                await self._entries.mark_moved(entry_raw)
                continue
            if number:
                # The machine has used only the first one: the host of another one has its own keys.
                kept = with_known_keys(record.load_record(entry_raw), kept)
            await self._entries.give_back(entry_raw, kept, decision.reason if decision.dirty else "")
        finalizers = [one for one in raw["metadata"].get("finalizers", ()) if one != FINALIZER]
        if finalizers != raw["metadata"].get("finalizers", []):
            with contextlib.suppress(MissingError):
                await self._writer.patch(REMOTE_MACHINES, raw, {"metadata": {"finalizers": finalizers}})

    def _quarantine(self, raw: Raw, machine: RemoteMachine, kept: Record) -> Problem | None:
        """What speaks against beginning on this host."""
        begins = kept.phase is Phase.NEW and not machine.spec.provider_id and not machine.deleting
        entry = claims.in_quarantine(self._cache, raw) if begins else ""
        if not entry:
            return None
        message = f"is that of PooledRemoteMachine {entry}, which is in quarantine: waiting until its host is clean"
        return Problem("spec.address", message, "HostQuarantined")

    async def _texts(self, machine: RemoteMachine, kept: Record, *, runs: bool, data: bool) -> Texts:
        """The hooks that the machine may run now. data: there is something to bootstrap it with."""
        if not runs or (kept.phase is Phase.NEW and machine.spec.provider_id):
            return NONE
        if machine.deleting:
            dirty = kept.phase not in {Phase.NEW, Phase.CLEAN}
            return await self._hooks.load(machine, [Stage.BEFORE_CLEAN_UP], wanted=dirty)
        return await self._hooks.load(machine, [Stage.BEFORE_BOOTSTRAP, Stage.AFTER_BOOTSTRAP], wanted=data)

    async def _keys(self, machine: RemoteMachine) -> MachineKeys:
        return await machine_keys(self._secrets, machine.key.namespace, machine.spec, "spec")

    def _cluster(self, raw: Raw, owner_raw: Raw | None) -> Cluster | None:
        """The Machine's Cluster; the one in the label if the Machine is gone."""
        name = cluster_name_of(owner_raw) if owner_raw is not None else labels_of(raw).get(CLUSTER_NAME_LABEL, "")
        found = self._cache.get("Cluster", namespace_of(raw), name) if name else None
        return to_cluster(found) if found is not None else None

    async def _bootstrap(self, owner_raw: Raw | None, *, wanted: bool) -> tuple[str, BootstrapData | None]:
        """What the bootstrap data is waiting for, and the data."""
        if owner_raw is None or not wanted:
            return "the bootstrap data", None
        name = data_secret_name_of(owner_raw)
        if not name:
            return f"the bootstrap provider to set spec.bootstrap.dataSecretName of Machine {name_of(owner_raw)}", None
        data = await self._secrets.bootstrap(namespace_of(owner_raw), name)
        return f"Secret {name} with key 'value', the bootstrap data of Machine {name_of(owner_raw)}", data
