"""The chart of a cluster: what the examples and the templates for clusterctl have, applied by Helm to an API server."""

from __future__ import annotations

import base64
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.component.deploy.charts import CHARTS, Helm, one, place, wait_for_crds
from tests.component.deploy.conftest import ROOT, Release
from tests.component.deploy.test_cluster_templates import adopted
from tests.controlplane import ControlPlane
from tests.controlplane.crds import install_capra, install_cluster_api
from tests.controlplane.fixtures import bring_up, bring_up_cluster_api, bring_up_kubeadm, own_control_plane
from tests.e2e.support import wait_for

__all__ = ["own_control_plane"]

CHART = CHARTS / "capra-cluster"
HOSTS: list[dict[str, Any]] = [
    {"address": "192.0.2.11", "user": "my-user", "useSudo": True},
    {"address": "192.0.2.12", "name": "two"},
]
VALUES: dict[str, Any] = {"endpoint": {"host": "192.0.2.100"}, "hosts": HOSTS, "sshKey": {"privateKey": "a key\n"}}
POOLS = {"controlPlane": {"replicas": 3, "pool": "control-planes"}, "workers": {"replicas": 2, "pool": "workers"}}
KUBEADM = {**VALUES, "distribution": "kubeadm"}
HOSTED = {**VALUES, "k0s": {"hosted": True}}
COMMON = ["Cluster", "RemoteCluster", "MachineDeployment", "PooledRemoteMachine", "PooledRemoteMachine", "Secret"]
TWO_TEMPLATES = ["RemoteMachineTemplate"] * 2
TEMPLATE = {
    "CLUSTER_NAME": "demo",
    "CONTROL_PLANE_MACHINE_COUNT": "1",
    "WORKER_MACHINE_COUNT": "0",
    "KUBERNETES_VERSION": "v1.34.1",
    "CONTROL_PLANE_ENDPOINT_HOST": "192.0.2.100",
    "POOL_NAME:=default": "demo",
}
"""Variables of clusterctl's template that give what VALUES give."""

DEFAULT = re.compile(r"\$\{\w+:=([^}]*)\}")
MADE = {
    "k0s": (VALUES, [*COMMON, *TWO_TEMPLATES, "K0sControlPlane", "K0sWorkerConfigTemplate"]),
    "hosted": (HOSTED, [*COMMON, "RemoteMachineTemplate", "K0smotronControlPlane", "K0sWorkerConfigTemplate"]),
    "kubeadm": (KUBEADM, [*COMMON, *TWO_TEMPLATES, "KubeadmControlPlane", "KubeadmConfigTemplate"]),
}


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path)


@pytest.fixture(scope="module")
def management() -> Iterator[ControlPlane]:
    """With Cluster API's and its kubeadm providers' controllers, whose webhooks have the last word."""
    with bring_up() as plane, bring_up_cluster_api(plane), bring_up_kubeadm(plane):
        install_capra(plane)
        yield plane


def specs(objects: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """`spec` of each object, but for hosts and keys."""
    apart = {"PooledRemoteMachine", "Secret"}
    return {place(raw): (raw["apiVersion"], raw["spec"]) for raw in objects if raw["kind"] not in apart}


def test_it_passes_helms_own_check(helm: Helm) -> None:
    helm.run("lint", "--strict", CHART)


@pytest.mark.parametrize(("values", "kinds"), MADE.values(), ids=MADE)
def test_it_makes_all_that_a_cluster_consists_of(helm: Helm, values: dict[str, Any], kinds: list[str]) -> None:
    assert sorted(raw["kind"] for raw in helm.template(CHART, values)) == sorted(kinds)


def test_with_kubeadm_it_makes_the_example(helm: Helm) -> None:
    example = list(yaml.safe_load_all((ROOT / "docs" / "examples" / "kubeadm.yaml").read_text()))
    made = specs(helm.template(CHART, {**KUBEADM, **POOLS}))
    # The example's endpoint is in the RemoteCluster, from which Cluster API takes it; and its networks are shorter.
    wanted = specs(example)
    for objects in (made, wanted):
        del objects["Cluster", "demo"], objects["RemoteCluster", "demo"]
    assert made == wanted


def test_with_k0s_it_makes_what_clusterctl_would(helm: Helm, release: Release) -> None:
    text = (release.directory / "cluster-template.yaml").read_text()
    for name, value in TEMPLATE.items():
        text = text.replace(f"${{{name}}}", value)
    text = DEFAULT.sub(r"\1", text)
    wanted = {raw["kind"]: raw["spec"] for raw in yaml.safe_load_all(text) if "spec" in raw}
    made = helm.template(CHART, VALUES)
    for kind in ("Cluster", "K0sControlPlane", "K0sWorkerConfigTemplate", "RemoteMachineTemplate"):
        [spec, *others] = [raw["spec"] for raw in made if raw["kind"] == kind]
        if kind == "K0sControlPlane":
            wanted[kind]["machineTemplate"]["infrastructureRef"]["name"] = "demo-control-planes"
        assert [spec, *others] == [wanted[kind]] * (1 + len(others)), kind


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({**VALUES, "endpoint": {}}, "endpoint.host: is required"),
        ({**VALUES, "sshKey": {}}, "sshKey: needs secret"),
        ({**VALUES, "sshKey": {"secret": "a", "privateKey": "b"}}, "keep one"),
        ({**VALUES, "distribution": "k3s"}, "distribution"),
        ({**VALUES, "version": "1.34"}, "version"),
        ({**VALUES, "hosts": [{"adress": "192.0.2.1"}]}, "adress"),
    ],
)
def test_a_value_that_is_wrong_is_named(helm: Helm, tmp_path: Path, values: dict[str, Any], named: str) -> None:
    given = tmp_path / "values.yaml"
    given.write_text(yaml.safe_dump(values))
    assert named in helm.run("template", "demo", CHART, "--values", given, code=1)


