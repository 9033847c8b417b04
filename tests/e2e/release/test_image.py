"""Capra out of the image that a release has: the terminal's commands, a host, and the controller in its Pod."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import capra
from tests.component.deploy.conftest import Release, compose
from tests.e2e.controller.life import live_once
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Site
from tests.e2e.release.conftest import VERSION
from tests.e2e.support import cloud_config, key_secret, machine
from tests.hosts import Host
from tests.support.image import SCRATCH, Unpacked

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the Deployment sets."""
    output = tmp_path_factory.mktemp("manifests")
    compose(output)
    container = Release(output / "infrastructure-capra" / VERSION).container
    return {one["name"]: one["value"] for one in container["env"]}


class Pod:
    """Runs commands in the image. What it may read is in `given`."""

    def __init__(self, unpacked: Unpacked, directory: Path, environment: dict[str, str]) -> None:
        self._unpacked, self._work, self._environment = unpacked, directory / "work", environment
        self.given = directory / "given"
        for place in (self._work, self.given):
            place.mkdir()
        self.given.chmod(0o755)

    def wrap(self, command: list[str]) -> list[str]:
        return self._unpacked.command(command, self._work, self.given, self._environment)

    def run(self, *command: str, code: int = 0) -> str:
        """Its standard output and error."""
        done = subprocess.run(
            self.wrap([*command]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
        )
        assert done.returncode == code, done.stdout
        return done.stdout


@pytest.fixture
def pod(unpacked: Unpacked, tmp_path: Path, environment: dict[str, str]) -> Pod:
    return Pod(unpacked, tmp_path, environment)


def test_it_says_its_version(pod: Pod) -> None:
    assert pod.run("capra", "--version") == f"capra {capra.__version__}\n"


def test_nothing_but_scratch_can_be_written_and_nobody_is_root(pod: Pod) -> None:
    said = pod.run(
        "sh", "-c", "for place in /tmp /opt/capra /run/capra; do echo x >$place/new && echo $place; done; id -u"
    )
    assert [line for line in said.splitlines() if line.startswith("/")] == ["/run/capra"]
    assert said.splitlines()[-1] == "65532"
    assert "CapBnd:\t0000000000000000" in pod.run("cat", "/proc/self/status")


def test_no_module_is_compiled_at_each_start(pod: Pod) -> None:
    """Nothing could be written, and it would take seconds: all that is imported stands there compiled."""
    program = (
        "import sys; sys.argv = ['capra', '--version']; from capra.controller import operator; import asyncio, ssl"
    )
    said = pod.run("python3", "-v", "-c", program)
    assert re.search(r"^# code object from '/opt/capra/lib/\S+\.pyc'$", said, re.MULTILINE)
    assert re.findall(r"^# code object from (/\S+\.py)$", said, re.MULTILINE) == []


def test_what_it_starts_as_is_the_controller_with_the_arguments_of_the_deployment(pod: Pod, unpacked: Unpacked) -> None:
    """With a kubeconfig that is wrong on purpose."""
    entrypoint: list[str] = unpacked.image.configuration["config"]["Entrypoint"]
    assert "--kubeconfig /nowhere" in pod.run(*entrypoint, "--kubeconfig", "/nowhere", code=2)


def test_a_host_is_bootstrapped_and_cleaned(pod: Pod, host: Host) -> None:
    manifest, data = pod.given / "machine.yaml", pod.given / "user-data.yaml"
    manifest.write_text(yaml.safe_dump_all([machine(host, cleanUpCommands=["rm /var/tmp/made"]), key_secret(host)]))
    data.write_bytes(cloud_config([{"path": "/var/tmp/made", "content": "by the image\n"}]))
    commands = f"capra bootstrap -f {manifest} --bootstrap-data {data} && cat $HOME/.local/state/capra/known_hosts"
    assert host.host_key in pod.run("sh", "-c", commands)
    assert host.ssh("cat /var/tmp/made").stdout == "by the image\n"
    pod.run("capra", "cleanup", "-f", str(manifest))
    assert host.ssh("test ! -e /var/tmp/made").returncode == 0


def test_the_controller_provisions_and_cleans_a_machine(
    pod: Pod, unpacked: Unpacked, management: Management, site: Site, host: Host, tmp_path: Path
) -> None:
    kubeconfig = pod.given / "kubeconfig"
    kubeconfig.write_bytes(management.plane.kubeconfig_for(*ACCOUNT).read_bytes())
    kubeconfig.chmod(0o644)
    entrypoint: list[str] = unpacked.image.configuration["config"]["Entrypoint"]

    def wrap(command: list[str], _environment: dict[str, Any]) -> list[str]:
        return pod.wrap([*entrypoint, *command[command.index("controller") + 1 :]])

    controller = ControllerProcess(kubeconfig, tmp_path, (f"--namespace={site.namespace}",), wrap=wrap)
    try:
        controller.start()
        live_once(site, host)
        assert controller.stop() == 0
    finally:
        controller.end()
        print(controller.tail())


def test_scratch_is_where_the_deployment_mounts_it(environment: dict[str, str]) -> None:
    assert set(environment.values()) == {SCRATCH}
