"""`kubectl apply` of each example: it works, or its head says in one line what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest
import yaml

from tests.component.crds.support import ROOT
from tests.controlplane import ControlPlane, ControlPlaneError, assets
from tests.controlplane.crds import install_capra, install_provider
from tests.controlplane.fixtures import bring_up

EXAMPLES = {path.name: path for path in sorted((ROOT / "docs" / "examples").glob("*.yaml"))}
NOT_FOR_KUBECTL = [name for name, path in EXAMPLES.items() if "kind" not in next(yaml.safe_load_all(path.read_text()))]
MANIFESTS = [name for name in EXAMPLES if name not in NOT_FOR_KUBECTL]
PROVIDERS = {
    "Capra": r"Remote(Machine|Cluster)\w*|PooledRemoteMachine",
    "Cluster API": "Cluster|Machine|MachineDeployment",
    "k0smotron": r"K0s\w+",
    "kubeadm": r"Kubeadm\w+",
    "RKE2": r"RKE2\w+",
    "K3s": r"KThrees\w+",
    "MicroK8s": r"MicroK8s\w+",
}
"""What an example may need, and its kinds."""

STAGES: Mapping[str, set[str]] = {
    "nothing": set(),
    "Capra": {"Capra"},
    "Capra and Cluster API": {"Capra", "Cluster API"},
}
"""What is there."""


def needed(name: str) -> set[str]:
    """What the head of an example says it needs."""
    [told] = re.findall(r"^# Needs: (.+)\.$", EXAMPLES[name].read_text(), re.MULTILINE)
    return set(re.sub(r" \(.*?\)|,? or nothing.*", "", told).split(", ")) - {"nothing"}


def applied(plane: ControlPlane, name: str) -> str:
    """The error of `kubectl apply`, in a dry run; empty where it works."""
    try:
        plane.kubectl("apply", "--dry-run=server", "-f", EXAMPLES[name])
    except ControlPlaneError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def told() -> Iterator[Mapping[tuple[str, str], str]]:
    """(stage, example) -> the error."""
    with bring_up() as plane:
        found = {("nothing", name): applied(plane, name) for name in EXAMPLES}
        install_capra(plane)
        found |= {("Capra", name): applied(plane, name) for name in EXAMPLES}
        install_provider(plane, assets.cluster_api().crds, "cluster-api")
        yield found | {("Capra and Cluster API", name): applied(plane, name) for name in EXAMPLES}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", MANIFESTS)
def test_an_example_applies_or_its_head_names_what_is_missing(
    told: Mapping[tuple[str, str], str], name: str, stage: str
) -> None:
    missing = re.findall(r'no matches for kind "(\w+)"', told[stage, name])
    providers = {next(one for one, kinds in PROVIDERS.items() if re.fullmatch(kinds, kind)) for kind in missing}
    assert providers == needed(name) - STAGES[stage]
    assert bool(told[stage, name]) == bool(missing), told[stage, name]


def test_what_is_no_manifest_says_so() -> None:
    assert NOT_FOR_KUBECTL == ["worker-user-data.yaml"]
    for name in NOT_FOR_KUBECTL:
        assert "# Not for kubectl: " in EXAMPLES[name].read_text()


@pytest.mark.parametrize("name", MANIFESTS)
def test_what_it_needs_has_a_page(name: str) -> None:
    head = EXAMPLES[name].read_text()
    for page in re.findall(r"\((docs/[\w/.-]+)\)", head):
        assert (ROOT / page).is_file()
    assert ("docs/guide/" in head) == bool(needed(name))
