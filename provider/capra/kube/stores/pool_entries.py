"""Entries of pools in the Kubernetes API: who holds them, and the cleanup of those in quarantine.

To the engine, an entry in quarantine is a machine that is being deleted: its host is to become clean.
"""

from __future__ import annotations

from dataclasses import replace

from capra.engine.ports import Clock
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import (
    BASTION_HOST_KEYS,
    HOLDER,
    HOST_KEYS,
    POOLED_REMOTE_MACHINES,
    QUARANTINED,
    RECORD,
    RELEASED,
    UNREACHABLE,
    Raw,
    annotations_of,
)
from capra.kube.objects import record, silent
from capra.kube.objects.pool_entries import holder_annotation, holder_of, to_entry_machine
from capra.kube.stores.hooks import HookStore
from capra.kube.stores.secrets import Secrets, machine_keys
from capra.model.bastion import with_new_keys
from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, GIVE_UP_ANNOTATION, MachineKey, RemoteMachine, Stage
from capra.model.observation import Observation, Phase, Record
from capra.model.probe import Probe
from capra.model.status import timestamp

REASON_LENGTH = 1000
"""Characters of the reason that an entry in quarantine carries."""


VANISHED_PATIENCE = 300.0
"""Seconds between the moment at which a holder is found to have vanished and the cleanup of its host."""


