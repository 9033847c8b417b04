"""The Python package as wheel and sdist, the collection, the manifests and charts: what needs no image."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

from .archives import repack
from .command import run
from .source import Source

GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux1")
"""Tags of wheels (PyPA, 'Platform compatibility tags') that Debian from 10 on can run."""

REPOSITORY = "infrastructure-capra"
"""The directory of clusterctl's repository: the provider's label."""

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's and OCI's name of an architecture, and that of wheels."""


def download_wheels(checkout: Path, place: Path, python: str, architecture: str) -> None:
    """All wheels that an image takes, in the versions of constraints.txt: of the package's dependencies, its extra
    `controller` and its build backend. python: as in `3.11`. Nothing is built: what has no wheel is an error."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["controller"],
    ]
    platforms = [f"--platform={tag}_{MACHINES[architecture]}" for tag in GLIBC]
    options = ["--only-binary=:all:", f"--python-version={python}", "--implementation=cp", *platforms]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--dest", place, "--constraint", checkout / "constraints.txt", *options, *wanted)


def build_distributions(checkout: Path, place: Path, work: Path, source: Source) -> None:
    """The wheel and the sdist of the package, by its own build backend in the version of constraints.txt."""
    backend = work / "backend"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--target", backend, "--constraint", checkout / "constraints.txt", "hatchling")
    environment = {**os.environ, "PYTHONPATH": str(backend), "SOURCE_DATE_EPOCH": str(source.epoch)}
    hatchling = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--target", "sdist"]
    run(*hatchling, "--directory", place.resolve(), env=environment, cwd=checkout)


def build_collection(checkout: Path, place: Path, work: Path, source: Source) -> None:
    """The collection's archive, with the commit's time in it."""
    built = work / "collection"
    run(sys.executable, checkout / "scripts" / "collection.py", "--output", built)
    [archive] = built.glob("*.tar.gz")
    repack(archive, place / archive.name, source.epoch)


def compose_manifests(checkout: Path, place: Path, source: Source, image: str) -> None:
    """The repository for clusterctl with manifests, templates and charts. image: what the Deployment runs."""
    script = checkout / "scripts" / "release_manifests.py"
    run(sys.executable, script, "--version", source.version, "--image", image, "--output", place)
