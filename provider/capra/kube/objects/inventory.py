"""RemoteMachines and PooledRemoteMachines of a cluster as hosts of an inventory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from capra.inventory.hosts import InventoryHost
from capra.kube.client.resources import (
    CLUSTER_NAME_LABEL,
    POOL_ENTRY,
    Raw,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)
from capra.kube.objects.fields import text_of
from capra.kube.objects.pool_entries import to_entry_machine
from capra.kube.objects.record import load_record
from capra.kube.objects.remote_machines import to_remote_machine
from capra.model.keys.host_key import plain_keys
from capra.model.machine import RemoteMachine
from capra.model.pool import EntryState


def inventory_hosts(machines: Iterable[Raw], entries: Iterable[Raw]) -> list[InventoryHost]:
    """The machines that have an address, and the entries that none of them holds. Fields with a mistake are left
    out, as in the controller."""
    machines = list(machines)
    pools = {(namespace_of(one), name_of(one)): text_of(one.get("spec") or {}, "pool") for one in entries}
    held = {(namespace_of(one), entry) for one in machines if (entry := annotations_of(one).get(POOL_ENTRY))}
    return [*_machines(machines, pools), *_entries(entries, held)]


def _machines(machines: Iterable[Raw], pools: dict[tuple[str, str], str]) -> Iterator[InventoryHost]:
    for raw in machines:
        machine, _ = to_remote_machine(raw)
        entry = (namespace_of(raw), annotations_of(raw).get(POOL_ENTRY, ""))
        pool = machine.spec.pool or pools.get(entry, "")
        if machine.spec.address:
            yield _host(raw, machine, pool, text_of(raw.get("status") or {}, "phase"))


def _entries(entries: Iterable[Raw], held: set[tuple[str, str]]) -> Iterator[InventoryHost]:
    for raw in entries:
        machine, _ = to_entry_machine(raw)
        if machine.spec.address and (namespace_of(raw), name_of(raw)) not in held:
            # The controller has not seen it yet.
            state = text_of(raw.get("status") or {}, "state") or EntryState.AVAILABLE.value
            yield _host(raw, machine, machine.spec.pool, state)


def _host(raw: Raw, machine: RemoteMachine, pool: str, state: str) -> InventoryHost:
    record = load_record(raw)
    return InventoryHost(
        key=machine.key,
        spec=machine.spec,
        uid=machine.uid,
        cluster=labels_of(raw).get(CLUSTER_NAME_LABEL, ""),
        pool=pool,
        state=state,
        host_keys=plain_keys(machine.spec.host_keys) or record.host_keys,
        labels=machine.labels,
        facts=record.facts,
        host_name=record.host_name,
        host_addresses=record.host_addresses,
    )
