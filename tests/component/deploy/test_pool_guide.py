"""The commands of docs/guide/pool.md, run as they stand there, one after the other, on a real API server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.controlplane import ControlPlane, assets
from tests.controlplane.crds import install_capra
from tests.controlplane.fixtures import own_control_plane

__all__ = ["own_control_plane"]

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "guide" / "pool.md").read_text(), re.MULTILINE | re.DOTALL)
PREFIX = "capra.infrastructure.cluster.x-k8s.io/"


@pytest.fixture
def plane(own_control_plane: ControlPlane) -> ControlPlane:
    install_capra(own_control_plane)
    return own_control_plane


def test_every_command_does_what_the_page_says(plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key\n")
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    programs = assets.kubernetes().kubectl.parent
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "PATH": f"{programs}:{os.environ['PATH']}"}
    for number, block in enumerate(BLOCKS):
        done = subprocess.run(
            ["sh", "-eu"],
            input=block,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, block + done.stdout + done.stderr
        if number == 0:
            # What the controller notes, so that there is something to remove.
            for name in ("host-keys", "quarantined", "unreachable"):
                plane.kubectl("annotate", "pooledremotemachine", "host-1", f"{PREFIX}{name}=x")
    assert len(BLOCKS) == 10
    [left] = plane.get("pooledremotemachines")["items"]
    assert left["metadata"]["name"] == "host-1"
    noted = [name for name in left["metadata"].get("annotations", {}) if name.startswith((PREFIX, "cluster.x"))]
    assert noted == [f"{PREFIX}ignored-findings"]
    assert left["spec"]["machine"]["cleanUpCommands"] == ["/opt/site/clean"]
    secret = plane.get("secret", "ssh-key")
    assert secret["metadata"]["labels"] == {"clusterctl.cluster.x-k8s.io/move": ""}
