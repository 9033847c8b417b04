"""The example of each page of docs/guide: an API server takes it, and all that an object in it refers to is in it.

Cluster API's, kubeadm's and Capra's CRDs are the real ones; those of other providers are stand-ins that take anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controlplane import ControlPlane, assets
from tests.controlplane.crds import install_capra, install_cluster_api, install_provider
from tests.controlplane.errors import Unavailable
from tests.controlplane.fixtures import bring_up
from tests.missing import missing

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("k0smotron", "k3s", "kubeadm", "microk8s", "rke2")
OTHERS = {
    "bootstrap": ("KThreesConfigTemplate", "MicroK8sConfigTemplate", "RKE2ConfigTemplate"),
    "controlplane": ("KThreesControlPlane", "MicroK8sControlPlane", "RKE2ControlPlane"),
}
"""Group → kinds of providers whose CRDs are no part of the test's assets."""


def stand_in(group: str, kind: str) -> dict[str, Any]:
    name = kind.lower()
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [
        {"name": version, "served": True, "storage": version == "v1beta2", "schema": schema}
        for version in ("v1beta1", "v1beta2")
    ]
    names = {"kind": kind, "listKind": f"{kind}List", "plural": f"{name}s", "singular": name}
    spec = {"group": f"{group}.cluster.x-k8s.io", "names": names, "scope": "Namespaced", "versions": versions}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}s.{group}.cluster.x-k8s.io"},
        "spec": spec,
    }


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """With all CRDs; none of the controllers runs."""
    with bring_up() as made:
        try:
            install_cluster_api(made)
            for part, provider in assets.kubeadm().items():
                install_provider(made, provider.crds, f"{part}-kubeadm")
        except Unavailable as error:
            missing(f"test control plane: {error}")
        made.apply([stand_in(group, kind) for group, kinds in OTHERS.items() for kind in kinds])
        install_capra(made)
        yield made


def files_of(page: str) -> list[Path]:
    """What the command of a page applies."""
    [command] = re.findall(r"^kubectl apply (.*)$", (DOCS / "guide" / f"{page}.md").read_text(), re.MULTILINE)
    return [DOCS.parent / word for word in command.split() if word != "-f"]


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of whatever is referred to below a value."""
    if isinstance(value, dict):
        if isinstance(value.get("kind"), str) and isinstance(value.get("name"), str):
            yield value["kind"], value["name"]
        for below in value.values():
            yield from references(below)


@pytest.mark.parametrize("page", PAGES)
def test_an_api_server_takes_what_the_page_applies(plane: ControlPlane, page: str) -> None:
    namespace = plane.namespace()
    files = files_of(page)
    assert len(files) > 1
    for path in files:
        plane.apply(path.read_text(), "-n", namespace, "--validate=strict")
    objects = [one for path in files for one in yaml.safe_load_all(path.read_text())]
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    named = {reference for one in objects for reference in references(one.get("spec"))}
    assert len(named) > 2
    assert named - there == set()
