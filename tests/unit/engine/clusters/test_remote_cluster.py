"""RemoteClusters: what is told of them, and when nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.clusters.remote_cluster import (
    ClusterObservation,
    ClusterReport,
    Endpoint,
    OwnerCluster,
    report_cluster,
)
from capra.model.machine import MANAGED_BY_ANNOTATION, PAUSED_ANNOTATION
from capra.model.status import Condition

ENDPOINT = Endpoint("192.0.2.1", 6443)
OTHER = Endpoint("api.example.org", 443)
SEEN = ClusterObservation(owner_name="c", owner=OwnerCluster())
READY = Condition("Ready", "True", "Ready")
NOT_PAUSED = Condition("Paused", "False", "NotPaused")


def told(seen: ClusterObservation) -> ClusterReport:
    report = report_cluster(seen)
    assert report is not None
    return report


def test_provisioned_at_once() -> None:
    assert told(SEEN) == ClusterReport((READY, NOT_PAUSED), provisioned=True)


def test_nothing_is_provisioned_before_somebody_says_so() -> None:
    assert not told(ClusterObservation(endpoint=ENDPOINT, owner_name="")).provisioned


@pytest.mark.parametrize("value", ["k0smotron", "somebody", ""])
def test_what_others_manage_is_left_alone(value: str) -> None:
    annotations = {MANAGED_BY_ANNOTATION: value, PAUSED_ANNOTATION: ""}
    assert report_cluster(replace(SEEN, annotations=annotations)) is None


def test_deletion_waits_for_nothing() -> None:
    assert report_cluster(replace(SEEN, deleting=True)) is None


@pytest.mark.parametrize(
    ("owner_name", "message"),
    [
        ("", "waiting for the Cluster that owns this object: its spec.infrastructureRef must name it"),
        ("c", "waiting for Cluster c, which owns this object and is not there"),
    ],
)
@pytest.mark.parametrize("provisioned", [False, True])
def test_a_missing_cluster_is_waited_for_and_takes_nothing_back(
    owner_name: str, message: str, provisioned: bool
) -> None:
    seen = ClusterObservation(endpoint=ENDPOINT, owner_name=owner_name, provisioned=provisioned)
    waiting = Condition("Ready", "False", "WaitingForCluster", message)
    assert told(seen) == ClusterReport((waiting, NOT_PAUSED), provisioned=provisioned)


BY_CLUSTER, BY_ANNOTATION = (
    "Cluster spec.paused is set to true",
    "RemoteCluster has the cluster.x-k8s.io/paused annotation",
)


@pytest.mark.parametrize(
    ("paused", "annotated", "message"),
    [(True, False, BY_CLUSTER), (False, True, BY_ANNOTATION), (True, True, f"{BY_CLUSTER}, {BY_ANNOTATION}")],
)
def test_paused_says_by_what_and_changes_nothing_else(paused: bool, annotated: bool, message: str) -> None:
    annotations = {PAUSED_ANNOTATION: "false"} if annotated else {}
    seen = replace(SEEN, annotations=annotations, owner=OwnerCluster(paused, ENDPOINT))
    assert told(seen) == ClusterReport((Condition("Paused", "True", "Paused", message),))


def test_paused_without_a_cluster() -> None:
    seen = ClusterObservation(annotations={PAUSED_ANNOTATION: ""})
    assert told(seen) == ClusterReport((Condition("Paused", "True", "Paused", BY_ANNOTATION),))


@pytest.mark.parametrize(
    ("own", "of_cluster", "written"),
    [
        pytest.param(Endpoint(), ENDPOINT, ENDPOINT, id="passed on"),
        pytest.param(Endpoint(), Endpoint(), None, id="none anywhere"),
        pytest.param(ENDPOINT, Endpoint(), None, id="only its own"),
        pytest.param(ENDPOINT, ENDPOINT, None, id="the same already"),
        pytest.param(OTHER, ENDPOINT, None, id="another stays"),
        pytest.param(Endpoint("192.0.2.2"), ENDPOINT, None, id="half of one stays"),
        pytest.param(Endpoint(), Endpoint("192.0.2.1"), None, id="half of one is not passed on"),
        pytest.param(Endpoint(), Endpoint("192.0.2.1", 70000), None, id="a wrong one is not passed on"),
    ],
)
def test_the_endpoint_of_the_cluster(own: Endpoint, of_cluster: Endpoint, written: Endpoint | None) -> None:
    report = told(replace(SEEN, endpoint=own, owner=OwnerCluster(endpoint=of_cluster)))
    assert report.endpoint == written
    assert report.provisioned


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            Endpoint("192.0.2.1"),
            "spec.controlPlaneEndpoint.port is required beside host 192.0.2.1: between 1 and 65535",
        ),
        (Endpoint(port=6443), "spec.controlPlaneEndpoint.host is required beside port 6443"),
        (Endpoint("a", 70000), "spec.controlPlaneEndpoint.port must be between 1 and 65535, but is 70000"),
        (Endpoint("a", -1), "spec.controlPlaneEndpoint.port must be between 1 and 65535, but is -1"),
        (Endpoint("a:6443", 6443), "spec.controlPlaneEndpoint.host must be without a port; the port belongs in 'port'"),
        (
            Endpoint("https://a/", 6443),
            "spec.controlPlaneEndpoint.host must be an IPv4 address, an IPv6 address or a DNS name,"
            " but is 'https://a/'",
        ),
    ],
)
def test_an_endpoint_that_is_wrong_is_named(own: Endpoint, message: str) -> None:
    report = told(replace(SEEN, endpoint=own))
    ready, paused = report.conditions
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", "InvalidEndpoint")
    assert message in ready.message
    assert paused == NOT_PAUSED
    assert report.provisioned


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "api.example.org", "a"])
def test_endpoints_that_are_right(host: str) -> None:
    assert told(replace(SEEN, endpoint=Endpoint(host, 6443))).conditions == (READY, NOT_PAUSED)


endpoints = st.builds(
    Endpoint, st.sampled_from(["", "192.0.2.1", "a b", "api.example.org"]), st.sampled_from([0, 1, 6443, 65535, 65536])
)
clusters = st.builds(
    ClusterObservation,
    annotations=st.dictionaries(st.sampled_from([PAUSED_ANNOTATION, MANAGED_BY_ANNOTATION]), st.just("")),
    deleting=st.booleans(),
    endpoint=endpoints,
    owner_name=st.just("c"),
    owner=st.none() | st.builds(OwnerCluster, st.booleans(), endpoints),
    provisioned=st.booleans(),
)


@given(clusters)
def test_always(seen: ClusterObservation) -> None:
    report = report_cluster(seen)
    assert report == report_cluster(seen)
    if report is None:
        return
    if report.endpoint is not None:
        assert not seen.endpoint.given
        after = replace(seen, endpoint=report.endpoint)
        assert report_cluster(after) == replace(report, endpoint=None)
    if seen.provisioned:
        assert report.provisioned is not False
    statuses = {condition.type: condition.status for condition in report.conditions}
    assert (statuses["Paused"] == "True") == (report.provisioned is None)
    assert ("Ready" in statuses) == (statuses["Paused"] == "False")
