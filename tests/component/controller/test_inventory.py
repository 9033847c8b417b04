"""The inventory plugin against a real API server: machines, pool entries, their keys, and what is in its way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from capra.kube.client.resources import HOST_KEYS, POOL_ENTRY, POOLED_REMOTE_MACHINES, RECORD, REMOTE_MACHINES
from tests.component.controller.world import SSH_KEY, World
from tests.controlplane import ControlPlane
from tests.support.ansible import ansible

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="
FACTS = {"os.id": "debian", "os.version": "12"}


async def _ansible(place: Path, program: str, *arguments: str, **options: Any) -> tuple[int, str]:
    """Status and all that was said, with these options in the inventory file."""
    (place / "remotemachines.yml").write_text(json.dumps({"plugin": "capra.machine.remote_machines"} | options))
    command = (program, "-i", "remotemachines.yml", *arguments)
    done = await asyncio.to_thread(ansible, *command, cwd=place)
    return done.returncode, done.stdout + done.stderr


def _unmarked(value: dict[str, Any]) -> Any:
    """ansible-inventory marks text that is no template."""
    return value.get("__ansible_unsafe", value)


async def _listed(place: Path, **options: Any) -> dict[str, Any]:
    code, said = await _ansible(place, "ansible-inventory", "--list", "--export", **options)
    assert code == 0, said
    assert "PRIVATE KEY" not in said
    found: dict[str, Any] = json.JSONDecoder(object_hook=_unmarked).raw_decode(said)[0]  # behind it, warnings
    return found


async def _filled(world: World) -> None:
    """A machine with a record, one that holds an entry, one without an address, and a free entry."""
    record = {RECORD: json.dumps({"phase": "Provisioned", "facts": FACTS}), HOST_KEYS: KEY}
    labels = {"cluster.x-k8s.io/cluster-name": "c-1"}
    spec = {"address": "192.0.2.1", "port": 2222, "user": "ops", "useSudo": True, "sshKeyRef": {"name": "key"}}
    await world.create(REMOTE_MACHINES, "fixed", spec, labels=labels, annotations=record)
    held = {"address": "192.0.2.2", "sshKeyRef": {"name": "gone"}, "pool": "p"}
    await world.create(REMOTE_MACHINES, "pooled", held, annotations={POOL_ENTRY: "taken"})
    await world.create(REMOTE_MACHINES, "waiting", {"pool": "p"})
    await world.entry("taken", "192.0.2.2")
    await world.entry("free", "192.0.2.3")
    for resource, name, status in (
        (REMOTE_MACHINES, "fixed", {"phase": "Provisioned"}),
        (POOLED_REMOTE_MACHINES, "free", {"state": "Quarantined"}),
    ):
        await world.patch(resource, name, {"status": status}, "status")


async def test_machines_and_entries_are_hosts_in_groups(world: World, tmp_path: Path) -> None:
    await _filled(world)
    found = await _listed(tmp_path, kubeconfig=world.kubeconfig, namespace=world.namespace)
    hosts = found["_meta"]["hostvars"]
    assert set(hosts) == {"fixed", "pooled", "free"}
    fixed = hosts["fixed"]
    assert (fixed["ansible_host"], fixed["ansible_port"], fixed["ansible_user"]) == ("192.0.2.1", 2222, "ops")
    assert fixed["ansible_become"] is True
    assert "StrictHostKeyChecking=yes" in fixed["ansible_ssh_common_args"]
    assert fixed["capra_facts"] == FACTS
    assert "ansible_ssh_private_key_file" not in hosts["pooled"], "its Secret is not there"
    members = {name: group["hosts"] for name, group in found.items() if "hosts" in group}
    assert members["machines"] == ["fixed", "pooled"]
    assert members["pool_entries"] == members["state_quarantined"] == ["free"]
    assert members["cluster_c_1"] == members["state_provisioned"] == members["os_debian"] == ["fixed"]
    assert sorted(members["pool_p"]) == ["free", "pooled"]


async def test_keys_are_private_files_until_ansible_ends(world: World, tmp_path: Path) -> None:
    await _filled(world)
    options = {"kubeconfig": world.kubeconfig, "namespace": world.namespace, "strict": True}
    path = "ansible_ssh_private_key_file"
    look = f"{{{{ lookup('pipe', 'stat -c %a:%n ' ~ {path} ~ ' ' ~ ({path} | dirname)) }}}}"
    code, said = await _ansible(tmp_path, "ansible", "fixed", "-m", "debug", "-a", f"msg={look}", **options)
    assert code == 0, said
    assert "700:" in said
    assert "600:" in said
    content = "msg={{ lookup('file', ansible_ssh_private_key_file) | length }}"
    _, said = await _ansible(tmp_path, "ansible", "fixed", "-m", "debug", "-a", content, **options)
    assert str(len(SSH_KEY.strip())) in said
    assert list((tmp_path / "private").iterdir()) == []


async def test_the_cache_is_off_and_holds_no_key(world: World, tmp_path: Path) -> None:
    options = {"kubeconfig": world.kubeconfig, "namespace": world.namespace}
    cached = options | {"cache": True, "cache_plugin": "jsonfile", "cache_connection": str(tmp_path / "cache")}
    await world.entry("one", "192.0.2.3")
    assert len((await _listed(tmp_path, **cached))["_meta"]["hostvars"]) == 1
    await world.entry("two", "192.0.2.4")
    assert len((await _listed(tmp_path, **cached))["_meta"]["hostvars"]) == 1
    found = await _listed(tmp_path, **options)
    assert len(found["_meta"]["hostvars"]) == 2
    text = "".join(file.read_text() for file in (tmp_path / "cache").iterdir())
    assert "192.0.2.3" in text
    assert "PRIVATE KEY" not in text
    assert SSH_KEY.splitlines()[1] not in text


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kubecfg": "x"}, "kubecfg: is not a known option; did you mean kubeconfig?"),
    ({"kubeconfig": "gone"}, "kubeconfig: gone: there is no such file"),
    ({"context": "gone"}, "--context gone: cannot be used"),
    ({"manifests": ["gone.yaml"]}, "manifests[0]: gone.yaml: there is no such file"),
    ({"manifests": ["bad.yaml"]}, "spec.port: must be between 1 and 65535, but is 0"),
    ({"manifests": ["bad.yaml"], "context": "x"}, "context: cannot be given beside manifests"),
    ({"ssh_key": "gone"}, "gone: cannot be read: No such file or directory"),
    ({"namespace": "no_name"}, "namespace: must be lower-case letters, digits and dashes"),
)
MACHINE = """
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: RemoteMachine
metadata: {name: m}
spec: {address: 192.0.2.1, port: 0}
"""


@pytest.mark.parametrize(("options", "expected"), BAD)
async def test_a_bad_option_is_one_clear_error(
    shared_control_plane: ControlPlane, tmp_path: Path, options: dict[str, Any], expected: str
) -> None:
    (tmp_path / "bad.yaml").write_text(MACHINE)
    good = {"kubeconfig": str(shared_control_plane.kubeconfig)} if "ssh_key" in options else {}
    code, said = await _ansible(tmp_path, "ansible-inventory", "--list", **good, **options)
    assert code in (0, 4), said
    assert f"{tmp_path}/remotemachines.yml: " in said
    assert expected in " ".join(said.split())
    assert "Traceback" not in said


async def test_who_may_not_list_is_told_which_right_is_missing(
    shared_control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    shared_control_plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    kubeconfig = shared_control_plane.kubeconfig_for(namespace, "nobody")
    _, said = await _ansible(tmp_path, "ansible-inventory", "--list", kubeconfig=str(kubeconfig), namespace=namespace)
    assert 'cannot list resource "remotemachines"' in said
    assert "capra-viewer" in said
