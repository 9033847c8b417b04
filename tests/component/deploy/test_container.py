"""The Deployment's surroundings: no root, no capability, nothing to write to but scratch. Capra does its work there."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.component.deploy.conftest import Release
from tests.e2e.support import cloud_config, key_secret, machine
from tests.hosts import Host
from tests.support.contained import contained

SCRATCH = "/run/capra"


class Pod:
    """Runs commands as the container would."""

    def __init__(self, release: Release, directory: Path) -> None:
        self.directory = directory
        # Whoever makes the directory may have closed it to others.
        directory.chmod(0o755)
        self.scratch = directory / "scratch"
        self.scratch.mkdir()
        self._user = release.pod["spec"]["securityContext"]["runAsUser"]
        given = {one["name"]: one["value"] for one in release.container["env"]}
        self._environment = {name: value.replace(SCRATCH, str(self.scratch)) for name, value in given.items()}

    def run(self, *command: str | Path, code: int = 0) -> str:
        """Its standard output, or standard error where it is to fail."""
        whole = contained(command, self.scratch, user=self._user, environment=self._environment, needs=[self.directory])
        done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=120, cwd="/")
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout


@pytest.fixture
def pod(release: Release, tmp_path: Path) -> Pod:
    return Pod(release, tmp_path)


def test_nothing_but_scratch_can_be_written(pod: Pod) -> None:
    """The surroundings are what they are said to be, and the next test tells something."""
    failed = pod.run(
        "sh", "-c", "for place in /tmp /var/tmp $HOME; do echo x >$place/written.$$ || continue; done; exit 3", code=3
    )
    assert failed.count("Read-only file system") == 2
    assert "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000" in pod.run(
        "cat", "/proc/self/status"
    )


def test_a_host_is_bootstrapped_and_cleaned(pod: Pod, host: Host) -> None:
    manifest, data = pod.directory / "machine.yaml", pod.directory / "user-data.yaml"
    manifest.write_text(yaml.safe_dump_all([machine(host, cleanUpCommands=["rm /var/tmp/made"]), key_secret(host)]))
    data.write_bytes(cloud_config([{"path": "/var/tmp/made", "content": "by capra\n"}]))
    for file in (manifest, data):
        file.chmod(0o644)
    # Both in one Pod: what the first has learnt (host keys) is in scratch.
    commands = f"capra bootstrap -f {manifest} --bootstrap-data {data} && cat $HOME/.local/state/capra/known_hosts"
    assert host.host_key in pod.run("sh", "-c", commands)
    assert host.ssh("cat /var/tmp/made").stdout == "by capra\n"
    pod.run("capra", "cleanup", "-f", manifest)
    assert host.ssh("test ! -e /var/tmp/made").returncode == 0


def test_its_uid_is_nobody_elses(release: Release) -> None:
    user = release.pod["spec"]["securityContext"]["runAsUser"]
    assert user != os.getuid()
    assert all(entry.pw_uid != user for entry in pwd.getpwall())


def test_the_controller_takes_the_arguments_of_the_deployment(pod: Pod, release: Release) -> None:
    """With all of them it goes on to what is wrong here on purpose."""
    said = pod.run("capra", "controller", *release.container["args"], "--kubeconfig", "/nowhere", code=2)
    assert "--kubeconfig /nowhere" in said
