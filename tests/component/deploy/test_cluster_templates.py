"""What `clusterctl generate cluster` makes of a release's templates, and what Cluster API makes of that."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.component.deploy.conftest import VERSION, Clusterctl
from tests.component.deploy.test_clusterctl import GUIDE
from tests.controlplane import ControlPlane, assets
from tests.controlplane.crds import install_capra
from tests.controlplane.fixtures import bring_up, bring_up_cluster_api
from tests.e2e.support import cloud_config, wait_for

VARIABLES = {
    "CONTROL_PLANE_ENDPOINT_HOST": "192.0.2.10",
    "POOLED_REMOTE_MACHINE_ADDRESS": "192.0.2.10",
    "REMOTE_MACHINE_ADDRESS": "192.0.2.10",
    "SSH_PRIVATE_KEY": base64.b64encode(b"key").decode(),
    "BOOTSTRAP_DATA": base64.b64encode(cloud_config()).decode(),
}
KUBERNETES = "--kubernetes-version=v1.34.1"

CLUSTER = Counter(Cluster=1, RemoteCluster=1, Secret=1)
POOL = Counter(RemoteMachineTemplate=1, PooledRemoteMachine=1, MachineDeployment=1)
FLAVORS = {
    "": CLUSTER + POOL + Counter(K0sControlPlane=1, K0sWorkerConfigTemplate=1),
    "hcp": CLUSTER + Counter(K0smotronControlPlane=1, Machine=1, RemoteMachine=1, K0sWorkerConfig=1),
    "topology": Counter(Cluster=1, ClusterClass=1, RemoteClusterTemplate=1, RemoteMachineTemplate=2)
    + Counter(K0sControlPlaneTemplate=1, K0sWorkerConfigTemplate=1),
    "workers": CLUSTER + POOL + Counter(Secret=1),
}
"""Flavor -> how many objects of each kind it consists of."""

ADOPTED = {
    "": Counter(RemoteCluster=1, K0sControlPlane=1),
    "hcp": Counter(RemoteCluster=1, K0smotronControlPlane=1, RemoteMachine=1, K0sWorkerConfig=1),
    "topology": Counter(RemoteCluster=1, K0sControlPlane=1),
    "workers": Counter(RemoteCluster=1, RemoteMachine=2),
}
"""Flavor -> what Cluster API finds or makes, and gives to a Cluster or a Machine, with two workers asked for. With a
K0sControlPlane it makes no worker before the control plane is there, which takes k0smotron."""


def named(flavor: str) -> tuple[str, ...]:
    """clusterctl's arguments for a flavor of the release."""
    return (f"--infrastructure=capra:{VERSION}", *([f"--flavor={flavor}"] if flavor else []))


def required_by_the_guide() -> dict[str, set[str]]:
    """Flavor -> the variables that docs/guide/install.md says it takes and that have no default."""
    required: dict[str, set[str]] = {flavor: set() for flavor in FLAVORS}
    for variable, flavors in re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", GUIDE.read_text(), re.MULTILINE):
        for flavor in flavors.split(", "):
            required["" if flavor == "(none)" else flavor.strip("`")].add(variable)
    return required


@pytest.fixture(scope="module")
def management() -> Iterator[ControlPlane]:
    """With Cluster API's controllers, and its admission webhooks, which have the last word on Clusters and the like."""
    with bring_up() as plane, bring_up_cluster_api(plane):
        install_capra(plane)
        yield plane


def generate(clusterctl: Clusterctl, plane: ControlPlane, namespace: str, *arguments: str, **variables: str) -> str:
    """The manifests of a cluster. arguments: its name and options."""
    return clusterctl.run(
        "generate",
        "cluster",
        *arguments,
        KUBERNETES,
        f"--target-namespace={namespace}",
        f"--kubeconfig={plane.kubeconfig}",
        variables={**VARIABLES, **variables},
    )


def adopted(plane: ControlPlane, namespace: str, kinds: Counter[str]) -> Counter[str]:
    """How many objects of these kinds have a Cluster or a Machine as an owner."""
    return Counter(
        one["kind"]
        for one in plane.get(",".join(kinds), "-n", namespace)["items"]
        if {owner["kind"] for owner in one["metadata"].get("ownerReferences", [])} & {"Cluster", "Machine"}
    )


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_cluster_applies_as_it_is_generated(clusterctl: Clusterctl, management: ControlPlane, flavor: str) -> None:
    namespace = management.namespace()
    counts = ("--control-plane-machine-count=1", "--worker-machine-count=2")
    text = generate(clusterctl, management, namespace, "demo", *named(flavor), *counts)
    objects = list(yaml.safe_load_all(text))
    assert Counter(one["kind"] for one in objects) == FLAVORS[flavor]
    assert {one["metadata"]["namespace"] for one in objects} == {namespace}
    management.apply(text)
    cluster = management.get("cluster", "demo", "-n", namespace)
    # With a control plane in Pods, k0smotron tells the endpoint.
    assert cluster["spec"].get("controlPlaneEndpoint", {}).get("port") == (None if flavor == "hcp" else 6443)
    expected = ADOPTED[flavor]
    wait_for(lambda: adopted(management, namespace, expected) == expected, f"{expected}, adopted", 60)


