"""The Molecule scenario with containers: its syntax, and its playbooks with a test host behind a stand-in for podman.

There is no registry here to pull an image from: the image itself is not built by any test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts import Host

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "extensions" / "molecule" / "containers"

PODMAN = """#!/bin/sh
# Behaves as podman does for what the scenario calls, with a host that is there already.
echo "$*" >>'{calls}'
case $1 in
    build) test -f Containerfile ;;
    run) echo 4f5e6d ;;
    port) echo '{address}:{port}' ;;
    rm) echo capra-container ;;
    exec)
        shift
        [ "$1" != --interactive ] || shift
        shift
        exec ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \\
            -i '{key}' -p {port} root@{address} "$(printf "'%s' " "$@")"
        ;;
    *) exit 125 ;;
esac
"""


def _molecule(place: Path, *words: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [Path(sys.executable).parent / "molecule", *words, "--scenario-name", "containers"],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_HOME": str(place),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "MOLECULE_GLOB": "extensions/molecule/*/molecule.yml",
            "NO_COLOR": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_syntax_of_every_playbook(tmp_path: Path) -> None:
    _molecule(tmp_path, "syntax", environment={})
    for playbook in sorted(SCENARIO.glob("*.yml")):
        if playbook.name != "molecule.yml":
            check: list[str | Path] = [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                "--syntax-check",
                "-i",
                "localhost,",
                playbook,
            ]
            done = subprocess.run(check, capture_output=True, text=True, check=False, cwd=ROOT)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_it_runs_with_a_host_that_is_no_container(host: Host, tmp_path: Path, engine: str) -> None:
    host.ssh("mkdir -p -m 700 /home/ops/.ssh && chown ops:ops /home/ops/.ssh", check=True)
    program, calls = tmp_path / "bin" / engine, tmp_path / "calls"
    program.parent.mkdir()
    text = PODMAN.format(calls=calls, address=host.address, port=host.port, key=host.key_file)
    program.write_text(text)
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    environment = {"PATH": path} | ({"CONTAINER_ENGINE": "docker"} if engine == "docker" else {})
    _molecule(tmp_path, "test", environment=environment)
    called = [line.split()[0] for line in calls.read_text().splitlines()]
    assert called == ["rm", "build", "run", "exec", "exec", "port", "rm"]
