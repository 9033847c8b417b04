"""Failure domains of a RemoteCluster, in the form of either contract."""

from __future__ import annotations

from typing import Any

import pytest

from capra.controller.dependents import dependents
from capra.kube.cache.cache import Cache
from capra.kube.cache.choosing.domains import MOST_DOMAINS, failure_domains, misinformed
from capra.kube.client.resources import CLUSTERS, WATCH_FILTER_LABEL, name_of
from capra.kube.objects.cluster_api import dump_failure_domains, load_failure_domains
from tests.support.merge_patch import patched
from tests.unit.kube.pool_examples import cache, entry


def within(domain: str, name: str, pool: str = "p", **more: Any) -> dict[str, Any]:
    raw = entry(name, in_pool=pool, **more)
    return {**raw, "spec": {**raw["spec"], "failureDomain": domain}}


def cluster(name: str = "c", told: Any = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"kind": CLUSTERS, "metadata": metadata, "spec": spec, "status": {"failureDomains": told} if told else {}}


LIST = [{"name": "x", "controlPlane": True}, {"name": "y", "controlPlane": True}]


def test_those_of_all_pools_or_of_those_that_are_named() -> None:
    known = cache(within("y", "a"), within("x", "b", "q"), within("x", "c"), entry("d"), within("z", "e", "r"))
    assert failure_domains(known, cluster()) == ("x", "y", "z")
    assert failure_domains(known, cluster(pools=["p", "q"])) == ("x", "y")
    assert failure_domains(known, cluster(pools=["none"])) == ()
    other = cluster()
    other["metadata"]["namespace"] = "other"
    assert failure_domains(known, other) == ()


def test_of_entries_that_are_not_looked_after_none_count() -> None:
    known = Cache((WATCH_FILTER_LABEL, "w"))
    for raw in (within("x", "a"), within("y", "b", labels={WATCH_FILTER_LABEL: "w"})):
        known.put(raw["kind"], raw)
    assert failure_domains(known, cluster()) == ("y",)


def test_only_who_tells_something_else_is_looked_at_again() -> None:
    first = within("x", "a")
    known = cache(first, within("y", "b"), cluster("right", LIST), cluster("wrong"), cluster("other", pools=["q"]))
    assert [name_of(raw) for raw in misinformed(known, "default")] == ["wrong"]
    assert [key.name for key in dependents(known, first["kind"], first) if key.kind == CLUSTERS] == ["wrong"]


@pytest.mark.parametrize("version", ["cluster.x-k8s.io/v1beta1", "cluster.x-k8s.io/v1beta2", ""])
@pytest.mark.parametrize("told", [None, LIST, {"x": {"controlPlane": True}, "w": {"controlPlane": True}}])
def test_the_form_is_the_one_that_cluster_api_of_this_version_reads(version: str, told: Any) -> None:
    raw = cluster(told=told)
    after = patched(raw, {"status": {"failureDomains": dump_failure_domains(raw, ("x", "y"), version)}})
    wanted = {"x": {"controlPlane": True}, "y": {"controlPlane": True}} if version.endswith("v1beta1") else LIST
    assert after["status"]["failureDomains"] == wanted
    assert load_failure_domains(after) == ("x", "y")
    gone = patched(after, {"status": {"failureDomains": dump_failure_domains(after, (), version)}})
    assert "failureDomains" not in gone["status"]


def test_not_more_than_cluster_api_takes() -> None:
    known = cache(*(within(f"d{number:03}", f"e{number}") for number in range(MOST_DOMAINS + 1)))
    found = failure_domains(known, cluster())
    assert (len(found), found[-1]) == (MOST_DOMAINS, f"d{MOST_DOMAINS - 1:03}")
