"""One look at an entry of a pool: its status, an owner that has vanished, and its cleanup while it is in quarantine."""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog

from capra.controller.reconcilers.machine import MachineReconciler
from capra.controller.reconcilers.reconciler import AT_ONCE, DONE, Result
from capra.engine.told.announce import WARNING, Announcement
from capra.kube.cache import claims, entry_state
from capra.kube.cache.cache import Cache
from capra.kube.cache.writer import Writer
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import (
    POOLED_REMOTE_MACHINES,
    QUARANTINED,
    REMOTE_MACHINES,
    UNREACHABLE,
    ObjectKey,
    Raw,
    annotations_of,
    namespace_of,
)
from capra.kube.objects import record
from capra.kube.objects.pool_entries import holder_of
from capra.kube.stores.events import EventRecorder
from capra.kube.stores.pool_entries import EntryStore
from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, MANAGED_BY_ANNOTATION, PAUSED_ANNOTATION

HANDS_OFF = frozenset({PAUSED_ANNOTATION, MANAGED_BY_ANNOTATION, DELETE_FOR_MOVE_ANNOTATION})

log = structlog.get_logger(__name__)


class PoolEntryReconciler:
    """A `Reconciler` of entries. Besides probes the only writer of their status. machines: cleans the hosts of those in
    quarantine. looked: told of an entry that needs nothing else."""

    def __init__(
        self,
        api: Api,
        cache: Cache,
        writer: Writer,
        store: EntryStore,
        events: EventRecorder,
        machines: MachineReconciler,
        looked: Callable[[Raw], None] = lambda raw: None,
    ) -> None:
        self._api = api
        self._cache = cache
        self._writer = writer
        self._store = store
        self._events = events
        self._machines = machines
        self._looked = looked

    async def reconcile(self, key: ObjectKey) -> Result:
        """One reconciliation."""
        raw = self._writer.raw(key)
        if HANDS_OFF & annotations_of(raw).keys():
            return DONE
        gone = entry_state.orphaned(self._cache, raw)
        if gone and await self._has_vanished(raw):
            reason = f"RemoteMachine {gone}, which held it, has vanished without a verified cleanup of the host"
            await self._store.quarantine(raw, reason)
            log.warning(reason, entry=f"{key.namespace}/{key.name}")
            await self._events.record(raw, Announcement(WARNING, "HostQuarantined", reason))
            return AT_ONCE
        if claims.is_surplus(self._cache, raw):
            log.info("given back: its holder has another entry", entry=f"{key.namespace}/{key.name}")
            await self._store.give_back(raw, record.load_record(raw))
            return AT_ONCE
        if UNREACHABLE in annotations_of(raw) and entry_state.answers(self._cache, raw):
            await self._store.answered(raw)
            return AT_ONCE
        changes = entry_state.entry_status_changes(self._cache, raw)
        if changes:
            raw = await self._writer.patch(POOLED_REMOTE_MACHINES, raw, {"status": changes}, "status")
        used = claims.with_obstacles(self._cache, raw, None).used_by
        if QUARANTINED in annotations_of(raw) and holder_of(raw) is None and not used:
            # Nobody waits for it: it is tried for as long as it takes.
            return await self._machines.reconcile(key, cleanup_limit=math.inf)
        self._looked(raw)
        return DONE

    async def _has_vanished(self, raw: Raw) -> bool:
        """The API has no machine with the holder's UID. The cache may just be late."""
        holder = holder_of(raw)
        assert holder is not None  # it would not be an orphan
        asked = self._cache.mark(REMOTE_MACHINES.kind)
        try:
            found = await self._api.get(REMOTE_MACHINES, namespace_of(raw), holder.name)
        except MissingError:
            return True
        self._cache.put(REMOTE_MACHINES.kind, found, asked)
        return bool(entry_state.orphaned(self._cache, raw))
