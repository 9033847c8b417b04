"""`clusterctl move` from one management cluster to another: machines stay what they are, and no host notices."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import ControlPlane, assets
from tests.e2e.controller.fixtures import bring_up_management
from tests.e2e.controller.kubelets import Kubelets
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Site, address, condition
from tests.e2e.support import count, counted
from tests.hosts import Host

INVENTORY = Path(__file__).with_name("clusterctl-inventory.yaml")
PREFIX = "capra.infrastructure.cluster.x-k8s.io"
LABEL = "clusterctl.cluster.x-k8s.io"


@pytest.fixture
def other_management(release: Path, workload: ControlPlane) -> Iterator[Management]:
    """Where everything moves to."""
    yield from bring_up_management(release, workload)


def _as_if_clusterctl_had_installed(management: Management) -> None:
    """The labels by which it finds what there is to move, and its list of providers."""
    plane = management.plane
    plane.kubectl("label", "--overwrite", "crd", "--all", f"{LABEL}=")
    plane.apply(INVENTORY, "--server-side")
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    providers = {
        "cluster-api": ("CoreProvider", assets.CLUSTER_API_VERSION, "capi-system"),
        "infrastructure-capra": ("InfrastructureProvider", "v0.1.0", "capra-system"),
    }
    for name, (kind, version, namespace) in providers.items():
        if namespace not in plane.kubectl("get", "namespaces", "-o", "name"):
            plane.kubectl("create", "namespace", namespace)
        labels = {LABEL: "", f"{LABEL}/core": "inventory", "cluster.x-k8s.io/provider": name}
        provider: dict[str, Any] = {
            "apiVersion": f"{LABEL}/v1alpha3",
            "kind": "Provider",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "providerName": name.removeprefix("infrastructure-"),
            "type": kind,
            "version": version,
        }
        plane.apply([provider])


def _move(source: Site, target: Site, directory: Path) -> None:
    directory.mkdir()
    configuration = directory / "clusterctl.yaml"
    configuration.write_text("{}\n")
    command: list[str | Path] = [
        assets.cluster_api().clusterctl,
        f"--config={configuration}",
        "move",
        f"--namespace={source.namespace}",
        f"--kubeconfig={source.plane.kubeconfig}",
        f"--to-kubeconfig={target.plane.kubeconfig}",
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GOPROXY": "off",
        "CLUSTERCTL_DISABLE_VERSIONCHECK": "true",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def _with_node(site: Site, name: str) -> bool:
    machine = site.get("Machine", name)
    return bool(machine and (machine.get("status") or {}).get("nodeRef", {}).get("name"))


def test_machines_move_and_no_host_notices(
    management: Management,
    other_management: Management,
    site: Site,
    controller: ControllerProcess,
    kubelets: Kubelets,
    two_hosts: list[Host],
    tmp_path: Path,
) -> None:
    direct, pooled = two_hosts
    site.keys(two_hosts)
    site.data(commands=[counted("bootstrap")])
    site.entry(pooled, cleanUpCommands=[counted("clean")])
    site.cluster()
    site.machine("direct", address(direct) | {"cleanUpCommands": [counted("clean")]})
    site.machine("pooled", {"pool": "p"})
    for name in ("direct", "pooled"):
        site.until(f"Machine {name} has its Node", partial(_with_node, site, name))
    before = {name: site.get("RemoteMachine", name) for name in ("direct", "pooled")}
    entry_before = site.get("PooledRemoteMachine", pooled.name)
    for each in (management, other_management):
        _as_if_clusterctl_had_installed(each)

    other_management.plane.kubectl("create", "namespace", site.namespace)
    target = Site(other_management, site.namespace)
    directory = tmp_path / "target"
    directory.mkdir()
    kubeconfig = other_management.plane.kubeconfig_for(*ACCOUNT)
    second = ControllerProcess(kubeconfig, directory, (f"--namespace={site.namespace}",))
    second.start()
    try:
        _move(site, target, tmp_path / "clusterctl")
        told = {"initialization": {"controlPlaneInitialized": True}, "version": "v1.34.4"}
        target.patch("K0smotronControlPlane", "c", {"status": told | {"externalManagedControlPlane": True}}, "status")
        _check_moved(site, target, before, entry_before)
        assert [count(host, "bootstrap") for host in two_hosts] == [1, 1]
        assert [count(host, "clean") for host in two_hosts] == [0, 0]

        for name in ("direct", "pooled"):
            target.delete("Machine", name)
        for name in ("direct", "pooled"):
            target.gone("Machine", name)
        target.all_available()
        assert [count(host, "bootstrap") for host in two_hosts] == [1, 1]
        assert [count(host, "clean") for host in two_hosts] == [1, 1]
    finally:
        second.end()
        print(second.tail())


def _check_moved(site: Site, target: Site, before: dict[str, Any], entry_before: Any) -> None:
    for name, old in before.items():
        assert site.get("RemoteMachine", name) is None
        machine = target.provisioned(name)
        assert machine["spec"]["providerID"] == old["spec"]["providerID"]
        raw = target.until(f"{name} is Ready", partial(_ready, target, name))
        assert raw["metadata"]["uid"] != old["metadata"]["uid"]
        host_keys = f"{PREFIX}/host-keys"
        assert raw["metadata"]["annotations"][host_keys] == old["metadata"]["annotations"][host_keys]
        assert not {"BootstrapStarted", "CleanupStarted"} & set(target.events(name))
    entry_name = entry_before["metadata"]["name"]
    assert site.get("PooledRemoteMachine", entry_name) is None
    target.until("the entry is Reserved", lambda: target.states() == {entry_name: "Reserved"})
    entry, machine = target.get("PooledRemoteMachine", entry_name), target.get("RemoteMachine", "pooled")
    holder = entry["metadata"]["annotations"][f"{PREFIX}/holder"]
    assert holder == f"pooled/{machine['metadata']['uid']}/{entry['metadata']['uid']}"


def _ready(site: Site, name: str) -> Any:
    raw = site.get("RemoteMachine", name)
    return raw if raw and condition(raw, "Ready").get("status") == "True" else None
