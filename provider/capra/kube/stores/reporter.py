"""Tells of a RemoteMachine: its status, events, and the labels that its Machine gets. The only writer of its status."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import structlog

from capra.engine.decisions import Release
from capra.engine.engine import Reconciliation
from capra.engine.ports import Clock
from capra.engine.told.announce import Announcement
from capra.engine.told.report import OWNED, report
from capra.errors import CapraError
from capra.kube.cache import claims, ownership
from capra.kube.cache.cache import Cache
from capra.kube.cache.writer import Writer
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import (
    EVENTS,
    REMOTE_MACHINES,
    Raw,
    annotations_of,
    core,
    labels_of,
    name_of,
    namespace_of,
)
from capra.kube.objects.conditions import merge
from capra.kube.objects.status import changes, timestamp
from capra.model.machine import BLOCK_MOVE_ANNOTATION, MANAGED_BY_ANNOTATION
from capra.model.observation import Phase
from capra.model.status import MachineReport

COMPONENT = "capra"
log = structlog.get_logger(__name__)


class Reporter:
    """Writes what there is to tell of a reconciliation, and nothing where that stands there already."""

    def __init__(self, api: Api, writer: Writer, cache: Cache, clock: Clock) -> None:
        self._api = api
        self._writer = writer
        self._cache = cache
        self._clock = clock

    async def tell(self, taken: Reconciliation) -> bool:
        """Write the status after this reconciliation, or before its run. True when what is told has changed.

        Raises what the API answers.
        """
        key = taken.observation.machine.key
        moved = isinstance(taken.decision, Release) and taken.decision.moved
        if key.kind != REMOTE_MACHINES.kind or moved or MANAGED_BY_ANNOTATION in taken.observation.machine.annotations:
            return False
        raw = await self._mark_run(self._writer.same(taken.observation.machine), running=taken.running)
        changed = machine_status_changes(raw, report(taken), timestamp(self._clock()))
        if changed:
            await self._writer.patch(REMOTE_MACHINES, raw, {"status": changed}, "status")
        # Not before anything was sent: an entry whose host does not answer is given back.
        if not taken.observation.machine.deleting and taken.record.phase is not Phase.NEW:
            await self._pass_on(raw)
        return bool(changed)

    async def announce(self, raw: Raw, announcement: Announcement) -> None:
        """An event. That one can't be written is no reason not to go on: it is logged."""
        now = timestamp(self._clock())
        body = {
            "metadata": {"name": f"{name_of(raw)[:230]}.{secrets.token_hex(8)}", "namespace": namespace_of(raw)},
            "involvedObject": {
                "apiVersion": raw["apiVersion"],
                "kind": raw["kind"],
                "namespace": namespace_of(raw),
                "name": name_of(raw),
                "uid": raw["metadata"]["uid"],
                "resourceVersion": raw["metadata"]["resourceVersion"],
            },
            "type": announcement.type,
            "reason": announcement.reason,
            "message": announcement.message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._api.create(EVENTS, namespace_of(raw), body)
        except CapraError as error:
            log.warning("an event could not be written", reason=announcement.reason, error=str(error))

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
    """The merge patch that makes the status what is told, in the spelling of either version; empty when it is."""
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
        **failure,
        "deprecated": {"v1beta1": failure} if any(failure.values()) or "deprecated" in current else None,
    }
    return changes(current, wanted)
