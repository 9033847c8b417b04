"""What clusterctl makes of a release: manifests of the provider and of clusters that apply as they are."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.component.deploy.conftest import IMAGE, VERSION, Clusterctl, Release
from tests.controlplane import ControlPlane
from tests.controlplane.crds import install_capra
from tests.controlplane.fixtures import bring_up, bring_up_cluster_api, own_control_plane
from tests.e2e.support import cloud_config

__all__ = ["own_control_plane"]

LABELS = {"clusterctl.cluster.x-k8s.io": "", "cluster.x-k8s.io/provider": "infrastructure-capra"}
KEY = base64.b64encode(b"key").decode()
VARIABLES = {
    "CONTROL_PLANE_ENDPOINT_HOST": "192.0.2.10",
    "POOLED_REMOTE_MACHINE_ADDRESS": "192.0.2.10",
    "REMOTE_MACHINE_ADDRESS": "192.0.2.10",
    "SSH_PRIVATE_KEY": KEY,
    "BOOTSTRAP_DATA": base64.b64encode(cloud_config()).decode(),
}
GENERATED = ("generate", "cluster", "demo", f"--infrastructure=capra:{VERSION}", "--target-namespace=default")
FLAVORS = {
    "": {"Cluster", "RemoteCluster", "K0sControlPlane", "MachineDeployment", "PooledRemoteMachine", "Secret"},
    "hcp": {"Cluster", "RemoteCluster", "K0smotronControlPlane", "Machine", "RemoteMachine", "Secret"},
    "topology": {"Cluster", "ClusterClass", "RemoteClusterTemplate", "RemoteMachineTemplate"},
    "workers": {"Cluster", "RemoteCluster", "MachineDeployment", "PooledRemoteMachine", "Secret"},
}


def _without_labels(raw: dict[str, Any]) -> Any:
    """As it was before clusterctl put its labels on it."""
    labels = {name: value for name, value in raw["metadata"].get("labels", {}).items() if name not in LABELS}
    kept = {**raw, "metadata": {**raw["metadata"], "labels": labels}}
    if not labels:
        del kept["metadata"]["labels"]
    kept.pop("status", None)
    return _without_nothing(kept)


def _without_nothing(value: Any) -> Any:
    """clusterctl drops nulls, such as the conversion webhook that there is not to be any more, and adds what Go writes
    for nothing."""
    if isinstance(value, dict):
        return {name: _without_nothing(one) for name, one in value.items() if one not in (None, {})}
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value


def _place(raw: dict[str, Any]) -> tuple[str, str]:
    return raw["kind"], raw["metadata"]["name"]


def test_the_provider_applies_as_it_is_generated(
    clusterctl: Clusterctl, release: Release, own_control_plane: ControlPlane
) -> None:
    text = clusterctl.run("generate", "provider", "--infrastructure", f"capra:{VERSION}")
    generated = [one for one in yaml.safe_load_all(text) if one]
    for one in generated:
        assert LABELS.items() <= one["metadata"]["labels"].items(), _place(one)
    assert {_place(one): _without_labels(one) for one in generated} == {
        _place(one): _without_labels(one) for one in release.objects()
    }
    own_control_plane.apply(text)
    own_control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    deployment = own_control_plane.get("deployment", "capra-controller-manager", "-n", "capra-system")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["image"]) == ("manager", IMAGE)
    # Again, as for an upgrade.
    assert "unchanged" in own_control_plane.apply(text)


@pytest.fixture(scope="module")
def cluster_api_plane() -> Iterator[ControlPlane]:
    """With Cluster API's admission webhooks, which have the last word on Clusters and the like."""
    with bring_up() as plane, bring_up_cluster_api(plane):
        install_capra(plane)
        yield plane


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_cluster_applies_as_it_is_generated(
    clusterctl: Clusterctl, cluster_api_plane: ControlPlane, flavor: str
) -> None:
    namespace = cluster_api_plane.namespace()
    text = clusterctl.run(
        "generate",
        "cluster",
        "demo",
        f"--infrastructure=capra:{VERSION}",
        f"--target-namespace={namespace}",
        "--kubernetes-version=v1.34.1",
        "--control-plane-machine-count=1",
        "--worker-machine-count=2",
        f"--kubeconfig={cluster_api_plane.kubeconfig}",
        *([f"--flavor={flavor}"] if flavor else []),
        variables=VARIABLES,
    )
    objects = [one for one in yaml.safe_load_all(text) if one]
    assert FLAVORS[flavor] <= {one["kind"] for one in objects}
    assert {one["metadata"].get("namespace") for one in objects} == {namespace}
    cluster_api_plane.apply(text)
    cluster = cluster_api_plane.get("cluster", "demo", "-n", namespace)
    # With a control plane in Pods, k0smotron tells the endpoint.
    assert cluster["spec"].get("controlPlaneEndpoint", {}).get("port") == (None if flavor == "hcp" else 6443)


def test_each_variable_of_the_guide_is_one_of_a_template(clusterctl: Clusterctl) -> None:
    listed = clusterctl.run(*GENERATED, "--list-variables")
    assert "CONTROL_PLANE_ENDPOINT_HOST" in listed
    assert "POOLED_REMOTE_MACHINE_ADDRESS" in listed
    assert "SSH_PRIVATE_KEY" in listed


def test_a_missing_variable_is_named(clusterctl: Clusterctl) -> None:
    given = {name: value for name, value in VARIABLES.items() if name != "SSH_PRIVATE_KEY"}
    assert "SSH_PRIVATE_KEY" in clusterctl.run(*GENERATED, "--kubernetes-version=v1.34.1", variables=given, code=1)
