"""Tells of a RemoteMachine: its status, and the labels that its Machine gets. The only writer of its status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from capra.engine.decisions import Release
from capra.engine.engine import Reconciliation
from capra.engine.ports import Clock
from capra.engine.told.report import OWNED, report
from capra.kube.cache import claims, ownership
from capra.kube.cache.cache import Cache
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import (
    REMOTE_MACHINES,
    Raw,
    annotations_of,
    core,
    labels_of,
)
from capra.kube.objects.conditions import merge
from capra.kube.objects.status import changes
from capra.model.machine import BLOCK_MOVE_ANNOTATION, MANAGED_BY_ANNOTATION, MachineKey
from capra.model.observation import Phase
from capra.model.status import MachineReport, RunProgress, timestamp

TITLE_LENGTH = 200
"""Characters of a step's title."""


class Reporter:
    """Writes what there is to report of a reconciliation, unless it is there already."""

    def __init__(self, writer: Writer, cache: Cache, clock: Clock) -> None:
        self._writer = writer
        self._cache = cache
        self._clock = clock

    async def tell(self, taken: Reconciliation, cleanup_limit: float = math.inf) -> bool:
        """Write the status after this reconciliation, or before its run. True when what is told has changed.
        cleanup_limit: see `report`.

        Raises what the API answers.
        """
        key = taken.observation.machine.key
        moved = isinstance(taken.decision, Release) and taken.decision.moved
        if key.kind != REMOTE_MACHINES.kind or moved or MANAGED_BY_ANNOTATION in taken.observation.machine.annotations:
            return False
        raw = await self._mark_run(self._writer.same(taken.observation.machine), running=taken.running)
        changed = machine_status_changes(raw, report(taken, cleanup_limit), timestamp(self._clock()))
        if changed:
            await self._writer.patch(REMOTE_MACHINES, raw, {"status": changed}, "status")
        # Only once something was sent: an entry whose host does not answer is given back.
        if not taken.observation.machine.deleting and taken.record.phase is not Phase.NEW:
            await self._pass_on(raw)
        return bool(changed)

    async def tell_progress(self, key: MachineKey, progress: RunProgress | None) -> None:
        """Write how far the machine's run is; None removes that, as the next `tell` does.

        Raises what the API answers.
        """
        if key.kind != REMOTE_MACHINES.kind:
            return
        raw = self._writer.raw(key)
        if MANAGED_BY_ANNOTATION in annotations_of(raw) or BLOCK_MOVE_ANNOTATION not in annotations_of(raw):
            return  # another one has the name by now: nothing runs for it
        told: dict[str, Any] | None = None
        if progress is not None:
            told = asdict(progress) | {"title": progress.title[:TITLE_LENGTH], "since": timestamp(progress.since)}
        await self._writer.patch(REMOTE_MACHINES, raw, {"status": {"progress": told}}, "status")

    async def _mark_run(self, raw: Raw, *, running: bool) -> Raw:
        """A move by clusterctl waits as long as a run is under way."""
        marked = BLOCK_MOVE_ANNOTATION in annotations_of(raw)
        if marked == running:
            return raw
        annotations = {BLOCK_MOVE_ANNOTATION: "" if running else None}
        return await self._writer.patch(REMOTE_MACHINES, raw, {"metadata": {"annotations": annotations}})

    async def _pass_on(self, raw: Raw) -> None:
        """Labels and annotations of the pool entry that the Machine lacks (docs/reference/contract.md)."""
        machine = ownership.owner_of(self._cache, raw, "Machine")[0]
        held = claims.held_by(self._cache, raw)
        if machine is None or not held or machine["metadata"].get("deletionTimestamp"):
            return
        metadata = {
            field: lacking
            for field, values in (("labels", labels_of), ("annotations", annotations_of))
            if (lacking := claims.lacking(claims.passed_on(values(held[0])), values(machine)))
        }
        if metadata:
            try:
                await self._writer.patch(core(machine, "machines"), machine, {"metadata": metadata})
            except MissingError:
                return  # it is gone, and needs no labels


def machine_status_changes(raw: Raw, told: MachineReport, now: str) -> dict[str, Any]:
    """The merge patch that makes the status say what is told, in either version's spelling; empty if it does."""
    current: Mapping[str, Any] = raw.get("status") or {}
    failure = {"failureReason": told.failure_reason or None, "failureMessage": told.failure_message or None}
    conditions = merge(
        current.get("conditions") or (), told.conditions, OWNED, now, int(raw["metadata"].get("generation", 0))
    )
    wanted: dict[str, Any] = {
        "ready": told.provisioned,
        "initialization": {"provisioned": told.provisioned},
        "phase": told.phase,
        "addresses": [{"type": one.type, "address": one.address} for one in told.addresses] or None,
        "conditions": conditions,
        "nextAttemptTime": timestamp(told.next_attempt) if told.next_attempt else None,
        "cleanupDeadline": timestamp(told.cleanup_deadline) if told.cleanup_deadline else None,
        "failureDomain": told.failure_domain or None,
        "progress": None,
        **failure,
        "deprecated": {"v1beta1": failure} if any(failure.values()) or "deprecated" in current else None,
    }
    return changes(current, wanted)
