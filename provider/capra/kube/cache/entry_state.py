"""What is reported of an entry of a pool. Pure, over what the cache knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.kube.cache import claims
from capra.kube.cache.index import Trait
from capra.kube.cache.known import By, Known
from capra.kube.cache.traits import WatchFilter, selected
from capra.kube.client.resources import QUARANTINED, Raw, annotations_of, name_of, namespace_of
from capra.kube.objects import record
from capra.kube.objects.fields import pool_of
from capra.kube.objects.pool_entries import holder_of, is_from_elsewhere
from capra.kube.objects.probes.entry_status import without_probe
from capra.model.machine import MachineSpec
from capra.model.observation import Phase
from capra.model.pool import EntryState, PoolEntry


def state(cache: Known, raw: Raw, entry: PoolEntry) -> tuple[EntryState, str]:
    """The state, and a sentence on it. entry: as one of `claims.candidates`."""
    if entry.quarantined:
        failure = record.load_record(raw).cause
        return EntryState.QUARANTINED, f"{entry.quarantined}; last: {failure}" if failure else entry.quarantined
    if entry.holder is not None:
        machine = claims.claimant(cache, raw)
        if machine is None:
            message = f"RemoteMachine {entry.holder.name}, which holds it, has not been found here yet"
            return EntryState.RESERVED, message
        cleaning = machine["metadata"].get("deletionTimestamp") or record.load_record(machine).phase is Phase.CLEANING
        return (EntryState.CLEANING if cleaning else EntryState.RESERVED), ""
    if entry.unavailable:
        return EntryState.UNAVAILABLE, entry.unavailable
    return EntryState.AVAILABLE, ""


def shared_traits(cache: Known, raw: Raw, watch_filter: WatchFilter) -> frozenset[Trait]:
    """What an entry is found by, as far as other objects have a say in it. watch_filter: of those that are handed
    out."""
    quarantined, holder, name = annotations_of(raw).get(QUARANTINED, ""), holder_of(raw), pool_of(raw)
    if quarantined or holder is not None:  # most entries at work: nothing else counts
        entry = PoolEntry(name_of(raw), MachineSpec(), holder, quarantined)
    else:
        entry = claims.with_obstacles(cache, raw, None)
    word, _ = state(cache, raw, entry)
    found = {Trait(By.STATE, (name, word.value))}
    if not entry.barred and selected(raw, watch_filter):
        found.add(_free(name, entry, probes=cache.probes))
    return frozenset(found)


def _free(pool: str, entry: PoolEntry, *, probes: bool) -> Trait:
    """What an entry is found by that nothing but its host may keep from being handed out."""
    if entry.probe is not None and entry.probe.obstacle is not None:
        return Trait(By.PROBED, (pool, entry.probe.obstacle), f"{entry.probe.errors:06}")
    if entry.unreachable is not None:
        return Trait(By.SILENT, pool, f"{entry.unreachable.until:020.6f}")
    # What a probe has found fit comes first.
    return Trait(By.AVAILABLE, pool, str(int(not entry.fit)) if probes else "")


def entry_status_changes(cache: Known, raw: Raw) -> dict[str, Any]:
    """The merge patch that makes the entry's status true; empty when it is."""
    entry = claims.with_obstacles(cache, raw, None)
    word, message = state(cache, raw, entry)
    holder = entry.holder
    wanted: dict[str, Any] = {
        # The reference hands out what is not reserved: what is in quarantine is not for it either.
        "reserved": holder is not None or bool(entry.quarantined),
        "machineRef": {"name": holder.name, "namespace": namespace_of(raw)} if holder is not None else None,
        "state": word.value,
        "message": message or None,
    }
    current: Mapping[str, Any] = raw.get("status") or {}
    if holder is not None or entry.quarantined or not cache.probes:
        # They would say what was: whoever has the host sees what it is like.
        wanted["conditions"] = without_probe(raw) or None
        wanted["lastProbeTime"] = current.get("lastProbeTime") if cache.probes else None
    return {name: value for name, value in wanted.items() if current.get(name) != value}


def answers(cache: Known, raw: Raw) -> bool:
    """Its holder has been provisioned on it."""
    machine = claims.claimant(cache, raw) if holder_of(raw) is not None else None
    return machine is not None and record.load_record(machine).phase is Phase.PROVISIONED


def orphaned(cache: Known, raw: Raw) -> str:
    """The name of a holder that this cluster does not know any more, as far as the cache goes; empty otherwise."""
    holder = holder_of(raw)
    if holder is None or is_from_elsewhere(raw) or claims.claimant(cache, raw) is not None:
        return ""
    return holder.name
