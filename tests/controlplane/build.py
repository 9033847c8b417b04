"""Builds the programs of a test control plane from their Go modules, once, into the cache."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .assets import (
    CLUSTER_API_PROGRAMS,
    CLUSTER_API_VERSION,
    KUBERNETES_VERSION,
    MODULE,
    cluster_api_place,
    kubernetes_place,
)
from .errors import ControlPlaneError, Unavailable

CLUSTER_API_MODULE = f"sigs.k8s.io/cluster-api@{CLUSTER_API_VERSION}"
MINIMUM_GO = (1, 24)


def ensure_kubernetes() -> Path:
    """kube-apiserver, etcd and kubectl: where they are, built where they are not."""
    return _ensure(kubernetes_place(), _build_kubernetes)


def ensure_cluster_api() -> Path:
    """Cluster API's manager, clusterctl and manifests: where they are, built where they are not."""
    return _ensure(cluster_api_place(), _build_cluster_api)


def _ensure(place: Path, build: Callable[[Path], None]) -> Path:
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place), tempfile.TemporaryDirectory(prefix=f"{place.name}.", dir=place.parent) as temporary:
        if not place.is_dir():
            made = Path(temporary) / "made"
            (made / "bin").mkdir(parents=True)
            build(made)
            made.rename(place)
    return place


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    with place.with_name(f"{place.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_kubernetes(target: Path) -> None:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    # Clients refuse a server that does not say its version.
    version = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in version.items())
    programs = [f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kubectl")]
    _go(
        ["build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", f"{target / 'bin'}/", *programs, "./etcd"],
        directory=MODULE,
    )


def _build_cluster_api(target: Path) -> None:
    version = f"-X sigs.k8s.io/cluster-api/version.gitVersion={CLUSTER_API_VERSION}"
    programs = [CLUSTER_API_MODULE, CLUSTER_API_MODULE.replace("@", "/cmd/clusterctl@")]
    with tempfile.TemporaryDirectory() as elsewhere:
        for program in programs:
            _go(
                ["install", "-trimpath", "-ldflags", f"-s -w {version}", program],
                directory=Path(elsewhere),
                environment={"GOBIN": str(target / "bin")},
            )
        told = json.loads(_go(["mod", "download", "-json", CLUSTER_API_MODULE], directory=Path(elsewhere)))
    source = Path(told["Dir"]) / "config"
    shutil.copytree(source / "crd" / "bases", target / "crds", copy_function=shutil.copyfile)
    shutil.copyfile(source / "webhook" / "manifests.yaml", target / "webhooks.yaml")
    # The module cache is read-only, and so are the directories that copytree makes after it.
    (target / "crds").chmod(0o755)
    for name in CLUSTER_API_PROGRAMS:
        if not (target / "bin" / name).exists():
            raise ControlPlaneError(f"go install made no {name} of {CLUSTER_API_MODULE}")


def _go(arguments: list[str], directory: Path, environment: dict[str, str] | None = None) -> str:
    """Run go and return its standard output. Raises Unavailable without Go, ControlPlaneError where it fails."""
    go = _program()
    # CGO off: static programs, and no C compiler is needed. GOFLAGS: those of this machine may not fit.
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", **(environment or {})}
    result = subprocess.run(
        [go, *arguments],
        cwd=directory,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ControlPlaneError(
            f"go {' '.join(arguments[:2])} failed with {result.returncode}\n{result.stderr[-4000:]}"
        )
    return result.stdout


def _program() -> str:
    go = shutil.which("go")
    if go is None:
        wanted = ".".join(map(str, MINIMUM_GO))
        raise Unavailable(f"there is no go (from {wanted}) to build it with; or give KUBEBUILDER_ASSETS")
    return go