def test_hosts_are_entries_whose_names_do_not_depend_on_their_order(helm: Helm) -> None:
    third = {"address": "192.0.2.11", "port": 2222}
    made = helm.template(CHART, {**VALUES, "hosts": [*HOSTS, third], "sshKey": {"secret": "mine"}})
    assert "Secret" not in {raw["kind"] for raw in made}
    entries = {raw["metadata"]["name"]: raw["spec"] for raw in made if raw["kind"] == "PooledRemoteMachine"}
    key: dict[str, Any] = {"sshKeyRef": {"name": "mine"}}
    assert entries.pop("demo-two") == {"pool": "demo", "machine": {"address": "192.0.2.12", **key}}
    assert all(re.fullmatch(r"demo-[0-9a-f]{8}", name) for name in entries)
    [name, other] = sorted(entries, key=lambda name: "port" in entries[name]["machine"])
    assert entries[name] == {"pool": "demo", "machine": {**HOSTS[0], **key}}
    assert entries[other] == {"pool": "demo", "machine": {**third, **key}}
    turned = helm.template(CHART, {**VALUES, "hosts": HOSTS[::-1]})
    assert one(turned, "PooledRemoteMachine", name)["spec"]["machine"]["address"] == "192.0.2.11"


def test_the_commands_of_the_guide_install_both_charts(
    own_control_plane: ControlPlane, helm: Helm, release: Release, tmp_path: Path
) -> None:
    plane = own_control_plane
    install_cluster_api(plane)
    text = (ROOT / "docs" / "guide" / "helm.md").read_text()
    [values] = re.findall(r"^```yaml\n# demo.yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "demo.yaml").write_text(values)
    (tmp_path / "key").write_text("a key\n")
    (tmp_path / "out" / "release").mkdir(parents=True)
    (tmp_path / "out" / "release" / "infrastructure-capra").symlink_to(release.directory.parent)
    commands = re.findall(r"^```sh\n(helm .*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(commands) == 2
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "helm"
        helm.run(*arguments, plane=plane, directory=tmp_path)
        wait_for_crds(plane)
    entries = plane.get("pooledremotemachines", "--namespace=default")["items"]
    assert {one["spec"]["machine"]["address"] for one in entries} == {"192.0.2.10", "192.0.2.11"}
    assert plane.get("cluster", "demo", "--namespace=default")["spec"]["controlPlaneEndpoint"]["host"] == "192.0.2.10"
    plane.get("deployment", "capra-controller-manager", "--namespace=capra-system")


def install(helm: Helm, plane: ControlPlane, values: dict[str, Any], command: str = "install") -> str:
    """Install the chart as `demo`; its namespace."""
    namespace = plane.namespace()
    given = helm.home / "given.yaml"
    given.write_text(yaml.safe_dump(values))
    helm.run(command, "demo", CHART, "--namespace", namespace, "--values", given, plane=plane)
    return namespace


def names(plane: ControlPlane, namespace: str, kinds: str) -> set[tuple[str, str]]:
    """Those that are not being deleted."""
    found = plane.get(kinds, "--namespace", namespace)["items"]
    return {place(raw) for raw in found if "deletionTimestamp" not in raw["metadata"]}


@pytest.mark.parametrize(("values", "kinds"), MADE.values(), ids=MADE)
def test_it_is_installed_and_cluster_api_takes_it_up(
    helm: Helm, management: ControlPlane, values: dict[str, Any], kinds: list[str]
) -> None:
    namespace = install(helm, management, values)
    made = helm.template(CHART, values)
    for raw in made:
        found = management.get(raw["kind"], raw["metadata"]["name"], "--namespace", namespace)
        assert found["metadata"]["annotations"]["meta.helm.sh/release-name"] == "demo"
    control_plane = next(kind for kind in kinds if kind.endswith("ControlPlane"))
    wanted = Counter(["RemoteCluster", control_plane, "MachineDeployment"])
    wait_for(lambda: adopted(management, namespace, wanted) == wanted, f"{wanted}, of the Cluster", 60)
    if values is not HOSTED:
        assert management.get("cluster", "demo", "-n", namespace)["spec"]["controlPlaneEndpoint"]["port"] == 6443
    key = management.get("secret", "demo-ssh-key", "-n", namespace)
    assert base64.b64decode(key["data"]["value"]) == b"a key\n"
    assert key["metadata"]["labels"]["clusterctl.cluster.x-k8s.io/move"] == ""


def test_workers_are_scaled_by_an_upgrade_and_only_the_cluster_is_deleted(helm: Helm, management: ControlPlane) -> None:
    namespace = install(helm, management, VALUES)
    upgrade = ("upgrade", "demo", CHART, "--namespace", namespace, "--reuse-values", "--set", "workers.replicas=1")
    helm.run(*upgrade, plane=management)
    deployment = management.get("machinedeployment", "demo-workers", "-n", namespace)
    assert deployment["spec"]["replicas"] == 1
    kept = "pooledremotemachines,remotemachinetemplates,secrets,remoteclusters,k0scontrolplanes"
    before = {raw for raw in names(management, namespace, kept) if not raw[1].startswith("sh.helm.release")}
    assert len(before) == 7
    helm.run("uninstall", "demo", "--namespace", namespace, plane=management)
    assert names(management, namespace, "clusters") == set()
    # Cluster API begins with what a Cluster consists of; hosts and their keys are nobody's but the user's.
    left = names(management, namespace, "pooledremotemachines,secrets")
    assert {raw for raw in before if raw[0] in {"PooledRemoteMachine", "Secret"}} <= left
