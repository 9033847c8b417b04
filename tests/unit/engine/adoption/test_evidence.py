"""A host and its cluster must agree on which Node it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from capra.engine.adoption.evidence import (
    ClusterEvidence,
    NodeIdentity,
    Proof,
    before_asking,
    facts_of,
    fingerprint_of_authority,
    judge_adoption,
    kubernetes_running,
    node_names,
)
from capra.model.machine import Adoption
from tests.unit.engine.examples import observation

ID = "0123456789abcdef0123456789abcdef"
WORKER = {"hostname": "Edge-1", "machine_id": ID, "here.services": "k0sworker", "here.processes": "k0s kubelet"}
NODE = NodeIdentity("edge-1", ID, ready=True)
SEEN = observation()
OURS = SEEN.machine.provider_id


def judged(
    node: NodeIdentity | None,
    adoption: Adoption = Adoption.ADOPT,
    authority: str = "",
    kind: str = "",
    facts: Mapping[str, str] | None = None,
) -> tuple[Proof, str]:
    seen = observation(owner={"bootstrap_kind": kind}) if kind else SEEN
    cluster = ClusterEvidence((node,) if node else (), authority)
    verdict = judge_adoption(seen, adoption, {"facts": {**WORKER, **(facts or {})}}, cluster)
    return verdict.proof, verdict.message


@pytest.mark.parametrize(
    ("node", "proof", "message"),
    [
        (NODE, Proof.ADOPTED, f"Node edge-1 with the machine ID {ID}"),
        (NodeIdentity("edge-1", ID, OURS, ready=True), Proof.ADOPTED, ID),
        (NodeIdentity("machine", ID, ready=True, addresses=("192.0.2.7",)), Proof.ADOPTED, "Node machine"),
        (NodeIdentity("machine", ID, ready=True), Proof.REFUSED, "has no Node edge-1 or machine or m of this host"),
        (NodeIdentity("other", ID, ready=True), Proof.REFUSED, "Cluster cluster has no Node edge-1 or machine or m"),
        (None, Proof.REFUSED, "although k0sworker, k0s, kubelet is there"),
        (NodeIdentity("edge-1", "f" * 32, ready=True), Proof.REFUSED, "it is another host's Node"),
        (NodeIdentity("edge-1", "", ready=True), Proof.REFUSED, "machine ID unknown"),
        (
            NodeIdentity("edge-1", ID, "aws:///i-1", ready=True),
            Proof.REFUSED,
            "has the provider ID 'aws:///i-1' already",
        ),
        (NodeIdentity("edge-1", ID), Proof.LATER, "is not Ready: waiting for it"),
        (NodeIdentity("edge-1", ID, ready=True, leaving=True), Proof.LATER, "is being deleted"),
    ],
)
def test_a_node_is_the_hosts_own(node: NodeIdentity | None, proof: Proof, message: str) -> None:
    found, told = judged(node)
    assert found is proof
    assert message in told


def test_a_host_that_another_machine_has_adopted() -> None:
    verdict = judge_adoption(SEEN, Adoption.ADOPT, {"facts": WORKER}, ClusterEvidence((NODE,), adopted_by="default/n"))
    assert verdict.proof is Proof.REFUSED
    assert verdict.message == f"RemoteMachine default/n has adopted the host with the machine ID {ID}"


def test_a_host_without_a_machine_id_proves_nothing() -> None:
    odd = judged(NodeIdentity("edge-1", "uninitialized", ready=True), facts={"machine_id": "uninitialized"})
    assert odd[0] is Proof.REFUSED
    assert judged(NodeIdentity("edge-1", "", ready=True), facts={"machine_id": ""})[0] is Proof.REFUSED


def test_who_waits_waits_for_a_node_that_is_not_there_yet() -> None:
    assert judged(None, Adoption.WAIT)[0] is Proof.LATER
    assert judged(NodeIdentity("edge-1", "f" * 32, ready=True), Adoption.WAIT)[0] is Proof.REFUSED


CONTROLLER = {"here.services": "k0scontroller", "here.processes": "k0s etcd"}


@pytest.mark.parametrize(
    ("facts", "authority", "proof", "message"),
    [
        ({"here.authority": "aa"}, "aa", Proof.ADOPTED, "the certificate authority of Cluster cluster"),
        ({"here.authority": "aa"}, "bb", Proof.REFUSED, "is not that of Cluster cluster"),
        ({"here.authority": ""}, "", Proof.REFUSED, "is not that of Cluster cluster"),
        ({"here.authority": "aa", "here.services": "k0sworker"}, "aa", Proof.REFUSED, "neither a Node"),
        ({"here.authority": "aa", "here.processes": "etcd"}, "aa", Proof.REFUSED, "nor a k0scontroller at work"),
        ({"here.authority": "aa", "machine_id": "uninitialized"}, "aa", Proof.REFUSED, "has no machine ID"),
    ],
)
def test_a_controller_without_a_kubelet(facts: dict[str, str], authority: str, proof: Proof, message: str) -> None:
    found, told = judged(None, authority=authority, kind="K0sControllerConfig", facts=CONTROLLER | facts)
    assert found is proof
    assert message in told


def test_a_controller_with_a_kubelet_is_known_by_its_node() -> None:
    assert judged(NODE, kind="K0sControllerConfig")[0] is Proof.ADOPTED
    other = NodeIdentity("edge-1", "f" * 32, ready=True)
    assert judged(other, kind="K0sControllerConfig", authority="aa", facts={"here.authority": "aa"})[0] is Proof.REFUSED


CLAIMED = {"uid": "u", "name": "other/m", "since": 1}


@pytest.mark.parametrize(
    ("adoption", "details", "proof"),
    [
        (Adoption.ADOPT, {"facts": {}}, Proof.ABSENT),
        (Adoption.ADOPT, {}, Proof.ABSENT),
        (Adoption.REJECT, {"facts": {}}, Proof.ABSENT),
        (Adoption.WAIT, {"facts": {}}, Proof.LATER),
        (Adoption.REJECT, {"facts": WORKER}, Proof.REFUSED),
        (Adoption.ADOPT, {"facts": WORKER}, None),
        (Adoption.WAIT, {"facts": WORKER}, None),
        (Adoption.ADOPT, {"facts": WORKER, "claimed": CLAIMED}, Proof.REFUSED),
        (Adoption.ADOPT, {"facts": {}, "claimed": CLAIMED}, Proof.REFUSED),
        (Adoption.ADOPT, {"facts": WORKER, "claimed": CLAIMED | {"uid": "uid-1"}}, Proof.ABSENT),
    ],
)
def test_what_the_host_alone_tells(adoption: Adoption, details: dict[str, Any], proof: Proof | None) -> None:
    verdict = before_asking(SEEN, adoption, details)
    assert (verdict.proof if verdict else None) is proof


def test_a_machine_of_another_namespace_is_not_named() -> None:
    verdict = before_asking(SEEN, Adoption.ADOPT, {"facts": WORKER, "claimed": CLAIMED})
    assert verdict is not None
    assert "another namespace (UID u)" in verdict.message
    assert "other/m" not in verdict.message


@pytest.mark.parametrize(
    ("claimed", "proof"),
    [({"name": "default/m"}, Proof.ABSENT), ({"name": "default/n"}, Proof.REFUSED), ({"uid": "u"}, Proof.REFUSED)],
)
def test_a_terminal_knows_its_claim_by_the_name(claimed: dict[str, str], proof: Proof) -> None:
    nameless = replace(SEEN, machine=replace(SEEN.machine, uid=""))
    verdict = before_asking(nameless, Adoption.ADOPT, {"facts": WORKER, "claimed": claimed})
    assert verdict is not None
    assert verdict.proof is proof


@pytest.mark.parametrize("name", [".", "..", "a/b", "a_b", ""])
def test_a_name_that_no_node_can_have_is_not_asked_for(name: str) -> None:
    assert node_names(SEEN, {"hostname": name}) == ("machine", "m")


def test_a_kubelet_that_is_only_installed_is_none() -> None:
    assert kubernetes_running({"here.services": "kubelet"}) == ""
    assert kubernetes_running({"here.services": "kubelet", "here.kubeadm": "/etc/kubernetes/kubelet.conf"}) == "kubelet"
    assert kubernetes_running({"here.services": "kubelet", "here.processes": "kubelet"}) == "kubelet"


def test_names_are_asked_for_once() -> None:
    assert node_names(SEEN, {"hostname": "M"}) == ("m", "machine")
    assert node_names(observation(owner=None), {}) == ("m",)


def test_what_runs_is_told_once() -> None:
    facts = {"here.services": "k0sworker", "here.processes": "kubelet kubelet"}
    assert kubernetes_running(facts) == "k0sworker, kubelet"
    assert facts_of({"facts": "no mapping"}) == {}


def test_a_certificate_is_the_same_with_any_line_ends() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"
    assert fingerprint_of_authority(pem) == fingerprint_of_authority(pem.replace("\n", "\r\n").encode())
    assert fingerprint_of_authority(pem) != fingerprint_of_authority(pem.replace("A", "B"))
    assert fingerprint_of_authority("\n") == ""
