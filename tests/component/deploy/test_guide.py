"""What docs/guide/install.md says of the way from k0smotron's provider to Capra, with clusterctl itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.component.crds.support import GROUP, crds
from tests.component.crds.test_upgrade import reference_crds, wait
from tests.component.deploy.conftest import Clusterctl
from tests.controlplane import ControlPlane, ControlPlaneError
from tests.controlplane.crds import install_capra, install_cluster_api
from tests.controlplane.fixtures import own_control_plane

__all__ = ["own_control_plane"]

REFERENCE_PROVIDER = "infrastructure-k0sproject-k0smotron"
CLUSTERCTL, PROVIDER = "clusterctl.cluster.x-k8s.io", "cluster.x-k8s.io/provider"
DELETE = ("delete", "--infrastructure", "k0sproject-k0smotron")
MACHINE = {
    "apiVersion": f"{GROUP}/v1beta2",
    "kind": "RemoteMachine",
    "metadata": {"name": "m", "namespace": "default"},
    "spec": {"address": "192.0.2.10"},
}


def labelled(raw: dict[str, Any], provider: str) -> dict[str, Any]:
    """As clusterctl labels everything that it installs."""
    raw["metadata"].setdefault("labels", {}).update({CLUSTERCTL: "", PROVIDER: provider})
    return raw


def install_reference(plane: ControlPlane, clusterctl: Clusterctl) -> None:
    """The reference's CRDs and its entry in clusterctl's inventory, as `clusterctl init` leaves them; one machine."""
    install_cluster_api(plane)
    plane.apply([labelled(crd, REFERENCE_PROVIDER) for crd in reference_crds()], "--server-side", "--field-manager=x")
    # Any command brings the CRD of the inventory.
    clusterctl.run("delete", "--infrastructure", "none", "--kubeconfig", plane.kubeconfig, code=1)
    wait(plane)
    plane.kubectl("create", "namespace", "k0smotron")
    entry = {
        "apiVersion": f"{CLUSTERCTL}/v1alpha3",
        "kind": "Provider",
        "metadata": {"name": REFERENCE_PROVIDER, "namespace": "k0smotron"},
        "providerName": "k0sproject-k0smotron",
        "type": "InfrastructureProvider",
        "version": "v2.1.0",
    }
    plane.apply([labelled(entry, REFERENCE_PROVIDER), MACHINE])


def with_kubectl(plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match="conflict"):
        install_capra(plane)
    install_capra(plane, "--force-conflicts")


def with_clusterctl(plane: ControlPlane) -> None:
    """A merge patch with the whole CRD (Cluster API v1.13.6, `createObj`)."""
    for crd in crds().values():
        patch = json.dumps(labelled(crd, "infrastructure-capra"))
        plane.kubectl("patch", "crd", crd["metadata"]["name"], "--type=merge", "--patch", patch)


def kinds(plane: ControlPlane) -> set[str]:
    """Kinds of the infrastructure's group that are there, and stay."""
    return {
        crd["spec"]["names"]["kind"]
        for crd in plane.get("crds")["items"]
        if crd["spec"]["group"] == GROUP and "deletionTimestamp" not in crd["metadata"]
    }


@pytest.mark.parametrize("install", [with_kubectl, with_clusterctl])
def test_the_reference_can_be_removed_and_its_objects_stay(
    own_control_plane: ControlPlane, clusterctl: Clusterctl, install: Callable[[ControlPlane], None]
) -> None:
    plane = own_control_plane
    install_reference(plane, clusterctl)
    clusterctl.run(*DELETE, "--kubeconfig", plane.kubeconfig)
    assert plane.get("providers", "--all-namespaces")["items"] == []
    install(plane)
    assert kinds(plane) == set(crds())
    assert plane.get("remotemachine", "m")["spec"]["address"] == "192.0.2.10"


def test_before_that_the_crds_go_with_the_reference(own_control_plane: ControlPlane, clusterctl: Clusterctl) -> None:
    plane = own_control_plane
    install_reference(plane, clusterctl)
    command = (*DELETE, "--include-crd", "--kubeconfig", plane.kubeconfig)
    assert "found existing objects" in clusterctl.run(*command, code=1)
    plane.kubectl("delete", "remotemachine", "m")
    clusterctl.run(*command)
    assert kinds(plane) == set()


@pytest.mark.parametrize("install", [with_kubectl, with_clusterctl])
def test_afterwards_the_crds_are_capras_and_stay_whatever_is_deleted(
    own_control_plane: ControlPlane, clusterctl: Clusterctl, install: Callable[[ControlPlane], None]
) -> None:
    plane = own_control_plane
    install_reference(plane, clusterctl)
    install(plane)
    clusterctl.run(*DELETE, "--include-crd", "--kubeconfig", plane.kubeconfig)
    assert kinds(plane) == set(crds())
