"""What a controller may do, by its manifests, and what it did, by the API server's audit log: the same sets."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Raw = Mapping[str, Any]
FORBIDDEN = "forbid"
DECISION = "authorization.k8s.io/decision"


class Rule(NamedTuple):
    """One verb on one resource: `Rule("patch", "infrastructure.cluster.x-k8s.io", "remotemachines/status")`."""

    verb: str
    group: str
    """Empty for the core group."""
    resource: str
    """With its subresource, after a slash."""


class Account(NamedTuple):
    """A ServiceAccount."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """Its name for the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


def granted_rules(manifests: Iterable[Raw], account: Account) -> set[Rule]:
    """What these manifests bind to the account, in any namespace. KeyError where a binding's role is not among them."""
    objects = [manifest for manifest in manifests if manifest]
    roles = {_place(one): one for one in objects if one["kind"] in {"Role", "ClusterRole"}}
    granted: set[Rule] = set()
    for binding in objects:
        if binding["kind"] in {"RoleBinding", "ClusterRoleBinding"} and account in _accounts(binding):
            reference = binding["roleRef"]
            namespace = binding["metadata"]["namespace"] if reference["kind"] == "Role" else ""
            granted |= set(_rules(roles[reference["kind"], namespace, reference["name"]]))
    return granted


def used_rules(events: Iterable[Raw], user: str) -> set[Rule]:
    """What this user asked the API server for and was let do, whatever came of it."""
    return {rule for event in events if not _forbidden(event) for rule in _asked(event, user)}


def refused_rules(events: Iterable[Raw], user: str) -> set[Rule]:
    """What this user asked the API server for and was not allowed to do."""
    return {rule for event in events if _forbidden(event) for rule in _asked(event, user)}


def _asked(event: Raw, user: str) -> Iterator[Rule]:
    """Requests that are about no object, such as discovery, need no rule of ours."""
    target = event.get("objectRef")
    if event["user"]["username"] == user and target:
        resource = "/".join(filter(None, (target["resource"], target.get("subresource", ""))))
        yield Rule(event["verb"], target.get("apiGroup", ""), resource)


def _forbidden(event: Raw) -> bool:
    return (event.get("annotations") or {}).get(DECISION) == FORBIDDEN


def _rules(role: Raw) -> Iterator[Rule]:
    for rule in role["rules"]:
        for verb, group, resource in itertools.product(
            rule["verbs"], rule.get("apiGroups", ()), rule.get("resources", ())
        ):
            yield Rule(verb, group, resource)


def _accounts(binding: Raw) -> list[Account]:
    subjects = binding.get("subjects") or ()
    return [Account(one["namespace"], one["name"]) for one in subjects if one["kind"] == "ServiceAccount"]


def _place(raw: Raw) -> tuple[str, str, str]:
    return raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"]
