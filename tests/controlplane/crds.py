"""CRDs for a test control plane: Cluster API's as clusterctl installs them, stand-ins for others', Capra's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from . import assets
from .plane import ControlPlane

CAPRA = Path(__file__).resolve().parents[2] / "crds"
STAND_INS = Path(__file__).parent / "stand-ins.yaml"
"""CRDs of k0smotron's bootstrap and control plane providers, which take anything: a test plays the provider."""

LABELS = {
    "cluster.x-k8s.io/v1beta1": "v1beta1",
    "cluster.x-k8s.io/v1beta2": "v1beta2",
    "clusterctl.cluster.x-k8s.io": "",
}


def install_cluster_api(plane: ControlPlane, conversion: dict[str, Any] | None = None) -> None:
    """Cluster API's CRDs and the stand-ins. conversion: the client configuration of Cluster API's conversion webhook;
    without it, no version is converted."""
    plane.apply(STAND_INS, "--server-side")
    install_provider(plane, assets.cluster_api().crds, "cluster-api", conversion)


def install_provider(plane: ControlPlane, crds: Path, provider: str, conversion: dict[str, Any] | None = None) -> None:
    """The CRDs of a provider from their directory, in place of stand-ins of the same name. conversion: as of
    `install_cluster_api`."""
    made = [_crd(path, provider, conversion) for path in sorted(crds.glob("*.yaml"))]
    plane.apply(made, "--server-side", "--force-conflicts")
    _wait(plane)


def install_capra(plane: ControlPlane, *options: str) -> None:
    """Capra's own CRDs. options: further ones of kubectl."""
    plane.apply("---\n".join(path.read_text() for path in sorted(CAPRA.glob("*.yaml"))), "--server-side", *options)
    _wait(plane)


def _wait(plane: ControlPlane) -> None:
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


def _crd(path: Path, provider: str, conversion: dict[str, Any] | None) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(path.read_text())
    raw["metadata"].setdefault("labels", {}).update(LABELS | {"cluster.x-k8s.io/provider": provider})
    if conversion is not None and len(raw["spec"]["versions"]) > 1:
        webhook = {"clientConfig": conversion, "conversionReviewVersions": ["v1", "v1beta1"]}
        raw["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    return raw
