"""Whether a host is the Node that it would have to be, by what the host and its cluster say. Pure.

Both are needed: whoever has a host can give it any name, and a Node says nothing of the host at an address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from capra.engine.probes.facts import machine_id_of
from capra.engine.told.claimed import sentence
from capra.model.checks import object_name
from capra.model.machine import Adoption
from capra.model.observation import Observation

CONTROLLER_KIND = "K0sControllerConfig"
"""Kind of the bootstrap config whose hosts may be control planes without a kubelet, and so without a Node."""


@dataclass(frozen=True)
class NodeIdentity:
    """What a Node says of itself. machine_id: `status.nodeInfo.machineID`. ready: its condition Ready is True. leaving:
    it is being deleted. addresses: of every type."""

    name: str
    machine_id: str = ""
    provider_id: str = ""
    ready: bool = False
    leaving: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterEvidence:
    """What a workload cluster says. nodes: those of the names that were asked for. authority: as
    `fingerprint_of_authority` gives it, of the cluster's certificate authority; empty where its kubeconfig has none.
    adopted_by: another machine that has adopted, or is about to adopt, the host of this machine ID, as
    `namespace/name`."""

    nodes: tuple[NodeIdentity, ...] = ()
    authority: str = ""
    adopted_by: str = ""


class Proof(Enum):
    """ADOPTED: it is the cluster's. ABSENT: no Kubernetes is there. REFUSED: the host must not be touched. LATER: it
    may still become the one that is waited for."""

    ADOPTED = "adopted"
    ABSENT = "absent"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True)
class AdoptionVerdict:
    """message: a sentence; empty where there is nothing to tell."""

    proof: Proof
    message: str = ""


def fingerprint_of_authority(pem: str | bytes) -> str:
    """SHA-256, in hexadecimal, of a certificate in PEM without white space; empty for nothing."""
    text = pem.encode() if isinstance(pem, str) else pem
    packed = b"".join(text.split())
    return hashlib.sha256(packed).hexdigest() if packed else ""


def kubernetes_running(facts: Mapping[str, Any]) -> str:
    """The services and processes of Kubernetes on the host; empty without any. A kubelet that is only installed, for a
    later bootstrap, is none."""
    services = _words(facts, "here.services")
    if not _words(facts, "here.kubeadm"):
        services = [one for one in services if one != "kubelet"]
    return ", ".join(dict.fromkeys([*services, *_words(facts, "here.processes")]))


def _words(facts: Mapping[str, Any], name: str) -> list[str]:
    return str(facts.get(name) or "").split()


def node_names(observation: Observation, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that its Node may have: the host's own, as a kubelet takes it, else the Machine's."""
    owner = observation.owner.name if observation.owner is not None else ""
    names = (_own_name(facts), owner, observation.machine.key.name)
    return tuple(dict.fromkeys(filter(None, names)))


def before_asking(observation: Observation, adoption: Adoption, details: Mapping[str, Any]) -> AdoptionVerdict | None:
    """What can be told without the cluster; None where it has to be asked. details: of a preflight."""
    facts, where = facts_of(details), observation.machine.spec.place
    found = kubernetes_running(facts)
    claimed = details.get("claimed")
    if isinstance(claimed, Mapping) and not _is_ours(observation, claimed):
        return AdoptionVerdict(Proof.REFUSED, sentence(claimed, observation.machine.key.namespace, one_owner=False))
    if isinstance(claimed, Mapping) or (not found and adoption is not Adoption.WAIT):
        return AdoptionVerdict(Proof.ABSENT)  # what this machine has begun, it goes on with
    if not found:
        return AdoptionVerdict(Proof.LATER, f"no Kubernetes runs on {where} yet: waiting until it is a Node")
    if adoption is Adoption.REJECT:
        advice = "clean the host, or set the annotation to Adopt"
        return AdoptionVerdict(Proof.REFUSED, f"{found} on {where} already: {advice}")
    return None


