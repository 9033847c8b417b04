"""How a machine gets an entry of a pool: which one, in which order it is written down, and what the machine gets."""

from __future__ import annotations

from typing import Any

from capra.engine.requests import host_uid
from capra.engine.told.exhausted import NAMED_ENTRIES
from capra.kube.cache import claims
from capra.kube.cache.cache import Cache
from capra.kube.cache.choosing.offered import Offered, available, offered
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import (
    ENTRIES,
    FINALIZER,
    POOL_COMMANDS,
    POOL_ENTRY,
    POOL_FIELDS,
    REMOTE_MACHINES,
    Raw,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)
from capra.kube.objects import record
from capra.kube.objects.fields import pool_of
from capra.kube.objects.pool_entries import holder_of, is_from_elsewhere, to_pool_entry
from capra.kube.objects.remote_machines import to_remote_machine
from capra.kube.stores import following
from capra.kube.stores.pool_entries import EntryStore
from capra.model.choosing.choice import Choice
from capra.model.manifest.ansible import dump_ansible
from capra.model.manifest.machines import dump_bastion
from capra.model.observation import Observation, Problem


class Reservations:
    """Entries and those who take them. watch_filter: label and value that an entry must have; None for all."""

    def __init__(self, writer: Writer, cache: Cache, entries: EntryStore, watch_filter: tuple[str, str] | None) -> None:
        self._writer = writer
        self._cache = cache
        self._entries = entries
        self._watch_filter = watch_filter

    async def reserve(self, observation: Observation, entry: str) -> str:
        """Finalizer, then the entry's holder by compare-and-swap, then what the machine gets from the entry. After a
        crash in between, the machine is found to hold the entry."""
        raw, uid = self._writer.same(observation.machine), observation.machine.uid
        entry_raw = self._free(raw, entry)
        with self._cache.promised(entry_raw):
            if FINALIZER not in raw["metadata"].get("finalizers", ()):
                # With a record that says that nothing has begun: a finalizer alone would mean the opposite.
                metadata = with_finalizer(raw) | {"annotations": dict(record.dump_record(record.load_record(raw)))}
                raw = await self._writer.patch(REMOTE_MACHINES, raw, {"metadata": metadata})
            holder = holder_of(entry_raw)
            if holder is None or holder.uid != uid or is_from_elsewhere(entry_raw):
                entry_raw = await self._hold(raw, entry_raw, host_uid(observation))
        await self._hand_over(raw, entry_raw)
        return name_of(entry_raw)

    async def _hold(self, raw: Raw, entry_raw: Raw, known_as: str) -> Raw:
        """Tries again where only its status, or something else irrelevant here, was written meanwhile."""
        name, uid = name_of(raw), str(raw["metadata"]["uid"])
        try:
            try:
                return await self._entries.hold(entry_raw, name, uid, known_as)
            except ConflictError:
                newest = self._cache.get(ENTRIES, namespace_of(raw), name_of(entry_raw))
                if newest is None or not self._still_to_be_had(entry_raw, newest, raw):
                    raise
            return await self._entries.hold(newest, name, uid, known_as)
        except MissingError:
            # The entry is gone, not the machine: look for another.
            raise ConflictError(f"PooledRemoteMachine {name_of(entry_raw)} is gone", after=0.0) from None

    def _still_to_be_had(self, before: Raw, newest: Raw, raw: Raw) -> bool:
        """Nothing that was decided on has changed in the entry."""
        told, now = (to_pool_entry(one) for one in (before, newest))
        same = (told.holder, told.spec.pool, told.unreachable) == (now.holder, now.spec.pool, now.unreachable)
        return same and not self._blocked(newest, raw, self._choice(raw))

    def _choice(self, raw: Raw) -> Choice:
        choice = self._cache.choosing.choice_of(raw)
        if isinstance(choice, Problem):
            raise ConflictError(f"{choice.field} of RemoteMachine {name_of(raw)} has changed meanwhile", after=0.0)
        return choice

    def _free(self, raw: Raw, wanted: str) -> Raw:
        """The entry that was decided on. When another machine was faster, the next that is free: otherwise each of a
        hundred machines would decide again for each one that is faster. Raises ConflictError when there is none."""
        if held := [one for one in claims.held_by(self._cache, raw) if name_of(one) == wanted]:
            return held[0]
        found, choice = self._cache.get(ENTRIES, namespace_of(raw), wanted), self._choice(raw)
        # An entry whose host did not answer before is tried if that was decided.
        if found is None or self._cache.is_promised(found) or self._blocked(found, raw, choice):
            found = next(available(self._cache, namespace_of(raw), pool_of(raw), choice), None)
        if found is None:
            raise ConflictError(f"PooledRemoteMachine {wanted} was taken by another machine", after=0.0)
        return found

    def _blocked(self, entry_raw: Raw, raw: Raw, choice: Choice) -> bool:
        entry = claims.with_obstacles(self._cache, entry_raw, raw, self._watch_filter)
        return bool(entry.blocked) or not choice.fits(entry.offer)

    def offered(self, raw: Raw) -> Offered:
        """As much of the machine's pool as a decision needs."""
        return offered(self._cache, raw, watch_filter=self._watch_filter, named=NAMED_ENTRIES)

    async def _hand_over(self, raw: Raw, entry_raw: Raw) -> None:
        """Give the machine the entry's fields; one that has an address already follows what has changed in them."""
        entry = to_pool_entry(entry_raw)
        given = dict((entry_raw.get("spec") or {}).get("machine") or {})
        annotations: dict[str, str | None] = {POOL_ENTRY: entry.name}
        metadata: dict[str, Any] = with_finalizer(raw)
        body: dict[str, Any] = {"metadata": metadata}
        if not (raw.get("spec") or {}).get("address"):
            annotations[POOL_COMMANDS] = claims.commands_digest(entry.spec.clean_up_commands)
            annotations[POOL_FIELDS] = ",".join(sorted(given))
            annotations |= claims.lacking(claims.passed_on(entry.annotations), annotations_of(raw))
            labels = claims.lacking(claims.passed_on(entry.labels), labels_of(raw))
            if labels:
                metadata["labels"] = labels
            # Replaces the machine's own, and is not merged with it.
            hooks: dict[str, Any] = {"ansible": dump_ansible(entry.spec.ansible)} if entry.spec.ansible else {}
            if entry.spec.bastion:
                hooks["bastion"] = dump_bastion(entry.spec.bastion)
            body["spec"] = given | hooks
        else:
            own, _ = to_remote_machine(raw)
            # As in `load`: whatever it sees and this does not write would be decided on for ever.
            kept = following.with_keys_of(entry, record.load_record(raw))
            changes = following.spec_changes(own.spec, following.followed(raw, entry_raw, own.spec, kept))
            body |= {"spec": changes} if changes else {}
        if any(annotations_of(raw).get(name) != value for name, value in annotations.items()) or "spec" in body:
            metadata["annotations"] = annotations
            await self._writer.patch(REMOTE_MACHINES, raw, body)


def with_finalizer(raw: Raw) -> dict[str, Any]:
    """What makes the object stay until its host is clean; empty when it does."""
    finalizers = list(raw["metadata"].get("finalizers", ()))
    return {} if FINALIZER in finalizers else {"finalizers": [*finalizers, FINALIZER]}
