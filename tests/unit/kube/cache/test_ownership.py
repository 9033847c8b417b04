"""Who owns what: a UID, and a reference back. A name proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from capra.controller.dependents import dependents
from capra.kube.cache.cache import Cache
from capra.kube.cache.ownership import owned_by, owner_of
from capra.kube.client.resources import ObjectKey
from capra.model.machine import GROUP

BACK = {
    "Machine": {"apiGroup": GROUP, "kind": "RemoteMachine", "name": "m"},
    "Cluster": {"apiGroup": GROUP, "kind": "RemoteCluster", "name": "m"},
}


def _raw(kind: str, name: str, spec: Any = None, namespace: str = "ns", **metadata: Any) -> dict[str, Any]:
    values = {"name": name, "namespace": namespace, "uid": f"{kind}-{name}", "resourceVersion": "1"}
    return {"kind": kind, "metadata": values | metadata, "spec": spec or {}}


def _reference(kind: str = "Machine", **given: str) -> dict[str, str]:
    made = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": kind, "name": "owner", "uid": f"{kind}-owner"}
    return made | given


def _owned(*references: dict[str, str], kind: str = "RemoteMachine") -> dict[str, Any]:
    return _raw(kind, "m", ownerReferences=list(references))


def _cache(*objects: dict[str, Any]) -> Cache:
    cache = Cache()
    for raw in objects:
        cache.put(raw["kind"], raw)
    return cache


@pytest.mark.parametrize(("kind", "owned"), [("Machine", "RemoteMachine"), ("Cluster", "RemoteCluster")])
def test_both_name_each_other(kind: str, owned: str) -> None:
    raw, owner = _owned(_reference(kind), kind=owned), _raw(kind, "owner", {"infrastructureRef": BACK[kind]})
    assert owner_of(_cache(raw, owner), raw, kind) == (owner, "")
    assert owned_by(raw, owner, kind)


def test_v1beta1_says_it_in_its_own_words() -> None:
    back = {"apiVersion": f"{GROUP}/v1beta1", "kind": "RemoteMachine", "name": "m", "namespace": "ns"}
    raw, owner = _owned(_reference()), _raw("Machine", "owner", {"infrastructureRef": back})
    assert owner_of(_cache(raw, owner), raw, "Machine") == (owner, "")


def test_another_uid_is_another_machine() -> None:
    raw = _owned(_reference(uid="uid-of-another"))
    owner = _raw("Machine", "owner", {"infrastructureRef": BACK["Machine"]})
    found, problem = owner_of(_cache(raw, owner), raw, "Machine")
    assert found is None
    assert "with the UID uid-of-another" in problem
    assert "has the UID Machine-owner" in problem
    assert not owned_by(raw, owner, "Machine")


def test_a_cluster_that_was_made_anew_is_known_by_its_reference_back() -> None:
    raw = _owned(_reference("Cluster", uid="of-the-first"), kind="RemoteCluster")
    owner = _raw("Cluster", "owner", {"infrastructureRef": BACK["Cluster"]})
    assert owner_of(_cache(raw, owner), raw, "Cluster") == (owner, "")
    other = _raw("Cluster", "owner", {"infrastructureRef": BACK["Cluster"] | {"name": "other"}})
    assert owner_of(_cache(raw, other), raw, "Cluster")[0] is None


@pytest.mark.parametrize(
    ("back", "named"),
    [
        ({"name": "other"}, "RemoteMachine ns/other"),
        ({"kind": "RemoteMachineTemplate"}, "RemoteMachineTemplate ns/m"),
        ({"apiGroup": "infrastructure.example.com"}, "of infrastructure.example.com"),
        ({"namespace": "elsewhere"}, "RemoteMachine elsewhere/m"),
        (None, "names nothing"),
    ],
)
def test_a_machine_that_names_something_else_is_no_owner(back: dict[str, str] | None, named: str) -> None:
    reference = BACK["Machine"] | back if back else {}
    raw, owner = _owned(_reference()), _raw("Machine", "owner", {"infrastructureRef": reference})
    found, problem = owner_of(_cache(raw, owner), raw, "Machine")
    assert found is None
    assert named in problem
    assert not owned_by(raw, owner, "Machine")


def test_of_several_references_the_true_one_counts() -> None:
    raw = _owned(_reference(name="first", uid="no"), _reference())
    owner = _raw("Machine", "owner", {"infrastructureRef": BACK["Machine"]})
    assert owner_of(_cache(raw, owner, _raw("Machine", "first")), raw, "Machine") == (owner, "")


def test_what_is_not_there_and_what_is_no_machine_of_cluster_api() -> None:
    raw = _owned(_reference(name="gone"), _reference(apiVersion="example.com/v1"))
    assert owner_of(_cache(raw), raw, "Machine") == (None, "")


@pytest.mark.parametrize(("kind", "owned"), [("Machine", "RemoteMachine"), ("Cluster", "RemoteCluster")])
def test_whoever_names_it_is_looked_at_again(kind: str, owned: str) -> None:
    raw = _owned(_reference(kind, uid="wrong"), kind=owned)
    owner = _raw(kind, "owner")
    assert ObjectKey(owned, "ns", "m") in set(dependents(_cache(raw, owner), kind, owner))
