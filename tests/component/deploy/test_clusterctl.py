"""What clusterctl makes of a release: manifests of the provider that apply as they are, with its variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.component.deploy.conftest import IMAGE, ROOT, VERSION, Clusterctl, Release
from tests.controlplane import ControlPlane
from tests.controlplane.fixtures import own_control_plane

__all__ = ["own_control_plane"]

GENERATE = ("generate", "provider", "--infrastructure", f"capra:{VERSION}")
LABELS = {"clusterctl.cluster.x-k8s.io": "", "cluster.x-k8s.io/provider": "infrastructure-capra"}
GUIDE = ROOT / "docs" / "guide" / "install.md"


def place(raw: dict[str, Any]) -> tuple[str, str]:
    """Kind and name."""
    return raw["kind"], raw["metadata"]["name"]


def without(raw: dict[str, Any], *path: str, value: Any) -> None:
    """Take a field away where it has this value; nothing happens where it is not there."""
    *above, last = path
    for name in above:
        raw = raw.get(name) or {}
    if last in raw and raw[last] == value:
        del raw[last]


def as_released(raw: dict[str, Any]) -> dict[str, Any]:
    """Without clusterctl's labels, and without what its Go types add or leave out for nothing."""
    for name, value in LABELS.items():
        without(raw, "metadata", "labels", name, value=value)
    without(raw, "metadata", "labels", value={})
    without(raw, "spec", "conversion", "webhook", value=None)
    without(raw, "spec", "strategy", value={})
    raw.pop("status", None)
    return raw


def generations(plane: ControlPlane) -> dict[str, int]:
    """How often the specification of each CRD and of the Deployment has been changed."""
    items = plane.get("crds,deployments", "-n", "capra-system")["items"]
    return {one["metadata"]["name"]: one["metadata"]["generation"] for one in items}


def test_what_it_generates_is_the_release_with_its_labels(clusterctl: Clusterctl, release: Release) -> None:
    generated = clusterctl.objects(*GENERATE)
    for one in generated:
        assert LABELS.items() <= one["metadata"]["labels"].items(), place(one)
    released = release.objects()
    assert len(generated) == len(released)
    assert {place(one): as_released(one) for one in generated} == {place(one): as_released(one) for one in released}


def test_the_provider_applies_as_it_is_generated_and_again(
    clusterctl: Clusterctl, own_control_plane: ControlPlane
) -> None:
    text = clusterctl.run(*GENERATE)
    own_control_plane.apply(text)
    own_control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    deployment = own_control_plane.get("deployment", "capra-controller-manager", "-n", "capra-system")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["image"]) == ("manager", IMAGE)
    before = generations(own_control_plane)
    own_control_plane.apply(text)
    assert generations(own_control_plane) == before


def test_its_variables_and_their_defaults_are_those_of_the_guide(clusterctl: Clusterctl, release: Release) -> None:
    told = dict(re.findall(r"`(CAPRA_\w+)`\s\(([^)]+)\)", GUIDE.read_text()))
    components = (release.directory / "infrastructure-components.yaml").read_text()
    assert told == dict(re.findall(r"\$\{(\w+):=([^}]*)\}", components))
    described = clusterctl.run(*GENERATE, "--describe").partition("Variables:\n")[2].partition("Images:")[0]
    assert set(described.split()) - {"-"} == told.keys()


def test_a_variable_of_the_provider_gets_to_its_arguments(clusterctl: Clusterctl) -> None:
    def arguments(**variables: str) -> list[str]:
        objects = clusterctl.objects(*GENERATE, variables=variables)
        [deployment] = [one for one in objects if one["kind"] == "Deployment"]
        return list(deployment["spec"]["template"]["spec"]["containers"][0]["args"])

    assert "--concurrency=50" in arguments()
    assert "--concurrency=7" in arguments(CAPRA_CONCURRENCY="7")


def test_the_file_of_the_guide_is_all_that_it_needs(clusterctl: Clusterctl, release: Release, tmp_path: Path) -> None:
    [told] = re.findall(r"```yaml\n(providers:\n.*?)```", GUIDE.read_text(), re.DOTALL)
    configuration = tmp_path / "guide.yaml"
    configuration.write_text(told.replace("/path/to/out/release/infrastructure-capra/v0.1.0", str(release.directory)))
    assert configuration.read_text() != told
    from_the_guide = Clusterctl(clusterctl.program, configuration)
    assert yaml.safe_load(configuration.read_text()) == yaml.safe_load(clusterctl.configuration.read_text())
    assert from_the_guide.run(*GENERATE) == clusterctl.run(*GENERATE)