class EntryStore:
    """What the store does with PooledRemoteMachines."""

    def __init__(self, writer: Writer, secrets: Secrets, hooks: HookStore, clock: Clock) -> None:
        self._writer = writer
        self._secrets = secrets
        self._hooks = hooks
        self._clock = clock

    async def load(self, key: MachineKey) -> Observation:
        """An entry in quarantine, as a machine to clean. Raises MissingError when it is gone."""
        raw = self._writer.raw(key)
        machine, problem = to_entry_machine(raw)
        kept = self.record_of(raw)
        keys, key_problem, become_password = await machine_keys(
            self._secrets, key.namespace, machine.spec, "spec.machine"
        )
        hooks, hook_problem = await self._hooks.load(
            replace(machine, deleting=True), (Stage.BEFORE_CLEAN_UP,), "spec.machine"
        )
        # Giving up is for the object that somebody waits for: only a verified cleanup ends a quarantine.
        annotations = {name: text for name, text in machine.annotations.items() if name != GIVE_UP_ANNOTATION}
        return Observation(
            machine=replace(machine, deleting=True, annotations=annotations),
            record=kept,
            now=self._clock(),
            ssh_key=keys[0],
            bastion_keys=keys[1:],
            become_password=become_password,
            problem=problem or key_problem,
            hooks=hooks,
            hook_problem=hook_problem,
        )

    async def load_free(self, raw: Raw) -> Observation:
        """An entry that nobody has, as a machine whose host is only looked at."""
        machine, problem = to_entry_machine(raw)
        keys, key_problem, become_password = await machine_keys(
            self._secrets, machine.key.namespace, machine.spec, "spec.machine"
        )
        return Observation(
            machine,
            Record(host_keys=record.host_keys(raw), bastion_keys=record.bastion_keys(raw)),
            self._clock(),
            ssh_key=keys[0],
            bastion_keys=keys[1:],
            become_password=become_password,
            problem=problem or key_problem,
        )

    def record_of(self, raw: Raw) -> Record:
        """The record of an entry in quarantine: its host is to be cleaned, even if nothing has been noted yet."""
        kept = record.load_record(raw)
        return replace(kept, phase=Phase.CLEANING) if kept.phase is Phase.NEW else kept

    async def save(self, entry: RemoteMachine, annotations: dict[str, str | None]) -> None:
        """The record of the cleanup in quarantine. entry: as `load` gives it. Raises MissingError."""
        await self._annotate(self._writer.same(entry), annotations)

    async def hold(self, raw: Raw, name: str, uid: str, known_as: str) -> Raw:
        """Make the RemoteMachine its holder. known_as: the UID by which the host knows it, which is another one after a
        move. What was noted of an earlier holder goes. Raises ConflictError when anybody has changed the entry
        meanwhile."""
        kept = record.dump_record(Record(uid=known_as))[RECORD] if known_as != uid else None
        return await self._annotate(raw, {HOLDER: holder_annotation(raw, name, uid), RECORD: kept})

    async def give_back(self, raw: Raw, kept: Record, dirty: str = "") -> None:
        """Nobody holds it any more. dirty: why its host may not be clean; it goes to quarantine then."""
        # Empty, not absent: without the annotation, the status that the reference has left would count.
        annotations: dict[str, str | None] = {
            HOLDER: "",
            RELEASED: timestamp(self._clock()),
            **record.dump_keys(kept),
            RECORD: None,
        }
        if dirty:
            annotations |= _quarantine(dirty, kept)
        await self._annotate(raw, annotations, gone=True)

    async def give_back_silent(self, raw: Raw, message: str) -> None:
        """Nobody holds it any more, since its host did not answer. message: how the last run ended."""
        now = self._clock()
        silence = silent.dump_silence(raw, now, message)
        await self._annotate(raw, {HOLDER: "", RELEASED: timestamp(now), UNREACHABLE: silence}, gone=True)

    async def probed(self, raw: Raw, probe: Probe) -> Raw:
        """What a probe has learnt, beside the status: the keys that the host and its bastions have shown first, and
        that it answers again. Gives the entry as it is then. Raises ConflictError when anybody has changed it."""
        annotations: dict[str, str | None] = {}
        if probe.host_keys and not record.host_keys(raw):
            annotations[HOST_KEYS] = "\n".join(probe.host_keys)
        known = record.bastion_keys(raw)
        if (of_bastions := with_new_keys(known, probe.bastion_keys)) != known:
            annotations[BASTION_HOST_KEYS] = "\n".join(of_bastions)
        if probe.reachable.status == "True" and UNREACHABLE in annotations_of(raw):
            annotations[UNREACHABLE] = None
        return await self._annotate(raw, annotations) if annotations else raw

    async def answered(self, raw: Raw) -> None:
        """Its host answers again."""
        await self._annotate(raw, {UNREACHABLE: None})

    async def mark_moved(self, raw: Raw) -> None:
        """Its holder has moved to another management cluster, and its host is in use there. clusterctl sets the same
        annotation just before it deletes the entry, which is after its holder."""
        if DELETE_FOR_MOVE_ANNOTATION not in annotations_of(raw):
            await self._annotate(raw, {DELETE_FOR_MOVE_ANNOTATION: ""}, gone=True)

    async def quarantine(self, raw: Raw, reason: str) -> None:
        """Its holder has vanished, and nobody has seen a clean host. It is not touched at once: should the holder have
        been moved away, the entry is about to go, too."""
        kept, holder = record.load_record(raw), holder_of(raw)
        # The host knows its last user by this UID.
        uid = kept.uid or (holder.uid if holder is not None else "")
        kept = replace(kept, uid=uid, not_before=self._clock() + VANISHED_PATIENCE, reason="", message="")
        await self._annotate(raw, {HOLDER: "", **_quarantine(reason, kept)})

    async def release(self, entry: RemoteMachine) -> None:
        """Its host is clean: the end of the quarantine. entry: as `load` gives it. Raises MissingError."""
        annotations = {QUARANTINED: None, RECORD: None, UNREACHABLE: None, RELEASED: timestamp(self._clock())}
        await self._annotate(self._writer.same(entry), annotations)

    async def _annotate(self, raw: Raw, annotations: dict[str, str | None], *, gone: bool = False) -> Raw:
        """gone: the entry may have been deleted meanwhile, and then there is nothing to give back."""
        try:
            return await self._writer.patch(POOLED_REMOTE_MACHINES, raw, {"metadata": {"annotations": annotations}})
        except MissingError:
            if not gone:
                raise
            return raw


def _quarantine(reason: str, kept: Record) -> dict[str, str | None]:
    dirty = Record(
        phase=Phase.CLEANING,
        uid=kept.uid,
        bootstrap_kind=kept.bootstrap_kind,
        clean_up=kept.clean_up,
        attempts=kept.attempts,
        not_before=kept.not_before,
        reason=kept.reason,
        message=kept.message,
        cleaning_since=kept.cleaning_since,
        hooks=kept.hooks,
    )
    return {QUARANTINED: reason[:REASON_LENGTH], RECORD: record.dump_record(dirty)[RECORD]}
