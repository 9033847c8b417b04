"""The other ways to install a release: kustomize, and Cluster API Operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import capra
from tests.component.deploy.charts import place, wait_for_crds
from tests.component.deploy.conftest import IMAGE, ROOT, VERSION, Release, compose
from tests.controlplane import ControlPlane, assets
from tests.controlplane.errors import Unavailable
from tests.controlplane.fixtures import own_control_plane
from tests.missing import missing

__all__ = ["own_control_plane"]

OVERLAY = """
resources: [{deploy}]
images:
  - name: localhost/capra
    newName: registry.example.com/capra
    newTag: test
patches:
  - target: {{kind: Deployment}}
    patch: '[{{"op": "replace", "path": "/spec/replicas", "value": 2}}]'
"""


@pytest.fixture
def kustomized(own_control_plane: ControlPlane) -> Any:
    """What `kubectl kustomize` makes of a directory."""
    return lambda directory: list(yaml.safe_load_all(own_control_plane.kubectl("kustomize", directory)))


def test_kustomize_makes_what_a_release_has(kustomized: Any, tmp_path: Path) -> None:
    compose(tmp_path)
    release = Release(tmp_path / "infrastructure-capra" / f"v{capra.__version__}")
    made = {place(one): one for one in kustomized(ROOT / "deploy")}
    assert made == {place(one): one for one in release.objects()}


def test_an_overlay_changes_the_image_and_the_replicas(kustomized: Any, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(
        OVERLAY.format(deploy=Path("../" * 9 + "..") / str(ROOT / "deploy")[1:])
    )
    [deployment] = [one for one in kustomized(tmp_path) if one["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == 2
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE


def test_kustomize_applies(own_control_plane: ControlPlane) -> None:
    own_control_plane.kubectl("apply", "--server-side", "-k", ROOT / "deploy")
    own_control_plane.get("deployment", "capra-controller-manager", "-n", "capra-system")


def test_the_operators_object_finds_the_release_in_its_config_map(
    own_control_plane: ControlPlane, release: Release
) -> None:
    """As its book says ('Air-gapped Environment'): the selector finds ConfigMaps of the provider's own namespace, a
    ConfigMap's name is the version, and its keys are metadata and components."""
    plane = own_control_plane
    try:
        crds = assets.operator_crds()
    except Unavailable as error:
        missing(str(error))
    plane.apply(crds / "operator.cluster.x-k8s.io_infrastructureproviders.yaml", "--server-side")
    wait_for_crds(plane)
    plane.apply(release.directory / "capi-operator.yaml", "--server-side")
    provider = plane.get("infrastructureprovider", "capra", "-n", "capra-system")["spec"]
    [(label, value)] = provider["fetchConfig"]["selector"]["matchLabels"].items()
    [found] = plane.get("configmaps", "-n", "capra-system", "-l", f"{label}={value}")["items"]
    assert found["metadata"]["name"] == provider["version"] == VERSION
    assert found["data"] == {
        "metadata": (release.directory / "metadata.yaml").read_text(),
        "components": (release.directory / "infrastructure-components.yaml").read_text(),
    }
