"""A release as `make release-manifests` composes it, and clusterctl with nothing but this release."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controlplane import assets
from tests.controlplane.errors import Unavailable
from tests.hosts.fixtures import host
from tests.missing import missing

__all__ = ["host"]

ROOT = Path(__file__).resolve().parents[3]
VERSION = "v0.1.0"
IMAGE = "registry.example.com/capra:test"


def compose(output: Path, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the script; its exit code must be `code`."""
    command: list[str | Path] = [
        sys.executable,
        ROOT / "scripts" / "release_manifests.py",
        "--output",
        output,
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


@dataclass(frozen=True)
class Release:
    """The files of a release."""

    directory: Path

    def objects(self, name: str = "install.yaml") -> list[dict[str, Any]]:
        """The objects of one of its files."""
        return list(yaml.safe_load_all((self.directory / name).read_text()))

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """One object as it is installed."""
        [found] = [one for one in self.objects() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        return found

    @property
    def pod(self) -> dict[str, Any]:
        """The Deployment's Pod."""
        template: dict[str, Any] = self.one("Deployment", "capra-controller-manager")["spec"]["template"]
        return template

    @property
    def container(self) -> dict[str, Any]:
        """Its only container."""
        [container] = self.pod["spec"]["containers"]
        return dict(container)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """One release, composed now."""
    output = tmp_path_factory.mktemp("release")
    compose(output, "--image", IMAGE)
    return Release(output / "infrastructure-capra" / VERSION)


@dataclass(frozen=True)
class Clusterctl:
    """clusterctl, whose only provider is the release; it does not look at any network."""

    program: Path
    configuration: Path

    def run(self, *arguments: str | Path, variables: dict[str, str] | None = None, code: int = 0) -> str:
        """Run it; standard output, or standard error where it is to fail."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.configuration.parent),
            "GOPROXY": "off",
            "CLUSTERCTL_DISABLE_VERSIONCHECK": "true",
            **(variables or {}),
        }
        command: Sequence[str | Path] = [self.program, "--config", self.configuration, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout

    def objects(self, *arguments: str | Path, variables: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Run it; the objects that it writes."""
        return list(yaml.safe_load_all(self.run(*arguments, variables=variables)))


@pytest.fixture
def clusterctl(release: Release, tmp_path: Path) -> Clusterctl:
    """clusterctl over the release."""
    try:
        program = assets.cluster_api().clusterctl
    except Unavailable as error:
        missing(str(error))
    url = str(release.directory / "infrastructure-components.yaml")
    configuration = tmp_path / "clusterctl.yaml"
    provider = {"name": "capra", "type": "InfrastructureProvider", "url": url}
    configuration.write_text(yaml.safe_dump({"providers": [provider]}))
    return Clusterctl(program, configuration)
