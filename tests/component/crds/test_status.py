"""Everything that Capra writes to a status is there when it reads it again: nothing is pruned, nothing refused."""

from __future__ import annotations

from typing import Any

import pytest

from capra.controller.reconcilers import cluster as cluster_reconciler
from capra.engine.clusters.remote_cluster import ClusterReport
from capra.engine.told.report import OWNED
from capra.kube.cache import entry_state
from capra.kube.cache.cache import Cache
from capra.kube.client.resources import HOLDER, QUARANTINED
from capra.kube.stores import reporter
from capra.model.status import Condition, MachineAddress, MachineReport
from tests.component.crds.support import GROUP, VERSIONS, read, write, write_status
from tests.controlplane import ControlPlane

NOW = "2026-01-02T03:04:05Z"
ADDRESSES = ("Hostname", "ExternalIP", "InternalIP", "ExternalDNS", "InternalDNS")
ALL_CONDITIONS = tuple(Condition(kind, "Unknown", "Bootstrapping", "a message") for kind in sorted(OWNED))

REPORTS = {
    "new": MachineReport("Pending", provisioned=False),
    "failed": MachineReport("Failed", False, ALL_CONDITIONS, (), "ProvisionFailed", "step 3 of 7 ended with status 1"),
    "provisioned": MachineReport(
        "Provisioned", True, ALL_CONDITIONS, tuple(MachineAddress(kind, "192.0.2.1") for kind in ADDRESSES)
    ),
    "without conditions again": MachineReport("Clean", provisioned=False),
}


def raw(kind: str, version: str, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": "one", "annotations": annotations or {}}
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("version", VERSIONS)
def test_of_a_remotemachine(shared_control_plane: ControlPlane, namespace: str, version: str) -> None:
    machine = raw("RemoteMachine", version, {"address": "192.0.2.1"})
    write(shared_control_plane, namespace, machine)
    for report in REPORTS.values():
        changes = reporter.machine_status_changes(read(shared_control_plane, namespace, machine), report, NOW)
        assert changes
        write_status(shared_control_plane, namespace, machine, changes)
        found = read(shared_control_plane, namespace, machine)
        assert reporter.machine_status_changes(found, report, NOW) == {}
        assert found["status"]["ready"] == report.provisioned
        assert {one["type"] for one in found["status"].get("conditions", ())} == {one.type for one in report.conditions}


@pytest.mark.parametrize("version", VERSIONS)
def test_of_a_remotecluster(shared_control_plane: ControlPlane, namespace: str, version: str) -> None:
    cluster = raw("RemoteCluster", version, {})
    write(shared_control_plane, namespace, cluster)
    for provisioned in (False, True, None):
        report = ClusterReport((Condition("Ready", str(bool(provisioned)), "Ready"),), provisioned)
        changes = cluster_reconciler.cluster_status_changes(read(shared_control_plane, namespace, cluster), report, NOW)
        assert changes
        write_status(shared_control_plane, namespace, cluster, changes)
        assert (
            cluster_reconciler.cluster_status_changes(read(shared_control_plane, namespace, cluster), report, NOW) == {}
        )


ENTRIES = {
    "free, without a key": {},
    "held": {HOLDER: "demo-0/uid-of-demo-0/uid"},
    "in quarantine": {HOLDER: "", QUARANTINED: "the cleanup was given up"},
}


@pytest.mark.parametrize("annotations", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("version", VERSIONS)
def test_of_a_pooledremotemachine(
    shared_control_plane: ControlPlane, namespace: str, version: str, annotations: dict[str, str]
) -> None:
    spec = {"pool": "default", "machine": {"address": "192.0.2.1", "sshKeyRef": {"name": "key"}}}
    entry = raw("PooledRemoteMachine", version, spec, annotations)
    write(shared_control_plane, namespace, entry)
    changes = entry_state.entry_status_changes(Cache(), read(shared_control_plane, namespace, entry))
    assert {"state", "message", "reserved"} <= changes.keys()
    write_status(shared_control_plane, namespace, entry, changes)
    found = read(shared_control_plane, namespace, entry)
    assert found["status"] == {name: value for name, value in changes.items() if value is not None}
    assert entry_state.entry_status_changes(Cache(), found) == {}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["RemoteMachine", "RemoteCluster"])
def test_a_condition_of_the_contract_v1beta1_is_no_reason_to_refuse_a_status(
    shared_control_plane: ControlPlane, namespace: str, kind: str, version: str
) -> None:
    one = raw(kind, version, {})
    write(shared_control_plane, namespace, one)
    condition = {"type": "SomebodyElses", "status": "False", "severity": "Info", "lastTransitionTime": NOW}
    write_status(shared_control_plane, namespace, one, {"conditions": [condition]})
    assert read(shared_control_plane, namespace, one)["status"]["conditions"] == [condition]
