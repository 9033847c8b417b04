"""The two sides of 'exactly what is used': what manifests grant, and what an audit log shows."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.rbac import Account, Rule, granted_rules, refused_rules, used_rules

ACCOUNT = Account("ours", "worker")
MANIFESTS = """
kind: ClusterRole
metadata: {name: everywhere}
rules:
  - {apiGroups: ["", apps], resources: [pods, pods/status], verbs: [get, patch]}
  - {nonResourceURLs: [/metrics], verbs: [get]}
---
kind: ClusterRoleBinding
metadata: {name: everywhere}
roleRef: {kind: ClusterRole, name: everywhere}
subjects: [{kind: User, name: worker}, {kind: ServiceAccount, namespace: ours, name: worker}]
---
kind: Role
metadata: {name: here, namespace: ours}
rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}]
---
kind: RoleBinding
metadata: {name: here, namespace: ours}
roleRef: {kind: Role, name: here}
subjects: [{kind: ServiceAccount, namespace: ours, name: worker}]
---
kind: ClusterRole
metadata: {name: bound to nobody}
rules: [{apiGroups: [""], resources: [secrets], verbs: ["*"]}]
---
kind: ClusterRoleBinding
metadata: {name: of another}
roleRef: {kind: ClusterRole, name: bound to nobody}
subjects: [{kind: ServiceAccount, namespace: theirs, name: worker}]
---
"""


def manifests() -> list[Any]:
    return list(yaml.safe_load_all(MANIFESTS))


def event(verb: str, target: dict[str, str] | None, *, user: str = ACCOUNT.user, decision: str = "allow") -> Any:
    return {
        "verb": verb,
        "user": {"username": user},
        "objectRef": target,
        "annotations": {"authorization.k8s.io/decision": decision},
    }


def test_what_is_granted_is_what_is_bound_to_the_account() -> None:
    pods = {
        Rule(verb, group, pod) for verb in ("get", "patch") for group in ("", "apps") for pod in ("pods", "pods/status")
    }
    assert granted_rules(manifests(), ACCOUNT) == pods | {Rule("create", "coordination.k8s.io", "leases")}


def test_a_role_that_is_not_there_is_no_role() -> None:
    without = [one for one in manifests() if one and (one["kind"], one["metadata"]["name"]) != ("Role", "here")]
    with pytest.raises(KeyError, match="here"):
        granted_rules(without, ACCOUNT)


def test_what_is_used_is_what_the_user_was_let_do() -> None:
    lease = {"resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": "ours", "name": "x"}
    events = [
        event("create", lease),
        event("create", lease),
        event("patch", {"resource": "pods", "subresource": "status", "name": "x"}),
        event("list", {"resource": "nodes"}, user="system:serviceaccount:theirs:worker"),
        event("delete", {"resource": "pods"}, decision="forbid"),
        event("get", None),
    ]
    assert used_rules(events, ACCOUNT.user) == {
        Rule("create", "coordination.k8s.io", "leases"),
        Rule("patch", "", "pods/status"),
    }
    assert refused_rules(events, ACCOUNT.user) == {Rule("delete", "", "pods")}
