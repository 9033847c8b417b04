"""Machines that should have a Node, and Nodes, from the API's objects to the engine's terms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from capra.engine.clusters.nodes import Node, NodeOwner
from capra.kube.cache import ownership
from capra.kube.cache.known import By, Known
from capra.kube.client.errors import UnavailableError
from capra.kube.client.resources import MACHINES, ObjectKey, Raw, annotations_of, labels_of, name_of
from capra.kube.objects import record
from capra.kube.objects.cluster_api import has_node, to_owner
from capra.model.machine import PAUSED_ANNOTATION
from capra.model.observation import Phase

MACHINE_LABEL = "k0smotron.io/machine-name"
WORKER_ENABLED_LABEL = "k0smotron.io/control-plane-worker-enabled"
HOST_NAME_LABEL = "kubernetes.io/hostname"
LONGEST_LABEL = 63
LONGEST_NAME = 253
"""Characters of any object's name, and of any address."""

NODE_GONE = frozenset({"NodeDeleted", "NodeDoesNotExist", "NodeNotFound"})
"""Reasons of a Machine's condition NodeHealthy (Cluster API, core/v1beta2 and v1beta1): it had a Node, and has none."""


@dataclass(frozen=True)
class Wanted:
    """A Machine that should have a Node. has_node: Cluster API has found it, and so it has its provider ID. lost: it
    has been deleted since."""

    owner: NodeOwner
    has_node: bool
    lost: bool

    @property
    def identity(self) -> tuple[str, str]:
        """UID and provider ID of the RemoteMachine."""
        return self.owner.uid, self.owner.provider_id


def wanted(cache: Known, key: ObjectKey) -> Iterator[Wanted]:
    """The provisioned RemoteMachines of a Cluster whose Machines have a Node, as the cache has them when they are asked
    for. key: as of dependents, NODES_OF_CLUSTER."""
    for machine in list(cache.by("Machine", key.namespace, By.CLUSTER, key.name)):
        if _is_left_alone(machine) or not _has_kubelet(machine):
            continue
        raw = _infrastructure(cache, machine)
        if raw is None or _is_left_alone(raw) or not _provisioned(raw):
            continue
        lost = _node_is_gone(machine)
        yield Wanted(_owner(machine, raw), has_node(machine) and not lost, lost)


def _is_left_alone(raw: Raw) -> bool:
    return bool(raw["metadata"].get("deletionTimestamp")) or PAUSED_ANNOTATION in annotations_of(raw)


def _has_kubelet(machine: Raw) -> bool:
    """A k0s controller has none unless told to run one."""
    if to_owner(machine).bootstrap_kind != "K0sControllerConfig":
        return True
    return labels_of(machine).get(WORKER_ENABLED_LABEL) == "true"


def _infrastructure(cache: Known, machine: Raw) -> Raw | None:
    """The RemoteMachine that the Machine owns."""
    raw = cache.get(MACHINES, machine["metadata"]["namespace"], ownership.infrastructure(machine)[-1])
    return raw if raw is not None and ownership.owned_by(raw, machine, "Machine") else None


def _provisioned(raw: Raw) -> bool:
    if not (raw.get("spec") or {}).get("providerID"):
        return False
    status = raw.get("status") or {}
    told = status.get("ready") or (status.get("initialization") or {}).get("provisioned")
    return bool(told) or record.load_record(raw).phase is Phase.PROVISIONED


def _owner(machine: Raw, raw: Raw) -> NodeOwner:
    spec, kept = raw["spec"], record.load_record(raw)
    return NodeOwner(
        machine=name_of(machine),
        provider_id=str(spec["providerID"]),
        uid=str(raw["metadata"].get("uid", "")),
        host_name=kept.host_name,
        addresses=(str(spec.get("address") or ""), *kept.host_addresses),
    )


def _node_is_gone(machine: Raw) -> bool:
    conditions = (machine.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "NodeHealthy" and one.get("reason") in NODE_GONE for one in conditions)


def nodes(answer: Any) -> list[Node]:
    """The Nodes of a list; those that are being deleted are left out. Raises UnavailableError for any other answer."""
    try:
        return [_node(raw) for raw in answer["items"] if not raw["metadata"].get("deletionTimestamp")]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UnavailableError("the answer is no list of Nodes") from None


def _node(raw: Raw) -> Node:
    name, labels = name_of(raw), labels_of(raw)
    if len(name) > LONGEST_NAME:
        raise ValueError("the name is longer than any")
    given = (raw.get("status") or {}).get("addresses") or ()
    every = [(str(one.get("type", "")), str(one["address"])) for one in given]
    told = [(kind, address) for kind, address in every if len(address) <= LONGEST_NAME]
    named = (name, str(labels.get(HOST_NAME_LABEL, "")), *(address for kind, address in told if kind == "Hostname"))
    return Node(
        name=name,
        provider_id=str((raw.get("spec") or {}).get("providerID") or ""),
        machine=str(labels.get(MACHINE_LABEL, "")),
        host_names=tuple(filter(None, named)),
        addresses=tuple(address for _, address in told),
        version=str(raw["metadata"].get("resourceVersion", "")),
    )


def provider_id_patch(owner: NodeOwner, node: Node) -> Mapping[str, Any]:
    """What to write to a Node. A Machine's name can be too long for a label."""
    metadata: dict[str, Any] = {"resourceVersion": node.version}
    if len(owner.machine) <= LONGEST_LABEL:
        metadata["labels"] = {MACHINE_LABEL: owner.machine}
    return {"metadata": metadata, "spec": {"providerID": owner.provider_id}}