def test_workers_take_their_hosts_from_the_pool(clusterctl: Clusterctl, management: ControlPlane) -> None:
    namespace = management.namespace()
    arguments = ("demo", *named("workers"), "--worker-machine-count=1")
    management.apply(generate(clusterctl, management, namespace, *arguments, POOL_NAME="racks"))

    def specs(kinds: str) -> list[Any]:
        return [one["spec"] for one in management.get(kinds, "-n", namespace)["items"]]

    wait_for(lambda: bool(specs("remotemachines")), "a RemoteMachine", 60)
    assert [spec["pool"] for spec in specs("remotemachines,pooledremotemachines")] == ["racks", "racks"]
    [machine] = specs("machines")
    assert management.get("secret", machine["bootstrap"]["dataSecretName"], "-n", namespace)["data"] == {
        "value": VARIABLES["BOOTSTRAP_DATA"]
    }


def pools(plane: ControlPlane, namespace: str, cluster: str) -> set[str]:
    """The pools in the RemoteMachineTemplates that Cluster API has made for a Cluster of a class."""
    made = plane.get("remotemachinetemplates", "-n", namespace, "-l", f"cluster.x-k8s.io/cluster-name={cluster}")
    return {one["spec"]["template"]["spec"]["pool"] for one in made["items"]}


def test_a_class_gives_each_cluster_the_pools_that_it_names(clusterctl: Clusterctl, management: ControlPlane) -> None:
    namespace = management.namespace()
    first = generate(clusterctl, management, namespace, "one", *named("topology"))
    management.apply(first)
    wanted = {"CONTROL_PLANE_POOL_NAME": "small", "POOL_NAME": "large"}
    second = generate(clusterctl, management, namespace, "two", *named("topology"), **wanted)
    # The class is there already.
    assert [one["kind"] for one in yaml.safe_load_all(second)] == ["Cluster"]
    management.apply(second)
    wait_for(lambda: pools(management, namespace, "two") == {"small", "large"}, "the pools of two", 60)
    assert pools(management, namespace, "one") == {"default"}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_it_lists_the_variables_of_the_guide(clusterctl: Clusterctl, flavor: str) -> None:
    listed = clusterctl.run(
        "generate", "cluster", "demo", *named(flavor), "--target-namespace=default", "--list-variables"
    )
    required = set(re.findall(r"- (\w+)", listed.partition("Optional Variables:")[0]))
    assert required == required_by_the_guide()[flavor] | {"KUBERNETES_VERSION"}


@pytest.mark.parametrize(
    ("flavor", "variable"),
    [(flavor, name) for flavor, names in required_by_the_guide().items() for name in sorted(names)],
)
def test_a_variable_that_is_missing_is_named(clusterctl: Clusterctl, flavor: str, variable: str) -> None:
    given = {name: value for name, value in VARIABLES.items() if name != variable}
    command = ("generate", "cluster", "demo", *named(flavor), KUBERNETES, "--target-namespace=default")
    assert f"value for variables [{variable}] is not set" in clusterctl.run(*command, variables=given, code=1)


def test_the_commands_of_the_guide_make_a_cluster(
    clusterctl: Clusterctl, management: ControlPlane, tmp_path: Path
) -> None:
    [commands] = re.findall(r"^## Clusters\n```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    configuration = tmp_path / ".config" / "cluster-api" / "clusterctl.yaml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(clusterctl.configuration.read_text())
    (tmp_path / "key").write_text("a private key\n")
    programs = (str(clusterctl.program.parent), str(assets.kubernetes().kubectl.parent), os.environ["PATH"])
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join(programs),
        "KUBECONFIG": str(management.kubeconfig),
        "GOPROXY": "off",
        "CLUSTERCTL_DISABLE_VERSIONCHECK": "true",
    }
    command = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    key = management.get("secret", "demo-ssh-key")["data"]["value"]
    assert base64.b64decode(key) == b"a private key\n"
    [host] = management.get("pooledremotemachines", "-n", "default")["items"]
    assert host["spec"]["machine"]["address"] == "192.0.2.10"