def _is_ours(observation: Observation, claimed: Mapping[str, Any]) -> bool:
    """As claim.sh has it: UIDs decide, and names where neither side has one."""
    machine, uid = observation.machine, str(claimed.get("uid") or "")
    if uid or machine.uid:
        return uid == machine.uid
    return bool(claimed.get("name")) and claimed.get("name") == f"{machine.key.namespace}/{machine.key.name}"


def judge_adoption(
    observation: Observation, adoption: Adoption, details: Mapping[str, Any], cluster: ClusterEvidence
) -> AdoptionVerdict:
    """Whether the host is a node of its machine's cluster, where Kubernetes runs on it."""
    facts = facts_of(details)
    machine_id, names = machine_id_of(facts), node_names(observation, facts)
    node = next((one for one in cluster.nodes if _may_be(observation, facts, one)), None)
    name = f"Cluster {observation.cluster.name}" if observation.cluster and observation.cluster.name else "the cluster"
    if cluster.adopted_by:
        message = f"RemoteMachine {cluster.adopted_by} has adopted the host with the machine ID {machine_id}"
        return AdoptionVerdict(Proof.REFUSED, message)
    if node is None and _is_controller(observation):
        return _judge_controller(facts, cluster, name)
    if node is None:
        proof = Proof.LATER if adoption is Adoption.WAIT else Proof.REFUSED
        found = f"{name} has no Node {' or '.join(names)} of this host"
        return AdoptionVerdict(proof, f"{found}, although {kubernetes_running(facts)} is there")
    if not machine_id or node.machine_id != machine_id:
        told = f"Node {node.name} has the machine ID {node.machine_id or 'unknown'}"
        return AdoptionVerdict(Proof.REFUSED, f"{told}, and the host {machine_id or 'none'}: it is another host's Node")
    if node.provider_id not in {"", observation.machine.provider_id}:
        return AdoptionVerdict(
            Proof.REFUSED, f"Node {node.name} has the provider ID {node.provider_id[:100]!r} already"
        )
    if node.leaving or not node.ready:
        state = "is being deleted" if node.leaving else "is not Ready"
        return AdoptionVerdict(Proof.LATER, f"Node {node.name} {state}: waiting for it")
    return AdoptionVerdict(Proof.ADOPTED, f"Node {node.name} with the machine ID {machine_id}")


def _own_name(facts: Mapping[str, Any]) -> str:
    """As a kubelet takes it; empty where no object can have the name."""
    try:
        return object_name(str(facts.get("hostname") or "").lower())
    except ValueError:
        return ""


def _may_be(observation: Observation, facts: Mapping[str, Any], node: NodeIdentity) -> bool:
    """It has the host's own name, or that of the machine and one of the host's addresses."""
    if node.name == _own_name(facts):
        return True
    own = {observation.machine.spec.address, *_words(facts, "addresses"), *_words(facts, "address")}
    return not own.isdisjoint(node.addresses)


def _is_controller(observation: Observation) -> bool:
    return observation.owner is not None and observation.owner.bootstrap_kind == CONTROLLER_KIND


def _judge_controller(facts: Mapping[str, Any], cluster: ClusterEvidence, name: str) -> AdoptionVerdict:
    """A controller without a kubelet: it holds the certificate authority of its cluster."""
    authority = str(facts.get("here.authority") or "")
    if "k0scontroller" not in _words(facts, "here.services") or "k0s" not in _words(facts, "here.processes"):
        return AdoptionVerdict(Proof.REFUSED, "there is neither a Node of this host nor a k0scontroller at work on it")
    if not machine_id_of(facts):
        return AdoptionVerdict(Proof.REFUSED, "the host has no machine ID")
    if not authority or authority != cluster.authority:
        return AdoptionVerdict(Proof.REFUSED, f"its certificate authority is not that of {name}")
    return AdoptionVerdict(Proof.ADOPTED, f"a controller with the certificate authority of {name}")


def facts_of(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the host has said of itself. details: of a preflight."""
    facts = details.get("facts")
    return facts if isinstance(facts, Mapping) else {}
