"""What a cluster says of itself, judged: each finding with advice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.kube.objects.doctor import RIGHTS, ClusterFacts, Right, cluster_findings
from capra.model.finding import Finding, Level

GROUP = "infrastructure.cluster.x-k8s.io"
CRD = f"remotemachines.{GROUP}"
RBAC = Path(__file__).resolve().parents[4] / "deploy" / "rbac.yaml"


def _crd(stored: tuple[str, ...] = ("v1beta2",), **conversion: str) -> dict[str, Any]:
    versions = [{"name": "v1beta1", "served": True}, {"name": "v1beta2", "served": True}, {"name": "v1alpha1"}]
    return {"spec": {"conversion": conversion, "versions": versions}, "status": {"storedVersions": list(stored)}}


def _machine(name: str, key: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n"}, "spec": {"sshKeyRef": {"name": key}}}


def _entry(name: str, key: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n"}, "spec": {"machine": {"sshKeyRef": {"name": key}}}}


def _deployment(ready: int) -> dict[str, Any]:
    template = {"spec": {"containers": [{"image": "registry.example.com/capra:v1"}]}}
    metadata = {"name": "capra-controller-manager", "namespace": "capra-system"}
    return {"metadata": metadata, "spec": {"replicas": 2, "template": template}, "status": {"readyReplicas": ready}}


WELL = ClusterFacts(
    version="v1.35.0",
    skew=0.0,
    versions={GROUP: ("v1beta2", "v1beta1"), "cluster.x-k8s.io": ("v1beta2",)},
    crds={CRD: _crd(strategy="None")},
    allowed=dict.fromkeys(RIGHTS, True),
    machines=[_machine("m", "key")],
    entries=[_entry("e", "key"), {"metadata": {"name": "x", "namespace": "n"}, "spec": {}}],
    secrets=frozenset({("n", "key"), ("n", "other")}),
    controllers=[_deployment(1)],
)


def _bad(**facts: Any) -> Finding:
    """The one finding that is not ok."""
    (found,) = (one for one in cluster_findings(replace(WELL, **facts)) if one.level is not Level.OK)
    return found


def test_a_cluster_that_is_well() -> None:
    found = list(cluster_findings(WELL))
    assert {one.level for one in found} == {Level.OK}
    assert len(found) == 8


def _with_password(name: str, secret: str) -> dict[str, Any]:
    made = _machine(name, "key")
    made["spec"]["becomePasswordRef"] = {"name": secret, "key": "word"}
    return made


@pytest.mark.parametrize(
    ("facts", "name", "level", "told", "advice"),
    [
        ({"skew": None}, "clock", "unknown", "has not told", ""),
        ({"skew": 6.0}, "clock", "warning", "disagree", "NTP"),
        ({"skew": -60.0}, "clock", "warning", "disagree", "NTP"),
        ({"versions": {GROUP: ("v1beta2",)}}, "cluster.x-k8s.io", "error", "not installed", "clusterctl init"),
        ({"versions": {**WELL.versions, GROUP: ("v1beta1",)}}, GROUP, "error", "v1beta2 is not served", "apply"),
        ({"crds": {CRD: None}}, "CRD remotemachines", "unknown", "may not read", "ask for get"),
        ({"crds": {CRD: {}}}, "CRD remotemachines", "error", "not installed", "apply"),
        (
            {"crds": {CRD: _crd(strategy="Webhook")}},
            "CRD remotemachines",
            "error",
            "webhook of another provider",
            f"kubectl patch crd {CRD} --type=merge --patch "
            """'{"spec":{"conversion":{"strategy":"None","webhook":null}}}'""",
        ),
        ({"crds": {CRD: _crd(("v1alpha1", "v1beta2"))}}, "CRD remotemachines", "error", "stored as v1alpha1,", "apply"),
        ({"allowed": None}, "RBAC", "unknown", "may not ask", "subjectaccessreviews"),
        (
            {"allowed": {**WELL.allowed, Right("", "secrets", "list"): False}},  # type: ignore[dict-item]  # it is one
            "RBAC",
            "error",
            "the controller may not list secrets",
            "apply",
        ),
        ({"controllers": None}, "controller", "unknown", "may not read", "view"),
        ({"controllers": []}, "controller", "error", "no Deployment", "apply"),
        (
            {"controllers": [_deployment(0)]},
            "controller",
            "error",
            "none of 2 replicas",
            "logs -n capra-system",
        ),
        ({"secrets": None}, "Secrets", "unknown", "may not list Secrets", "only metadata"),
        ({"machines": None}, "Secrets", "unknown", "may not list the machines", "capra-viewer"),
        ({"entries": None}, "Secrets", "unknown", "may not list the machines", "capra-viewer"),
        (
            {"machines": [_machine("m", "gone")]},
            "Secrets",
            "error",
            "RemoteMachine n/m names it",
            "secret generic gone -n n",
        ),
        (
            {"entries": [_entry("e", "gone")]},
            "Secrets",
            "error",
            "PooledRemoteMachine n/e names it",
            "--from-file=value=",
        ),
        (
            {"machines": [_with_password("m", "root-password")]},
            "Secrets",
            "error",
            "RemoteMachine n/m names it in becomePasswordRef",
            "secret generic root-password -n n --from-file=word=",
        ),
    ],
)
def test_what_is_wrong_has_advice(facts: dict[str, Any], name: str, level: str, told: str, advice: str) -> None:
    found = _bad(**facts)
    assert (found.name, found.level) == (name, level)
    assert told in found.message
    assert advice in found.advice


def test_the_rights_are_those_of_the_role() -> None:
    roles = [one for one in yaml.safe_load_all(RBAC.read_text()) if one["kind"] == "ClusterRole"]
    rules = next(one["rules"] for one in roles if one["metadata"]["name"] == "capra-manager")
    granted = {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert set(RIGHTS) == granted
