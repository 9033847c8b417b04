"""From the API's objects to the engine's terms. Pure.

What the CRDs accept is never an exception here: fields that cannot be used become a `Problem`, and the rest counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from capra.errors import InputError
from capra.kube import record, silent
from capra.kube.resources import (
    CONTROL_PLANE_LABEL,
    HOLDER,
    QUARANTINED,
    Raw,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.manifest import MachineFields, RemoteMachineFields
from capra.model.observation import Cluster, Owner, Problem
from capra.model.pool import Holder, PoolEntry
from capra.model.validation import validate


def remote_machine(raw: Raw) -> tuple[RemoteMachine, Problem | None]:
    """A RemoteMachine, and what is wrong with its fields."""
    given = raw.get("spec") or {}
    fields, problem = _fields(RemoteMachineFields, {k: v for k, v in given.items() if k != "provisionJob"}, "spec")
    spec = fields.to_spec(provider_id=_text(given, "providerID"), pool=_text(given, "pool"))
    if given.get("provisionJob") is not None:
        spec = replace(spec, provision_job=True)
    return _machine(raw, "RemoteMachine", spec), problem


def entry_machine(raw: Raw) -> tuple[RemoteMachine, Problem | None]:
    """The machine of a PooledRemoteMachine, and what is wrong with its fields."""
    given = (raw.get("spec") or {}).get("machine") or {}
    fields, problem = _fields(MachineFields, given, "spec.machine")
    return _machine(raw, "PooledRemoteMachine", fields.to_spec(pool=pool_of(raw))), problem


def pool_of(raw: Raw) -> str:
    """spec.pool."""
    return _text(raw.get("spec") or {}, "pool")


def entry(raw: Raw) -> PoolEntry:
    """A PooledRemoteMachine as an entry to choose from. used_by is for those to fill in who know the machines."""
    machine, problem = entry_machine(raw)
    trouble = f"has a mistake in {problem.field}: {problem.message}" if problem else ""
    if raw["metadata"].get("deletionTimestamp"):
        trouble = "is being deleted"
    elif not machine.spec.ssh_key_name:
        trouble = trouble or "lacks its key: spec.machine.sshKeyRef.name is empty"
    return PoolEntry(
        name=name_of(raw),
        spec=machine.spec,
        holder=holder(raw),
        quarantined=annotations_of(raw).get(QUARANTINED, ""),
        problem=trouble,
        host_keys=record.host_keys(raw),
        unreachable=silent.load(raw),
        labels=labels_of(raw),
        annotations=annotations_of(raw),
    )


def holder(raw: Raw) -> Holder | None:
    """Who holds a PooledRemoteMachine: by its annotation, where that is empty nobody; where there is none, by the
    status that the reference has written."""
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


def owner(raw: Raw) -> Owner:
    """A Machine as an owner."""
    bootstrap = (raw.get("spec") or {}).get("bootstrap") or {}
    return Owner(
        name=name_of(raw),
        bootstrap_kind=_text(bootstrap.get("configRef") or {}, "kind"),
        control_plane=CONTROL_PLANE_LABEL in labels_of(raw),
    )


def cluster_name(machine_raw: Raw) -> str:
    """spec.clusterName of a Machine."""
    return _text(machine_raw.get("spec") or {}, "clusterName")


def cluster(raw: Raw) -> Cluster:
    """A Cluster, in the spelling of v1beta1 or v1beta2."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    ready = (status.get("initialization") or {}).get("infrastructureProvisioned") or status.get("infrastructureReady")
    endpoint = spec.get("controlPlaneEndpoint") or {}
    return Cluster(
        name=name_of(raw),
        paused=bool(spec.get("paused")),
        infrastructure_ready=bool(ready),
        endpoint=bool(endpoint.get("host") and endpoint.get("port")),
    )


def data_secret_name(machine_raw: Raw) -> str:
    """spec.bootstrap.dataSecretName of a Machine."""
    return _text((machine_raw.get("spec") or {}).get("bootstrap") or {}, "dataSecretName")


def has_node(machine_raw: Raw) -> bool:
    """Cluster API has found the Machine's Node."""
    return bool(((machine_raw.get("status") or {}).get("nodeRef") or {}).get("name"))


def _machine(raw: Raw, kind: str, spec: MachineSpec) -> RemoteMachine:
    return RemoteMachine(
        key=MachineKey(namespace_of(raw), name_of(raw), kind),
        spec=spec,
        uid=str(raw["metadata"].get("uid", "")),
        deleting=bool(raw["metadata"].get("deletionTimestamp")),
        labels=labels_of(raw),
        annotations=annotations_of(raw),
    )


def _fields(model: type[MachineFields], given: Mapping[str, Any], place: str) -> tuple[MachineFields, Problem | None]:
    """The fields that the model knows; with a mistake in them, those that can still be used."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    values = {name: value for name, value in given.items() if name in known}
    try:
        return validate(model, values, place), None
    except InputError as error:
        first = getattr(error, "errors", (error,))[0]
        field = ".".join(part for part in (place, first.field) if part)
        return _usable(model, values), Problem(
            field, first.problem, "MissingFields" if _is_missing(first) else "InvalidInput"
        )


def _is_missing(error: InputError) -> bool:
    return error.problem == "is required"


def _usable(model: type[MachineFields], values: Mapping[str, Any]) -> MachineFields:
    """The model with every field that is right when taken alone."""
    usable: dict[str, Any] = {}
    for name, value in values.items():
        try:
            validate(model, {name: value}, "")
        except InputError:
            continue
        usable[name] = value
    usable.pop("customCleanUpCommands", None)
    return validate(model, usable, "")


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""
