"""The programs of a test control plane, and Cluster API's manifests: where they are.

`KUBEBUILDER_ASSETS` (a directory with kube-apiserver, etcd and kubectl) goes before what `build.py` has put into
`${XDG_CACHE_HOME:-~/.cache}/capra/controlplane/<name>-<version>-<key>`; the key is a hash of all that decides what is
built.
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from .errors import Unavailable

KUBERNETES_VERSION = "v1.34.4"
ETCD_VERSION = "3.6.4"
CLUSTER_API_VERSION = "v1.13.6"
CLUSTER_API_OPERATOR_VERSION = "v0.29.0"
HELM_VERSION = "v3.19.5"
"""Of the series that has Kubernetes v1.34's client."""
MODULE = Path(__file__).parent / "module"
"""The Go module that says which versions of everything go into kube-apiserver, kubectl and etcd."""
KUBERNETES_PROGRAMS = ("kube-apiserver", "etcd", "kubectl")
CLUSTER_API_PROGRAMS = ("cluster-api", "clusterctl")
KUBEADM_PARTS = ("bootstrap", "control-plane")
"""Cluster API's kubeadm providers, as their directories in its module are called without the hyphen."""
HOW = "python3 -m tests.controlplane assets (or make test-assets) builds it once, in about ten minutes"

RECIPE = "1"
"""Changes when the same sources are to be built in another way; see `build.py`."""


@dataclass(frozen=True)
class Kubernetes:
    """The programs of a control plane."""

    kube_apiserver: Path
    etcd: Path
    kubectl: Path


@dataclass(frozen=True)
class ClusterApi:
    """Cluster API's core: its manager, clusterctl, and the manifests of its module."""

    manager: Path
    clusterctl: Path
    crds: Path
    """Directory with one file for each CustomResourceDefinition, as generated: without labels and conversion."""
    webhooks: Path
    """The admission webhook configurations, as generated."""


@dataclass(frozen=True)
class Provider:
    """One of the kubeadm providers: as of `ClusterApi`."""

    manager: Path
    crds: Path
    webhooks: Path


def cache_home() -> Path:
    """Capra's directory below the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "capra"


def kubernetes_place() -> Path:
    """Where the Kubernetes programs of these versions belong in the cache."""
    sources = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "etcd/main.go")]
    return _place("kubernetes", KUBERNETES_VERSION, sources)


def cluster_api_place() -> Path:
    """Where Cluster API of this version belongs in the cache."""
    return _place("cluster-api", CLUSTER_API_VERSION, [])


def kubeadm_place() -> Path:
    """Where the kubeadm providers of Cluster API's version belong in the cache."""
    return _place("kubeadm", CLUSTER_API_VERSION, [])


def helm_place() -> Path:
    """Where Helm of this version, and the CRDs of Cluster API Operator, belong in the cache."""
    return _place("helm", f"{HELM_VERSION}-operator-{CLUSTER_API_OPERATOR_VERSION}", [KUBERNETES_VERSION.encode()])


def kubernetes() -> Kubernetes:
    """The Kubernetes programs; `Unavailable` where they are not there."""
    directory = Path(os.environ.get("KUBEBUILDER_ASSETS") or kubernetes_place() / "bin")
    absent = [name for name in KUBERNETES_PROGRAMS if not os.access(directory / name, os.X_OK)]
    if absent:
        raise Unavailable(f"no {', '.join(absent)} in {directory}: {HOW}")
    return Kubernetes(*(directory / name for name in KUBERNETES_PROGRAMS))


def cluster_api() -> ClusterApi:
    """Cluster API; `Unavailable` where it is not there."""
    place = cluster_api_place()
    if not place.is_dir():
        raise Unavailable(f"Cluster API is not in {place}: {HOW}")
    manager, clusterctl = (place / "bin" / name for name in CLUSTER_API_PROGRAMS)
    return ClusterApi(manager, clusterctl, place / "crds", place / "webhooks.yaml")


def kubeadm() -> dict[str, Provider]:
    """The kubeadm providers by their part; `Unavailable` where they are not there."""
    place = kubeadm_place()
    if not place.is_dir():
        raise Unavailable(f"Cluster API's kubeadm providers are not in {place}: {HOW}")
    return {
        part: Provider(place / "bin" / part, place / part / "crds", place / part / "webhooks.yaml")
        for part in KUBEADM_PARTS
    }


def helm() -> Path:
    """The program; `Unavailable` where it is not there."""
    return _of_helm("bin/helm")


def operator_crds() -> Path:
    """Directory with the CRDs of Cluster API Operator, as generated; `Unavailable` where it is not there."""
    return _of_helm("crds")


def _of_helm(name: str) -> Path:
    found = helm_place() / name
    if not found.exists():
        raise Unavailable(f"Helm is not in {helm_place()}: {HOW}")
    return found


def _place(name: str, version: str, sources: list[bytes]) -> Path:
    text = "\n".join([RECIPE, version, platform.machine()]).encode() + b"".join(sources)
    return cache_home() / "controlplane" / f"{name}-{version}-{hashlib.sha256(text).hexdigest()[:12]}"
