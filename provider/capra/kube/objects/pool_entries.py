"""PooledRemoteMachines, from the API's objects to the engine's terms. Pure."""

from __future__ import annotations

from capra.kube.client.resources import ENTRIES, HOLDER, QUARANTINED, Raw, annotations_of, labels_of, name_of
from capra.kube.objects import record, silent
from capra.kube.objects.fields import machine_from, pool_of, usable_fields
from capra.kube.objects.probes.offers import to_offer
from capra.model.machine import RemoteMachine
from capra.model.manifest.machines import MachineFields
from capra.model.observation import Problem
from capra.model.pool import Holder, PoolEntry


def to_entry_machine(raw: Raw) -> tuple[RemoteMachine, Problem | None]:
    """The machine of a PooledRemoteMachine, and what is wrong with its fields."""
    given = (raw.get("spec") or {}).get("machine") or {}
    fields, problem = usable_fields(MachineFields, given, "spec.machine")
    return machine_from(raw, ENTRIES, fields.to_spec(pool=pool_of(raw))), problem


def to_pool_entry(raw: Raw) -> PoolEntry:
    """A PooledRemoteMachine as an entry to choose from. used_by is left to callers that know the machines."""
    machine, problem = to_entry_machine(raw)
    trouble = f"has a mistake in {problem.field}: {problem.message}" if problem else ""
    if raw["metadata"].get("deletionTimestamp"):
        trouble = "is being deleted"
    elif not machine.spec.ssh_key_name:
        trouble = trouble or "lacks its key: spec.machine.sshKeyRef.name is empty"
    return PoolEntry(
        name=name_of(raw),
        spec=machine.spec,
        holder=holder_of(raw),
        quarantined=annotations_of(raw).get(QUARANTINED, ""),
        problem=trouble,
        host_keys=record.host_keys(raw),
        bastion_keys=record.bastion_keys(raw),
        unreachable=silent.load_silence(raw),
        labels=labels_of(raw),
        annotations=annotations_of(raw),
        offer=to_offer(raw, facts=False),
    )


def holder_of(raw: Raw) -> Holder | None:
    """Who holds a PooledRemoteMachine: the one in its annotation, nobody where that is empty; without one, the one
    in the reference's status."""
    text = annotations_of(raw).get(HOLDER)
    if text is not None:
        name, _, rest = text.partition("/")
        return Holder(name, rest.partition("/")[0]) if name else None
    status = raw.get("status") or {}
    reference = status.get("machineRef") or {}
    if status.get("reserved") and reference.get("name"):
        return Holder(str(reference["name"]))
    return None


def is_from_elsewhere(raw: Raw) -> bool:
    """The reservation was made in another cluster, or before the object was restored from a backup."""
    text = annotations_of(raw).get(HOLDER, "")
    return bool(text) and text.split("/")[2:] != [raw["metadata"].get("uid", "")]


def holder_annotation(entry_raw: Raw, name: str, uid: str) -> str:
    """`<RemoteMachine>/<its UID>/<UID of the entry>`."""
    return f"{name}/{uid}/{entry_raw['metadata']['uid']}"
