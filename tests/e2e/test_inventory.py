"""Ansible reaches the machines of a manifest by the inventory plugin, with their keys and their host keys."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from capra.inventory.hosts import Files, InventoryHost, host_variables, known_hosts
from capra.model.machine import HOST_KEYS_ANNOTATION, MachineKey, MachineSpec
from tests.e2e.support import Capra, cloud_config, key_secret, machine, wait_for
from tests.hosts import Host, extras
from tests.hosts.fixtures import bring_up
from tests.support.ansible import ansible
from tests.support.ssh_keys import new_ssh_key


@pytest.fixture
def with_python() -> Iterator[Host]:
    """A host with a Python, which modules of Ansible need."""
    with bring_up(extra=extras.CLOUD_INIT) as group:
        yield group[0]


def _host_key(host: Host) -> str:
    return " ".join(host.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])


def _inventory(place: Path, **options: object) -> Path:
    path = place / "remotemachines.yml"
    path.write_text(json.dumps({"plugin": "capra.machine.remote_machines", "manifests": ["machine.yaml"]} | options))
    return path


def test_ping_with_the_key_of_the_secret_and_the_host_key_of_the_manifest(with_python: Host, capra: Capra) -> None:
    host, place = with_python, capra.directory
    capra.manifests(machine(host, user="ops", hostKeys=[_host_key(host)]), key_secret(host))
    _inventory(place)
    done = ansible("ansible", "-i", "remotemachines.yml", "all", "-m", "ping", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"ping": "pong"' in done.stdout

    listed = ansible("ansible-inventory", "-i", "remotemachines.yml", "--list", "--export", cwd=place)
    assert host.name in json.loads(listed.stdout)["machines"]["hosts"]
    assert "PRIVATE KEY" not in listed.stdout + listed.stderr
    assert list((place / "private").iterdir()) == []


def test_another_host_key_is_refused(host: Host, capra: Capra) -> None:
    place = capra.directory
    other, own = _other_key(place), _host_key(host)
    for keys, noted, code in (([other], "", 4), ([own], other, 0), ([], other, 4), ([], f"none\n{own}", 0)):
        document = machine(host, hostKeys=keys)
        document["metadata"]["annotations"] = {HOST_KEYS_ANNOTATION: noted}
        capra.manifests(document, key_secret(host))
        _inventory(place)
        command = ("ansible", "-i", "remotemachines.yml", "all", "-m", "raw", "-a", "id -un")
        done = ansible(*command, cwd=place)
        assert done.returncode == code, done.stdout + done.stderr
        assert ("Host key verification failed" in done.stdout) == bool(code)


def test_the_host_key_that_another_namespace_states_is_not_believed(host: Host, tmp_path: Path) -> None:
    """A cluster may have an object for one address in each of two namespaces; here one of them has the right key."""
    spec = MachineSpec(host.address, host.port)
    right = InventoryHost(MachineKey("right", "m"), spec, host_keys=(_host_key(host),))
    wrong = InventoryHost(MachineKey("wrong", "m"), spec, host_keys=(_other_key(tmp_path),))
    files = Files(str(host.key_file), str(tmp_path / "known_hosts"))
    (tmp_path / "known_hosts").write_text(known_hosts([right, wrong]))
    for one, code in ((right, 0), (wrong, 255)):
        options = shlex.split(host_variables(one, files)["ansible_ssh_common_args"])
        command = ["ssh", "-F", "none", "-i", files.key, *options, "-p", str(host.port), f"root@{host.address}", "true"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == code, done.stderr
        assert ("Host key verification failed" in done.stderr) == bool(code)


def _other_key(place: Path) -> str:
    key = place / "other"
    key.write_text(new_ssh_key())
    key.chmod(0o600)
    said = subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True)
    return " ".join(said.stdout.split()[:2])


def test_what_the_terminal_remembers_counts(host: Host, capra: Capra) -> None:
    """State, and the host key that was pinned at the first contact: Ansible itself has never seen it."""
    place = capra.directory
    manifest = capra.manifests(machine(host), key_secret(host))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config()))
    _inventory(place, compose={"answer": "capra_state ~ '!'"}, keyed_groups=[{"key": "capra_kind", "prefix": "kind"}])
    command = ("ansible", "-i", "remotemachines.yml", "state_provisioned:&kind_RemoteMachine", "-m", "raw")
    done = ansible(*command, "-a", "echo said-{{ answer }}", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "said-Provisioned!" in done.stdout


def test_the_key_of_a_killed_ansible_is_removed_by_the_next_one(host: Host, capra: Capra) -> None:
    place = capra.directory
    capra.manifests(machine(host), key_secret(host))
    _inventory(place)
    # Of the process that carries out the task, the parent is Ansible itself.
    die = "kill -9 $(sed -n s/PPid:.//p /proc/$PPID/status)"
    tasks = [{"debug": {"msg": f"{{{{ lookup('pipe', '{die}') }}}}"}}]
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (place / "die.yml").write_text(yaml.safe_dump(play))
    died = ansible("ansible-playbook", "-i", "remotemachines.yml", "die.yml", cwd=place)
    assert died.returncode == -signal.SIGKILL, died
    [left] = (place / "private").iterdir()
    assert [one for one in left.rglob("*") if one.is_file() and "PRIVATE KEY" in one.read_text()]

    def removed() -> bool:  # that process may live a moment longer
        ansible("ansible-inventory", "-i", "remotemachines.yml", "--list", cwd=place)
        return list((place / "private").iterdir()) == []

    wait_for(removed, "the directory of the dead is removed")
