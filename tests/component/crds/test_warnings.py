"""deploy/warnings.yaml: what is usually a mistake is told to whoever makes the object, and nothing is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.component.crds.support import CASES, GROUP, ROOT, VERSIONS, version_of
from tests.component.crds.test_validation import HOOK, MACHINE
from tests.controlplane import ControlPlane, assets
from tests.controlplane.crds import install_capra, install_cluster_api
from tests.controlplane.fixtures import bring_up
from tests.support.waiting import Wait, wait_until

DRY_RUN = ("create", "--dry-run=server", "-f", "-")
FILE = {"ansible": {"beforeCleanUp": [{**HOOK, "playbook": {"file": "x.yml"}}]}}
VARIABLES = {"ansible": {"beforeCleanUp": [{**HOOK, "variables": {"file": "x.yml"}}]}}
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"sshKeyRef": {"name": ""}}, "sshKeyRef.name: is "),
    "port 0": ({"port": 0}, "port: is 0: leave it out for 22"),
    "the Pod itself": ({"address": "127.0.0.1"}, "address: is the controller's own Pod"),
    "a user without sudo": ({"user": "admin"}, "useSudo: is not set, and "),
    "a relative directory": ({"workingDir": "k0s"}, "workingDir: must be an absolute path"),
    "a file of the terminal": (FILE, "ansible: has a `file`, which is for the terminal only"),
    "a file with variables": (VARIABLES, "ansible: has a `file`, which is for the terminal only"),
}
"""Fields of a machine, and what is told behind `spec.` or `spec.machine.`"""

SURGES: dict[str, tuple[dict[str, Any], bool]] = {
    "the default": ({}, True),
    "v1beta2": ({"rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}, True),
    "v1beta2, a share": (
        {"rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "9%"}}}},
        True,
    ),
    "v1beta2, none": ({"rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}}}}, False),
    "v1beta2, by hand": ({"rollout": {"strategy": {"type": "OnDelete"}}}, False),
}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """With the warnings, once they are in force: the API server reads policies some time after they were made."""
    with bring_up() as plane:
        install_cluster_api(plane)
        install_capra(plane)
        plane.apply(ROOT / "deploy" / "warnings.yaml")
        wait_until(lambda: bool(warned(plane, "RemoteMachine", {})), Wait("the policies are in force", 30))
        yield plane


def warned(
    plane: ControlPlane, kind: str, spec: dict[str, Any] | None, version: str = "v1beta2", group: str = GROUP
) -> str:
    """What `kubectl create` warns of, in an object that is made in a dry run."""
    raw: dict[str, Any] = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": "one"}}
    raw |= {} if spec is None else {"spec": spec}
    command: list[str | Path] = [
        assets.kubernetes().kubectl,
        "--kubeconfig",
        plane.kubeconfig,
        "create",
        "--dry-run=server",
        "-f",
        "-",
    ]
    done = subprocess.run(
        command, input=yaml.safe_dump(raw), capture_output=True, text=True, check=False, timeout=60, cwd=plane.directory
    )
    assert done.returncode == 0, done.stderr
    return "".join(line for line in done.stderr.splitlines() if "ValidatingAdmissionPolicy" in line)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("fields", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_usual_mistake_is_told_with_its_field(
    plane: ControlPlane, version: str, fields: dict[str, Any], message: str
) -> None:
    machine = {**MACHINE, **fields}
    assert f": spec.{message}" in warned(plane, "RemoteMachine", machine, version)
    entry = {"pool": "p", "machine": machine}
    assert f": spec.machine.{message}" in warned(plane, "PooledRemoteMachine", entry, version)


def test_what_only_one_kind_can_have_wrong_is_told(plane: ControlPlane) -> None:
    assert "spec.address: is missing, and no spec.pool is named" in warned(plane, "RemoteMachine", {})
    assert "spec.pool: is empty" in warned(plane, "PooledRemoteMachine", {"pool": "", "machine": MACHINE})
    for address in ("192.0.2.1:22", "two words", "a/b", ""):
        entry = {"pool": "p", "machine": {**MACHINE, "address": address}}
        assert "spec.machine.address: " in warned(plane, "PooledRemoteMachine", entry)


@pytest.mark.parametrize(("fields", "told"), SURGES.values(), ids=SURGES)
def test_a_rollout_that_needs_a_spare_host_is_told(plane: ControlPlane, fields: dict[str, Any], told: bool) -> None:
    reference = {"apiGroup": GROUP, "kind": "RemoteMachineTemplate", "name": "demo"}
    machine = {"clusterName": "demo", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef": reference}
    spec = {"clusterName": "demo", "selector": {}, "template": {"spec": machine}, **fields}
    assert ("maxSurge: is not 0" in warned(plane, "MachineDeployment", spec, group="cluster.x-k8s.io")) == told
    machine["infrastructureRef"] = {**reference, "kind": "DockerMachineTemplate"}
    assert warned(plane, "MachineDeployment", spec, group="cluster.x-k8s.io") == ""


def test_a_rollout_in_v1beta1_is_told(plane: ControlPlane) -> None:
    reference = {"apiVersion": f"{GROUP}/v1beta1", "kind": "RemoteMachineTemplate", "name": "demo"}
    machine = {"clusterName": "demo", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef": reference}
    for surge, told in ((1, True), (0, False)):
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge}}
        spec = {"clusterName": "demo", "selector": {}, "template": {"spec": machine}, "strategy": strategy}
        said = warned(plane, "MachineDeployment", spec, "v1beta1", "cluster.x-k8s.io")
        assert ("maxSurge: is not 0" in said) == told


@pytest.mark.parametrize("file", ["k0rdent.yaml", "objects.yaml"])
def test_nothing_is_refused_that_works_without(plane: ControlPlane, file: str) -> None:
    told = []
    for raw in yaml.safe_load_all((CASES / file).read_text()):
        if raw["apiVersion"].startswith(GROUP):
            told.append(warned(plane, raw["kind"], raw.get("spec"), version_of(raw)))
    assert any(told)


def test_nothing_is_told_of_what_is_well(plane: ControlPlane) -> None:
    sudo = {**MACHINE, "user": "admin", "useSudo": True, "workingDir": "/opt", "port": 2222}
    assert warned(plane, "RemoteMachine", sudo) == ""
    assert warned(plane, "RemoteMachine", {"pool": "default"}) == ""
    assert (
        warned(plane, "PooledRemoteMachine", {"pool": "p", "machine": {**sudo, "ansible": {"beforeCleanUp": [HOOK]}}})
        == ""
    )
