"""What a person sees of Capra's kinds with kubectl."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.component.crds.support import GROUP, VERSIONS, crds, fields, resource, schema, write
from tests.controlplane import ControlPlane

KINDS = sorted(crds())

CONDITION = {"type": "Ready", "status": "False", "reason": "PoolExhausted", "message": "no entry is free"}
MACHINE: dict[str, Any] = {
    "kind": "RemoteMachine",
    "metadata": {
        "name": "one",
        "labels": {"cluster.x-k8s.io/cluster-name": "demo"},
        "ownerReferences": [
            {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineSet", "name": "demo-set", "uid": "1"},
            {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "demo-0", "uid": "2"},
        ],
    },
    "spec": {"address": "192.0.2.1", "providerID": "remote-machine://192.0.2.1:22"},
    "status": {"ready": False, "phase": "Pending", "conditions": [CONDITION]},
}
CLUSTER: dict[str, Any] = {
    "kind": "RemoteCluster",
    "metadata": {"name": "one", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
    "spec": {"controlPlaneEndpoint": {"host": "192.0.2.9", "port": 6443}},
    "status": {"ready": True},
}
ENTRY: dict[str, Any] = {
    "kind": "PooledRemoteMachine",
    "metadata": {"name": "one"},
    "spec": {
        "pool": "default",
        "failureDomain": "rack-1",
        "machine": {"address": "192.0.2.1", "sshKeyRef": {"name": "key"}},
    },
    "status": {
        "state": "Reserved",
        "reserved": True,
        "machineRef": {"name": "demo-0", "namespace": "default"},
        "conditions": [{"type": "Reachable", "status": "True"}, {"type": "Fit", "status": "False"}],
        "facts": {"os": "debian", "osVersion": "12", "architecture": "amd64", "cpus": 4, "memory": "1984Mi"},
        "lastProbeTime": "2026-01-02T03:04:05Z",
    },
}
WIDE = {"RESERVED", "OS", "VERSION", "ARCHITECTURE", "CPUS", "MEMORY", "DOMAIN"}
COLUMNS: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        MACHINE,
        {
            "CLUSTER": "demo",
            "MACHINE": "demo-0",
            "PROVIDERID": "remote-machine://192.0.2.1:22",
            "ADDRESS": "192.0.2.1",
            "READY": "false",
            "PHASE": "Pending",
            "REASON": "PoolExhausted",
        },
    ),
    (CLUSTER, {"CLUSTER": "demo", "ENDPOINT": "192.0.2.9", "READY": "true"}),
    (
        ENTRY,
        {
            "POOL": "default",
            "ADDRESS": "192.0.2.1",
            "STATE": "Reserved",
            "REACHABLE": "True",
            "FIT": "False",
            "REMOTE MACHINE": "demo-0",
            "RESERVED": "true",
            "OS": "debian",
            "VERSION": "12",
            "ARCHITECTURE": "amd64",
            "CPUS": "4",
            "MEMORY": "1984Mi",
            "DOMAIN": "rack-1",
        },
    ),
]


def table(text: str) -> dict[str, str]:
    """The one row of kubectl's table by its headings."""
    headings, row = text.rstrip("\n").splitlines()
    starts = [match.start() for match in re.finditer(r"(?<!\S)\S+( \S+)*", headings)]
    ends = [*starts[1:], None]
    cells = [(headings[a:b].strip(), row[a:b].strip()) for a, b in zip(starts, ends, strict=True)]
    return dict(cells)


@pytest.mark.parametrize(("one", "expected"), COLUMNS, ids=[one["kind"] for one, _ in COLUMNS])
@pytest.mark.parametrize("version", VERSIONS)
def test_get_shows_where_an_object_stands(
    shared_control_plane: ControlPlane, namespace: str, version: str, one: dict[str, Any], expected: dict[str, str]
) -> None:
    raw = {"apiVersion": f"{GROUP}/{version}", **one}
    write(shared_control_plane, namespace, raw)
    options = ("get", resource(raw), "--namespace", namespace)
    wide = table(shared_control_plane.kubectl(*options, "-o", "wide"))
    assert wide.pop("AGE")
    assert bool(wide.pop("LAST PROBE", "")) == (one is ENTRY)
    assert wide == {"NAME": "one", **expected}
    assert table(shared_control_plane.kubectl(*options)).keys() == wide.keys() - WIDE | {"AGE"}


def test_all_kinds_are_in_the_category_of_cluster_api(shared_control_plane: ControlPlane) -> None:
    options = ("--api-group", GROUP, "--categories", "cluster-api", "--output", "name")
    listed = shared_control_plane.kubectl("api-resources", *options).split()
    assert sorted(listed) == sorted(f"{kind.lower()}s.{GROUP}" for kind in KINDS)


def test_short_names_are_taken(shared_control_plane: ControlPlane, namespace: str) -> None:
    for crd in crds().values():
        [short] = crd["spec"]["names"]["shortNames"]
        shared_control_plane.kubectl("get", short, "--namespace", namespace)
        listed = shared_control_plane.kubectl("api-resources", "--no-headers").splitlines()
        [line] = [line for line in listed if short in line.split()[1].split(",")]
        assert line.split()[-1] == crd["spec"]["names"]["kind"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_explain_knows_every_field(shared_control_plane: ControlPlane, kind: str, version: str) -> None:
    options = ("--recursive", "--api-version", f"{GROUP}/{version}")
    text = shared_control_plane.kubectl("explain", f"{kind.lower()}s", *options)
    wanted = {path for path, _ in fields(schema(crds()[kind], version))}
    assert wanted <= explained(text)


def explained(text: str) -> set[str]:
    """The paths in `kubectl explain --recursive`: two spaces a level, a tab before the type."""
    found, stack = set(), list[str]()
    for match in re.finditer(r"^((?:  )+)(\w+)\t", text.partition("FIELDS:\n")[2], re.MULTILINE):
        depth = len(match[1]) // 2 - 1
        stack[depth:] = [match[2]]
        found.add(".".join(stack))
    return found


def test_explain_tells_what_a_field_means_and_its_default(shared_control_plane: ControlPlane) -> None:
    text = shared_control_plane.kubectl("explain", "remotemachines.spec.port")
    assert "The TCP port of the host's SSH server. Default 22." in text
