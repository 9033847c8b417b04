"""`capra pool import`, `capra pool export` and `capra import` with Ansible's own reading of inventories."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from capra.model.keys.ssh_key import public_fingerprint
from tests.support.ansible import ansible
from tests.support.ssh_keys import new_ssh_key

INVENTORY = """
[rack1]
node_1 ansible_host=192.0.2.1
node-2 ansible_host=2001:db8::2 ansible_port=2222 ansible_user=root ansible_become=false
[rack1:vars]
ansible_user=ops
ansible_become=true
ansible_become_password=hunter2
ansible_ssh_private_key_file=keys/one
custom_cleanup_commands=["wipe"]
[others]
node-3 ansible_host=192.0.2.3
"""
VARIABLE = "custom_cleanup_commands"
K0SCTL = """
apiVersion: k0sctl.k0sproject.io/v1beta1
kind: Cluster
metadata: {name: k0s-cluster}
spec:
  hosts:
    - role: controller
      ssh: {address: 192.0.2.1, user: root, keyPath: keys/one}
    - role: worker
      hooks: {apply: {before: [date]}}
      ssh: {address: 192.0.2.2, user: ops, port: 2222, keyPath: keys/two}
  k0s: {version: v1.34.4+k0s.0}
"""


def _capra(place: Path, *words: str, code: int = 0, stdin: str = "") -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "capra", *words],
        cwd=place,
        env={**os.environ, "HOME": str(place), "PYTHONPATH": ""},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done
    return done.stdout, done.stderr


def _keys(place: Path) -> None:
    (place / "keys").mkdir()
    for name in ("one", "two"):
        (place / "keys" / name).write_text(new_ssh_key())
        (place / "keys" / name).chmod(0o600)


def _documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_from_an_inventory_to_a_pool_and_back_to_the_same(tmp_path: Path) -> None:
    _keys(tmp_path)
    (tmp_path / "inventory.ini").write_text(INVENTORY)
    first, said = _capra(tmp_path, "pool", "import", "-i", "inventory.ini", "--pool", "p", "--limit", "rack1")
    assert "hunter2" not in first + said
    assert "ansible_become_password has no counterpart" in said
    secret, *entries = _documents(first)
    assert secret["stringData"]["value"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert {one["metadata"]["name"]: one["spec"]["machine"]["address"] for one in entries} == {
        "node-1": "192.0.2.1",
        "node-2": "2001:db8::2",
    }
    assert [one["spec"]["machine"].get("useSudo", False) for one in entries] == [False, True]

    (tmp_path / "pool.yaml").write_text(first)
    (tmp_path / "pool.yaml").chmod(0o600)
    exported, _ = _capra(tmp_path, "pool", "export", "-f", "pool.yaml", "--key-directory", "kept")
    assert "PRIVATE KEY" not in exported
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert [stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "kept").iterdir()] == [0o600]

    (tmp_path / "again.yml").write_text(exported)
    again, said = _capra(tmp_path, "pool", "import", "-i", "again.yml", "--pool", "p")
    assert said == ""
    normal = _comparable(first)
    assert _comparable(again) == normal


def _comparable(text: str) -> list[dict[str, Any]]:
    """An export writes the default port, too, and sorts hosts by other names. A key that is written anew has other
    bytes."""
    documents = _documents(text)
    for document in documents:
        if document["kind"] == "Secret":
            document["stringData"]["value"] = public_fingerprint(document["stringData"]["value"])
        else:
            document["spec"]["machine"].setdefault("port", 22)
    return sorted(documents, key=lambda document: str(document["metadata"]["name"]))


def test_what_the_api_server_gives_can_be_exported_without_keys(tmp_path: Path) -> None:
    _keys(tmp_path)
    (tmp_path / "inventory.ini").write_text(INVENTORY)
    text, _ = _capra(tmp_path, "pool", "import", "-i", "inventory.ini", "--pool", "p", "--limit", "rack1")
    entries = [one | {"status": {"state": "Available"}} for one in _documents(text) if one["kind"] != "Secret"]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": entries})
    exported, _ = _capra(tmp_path, "pool", "export", "-f", "-", stdin=listed)
    hosts = yaml.safe_load(exported)["all"]["children"]["pool_p"]["hosts"]
    assert hosts["node-2"] == {
        "ansible_host": "2001:db8::2",
        "ansible_port": 2222,
        "ansible_user": "root",
        "custom_cleanup_commands": ["wipe"],
    }


DOCKER = "docker rm -f $(docker ps -q --format '{{.ID}}')"
POOL = """
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: PooledRemoteMachine
metadata: {name: node-1}
spec: {pool: p, machine: {address: 192.0.2.1, sshKeyRef: {name: one}, cleanUpCommands: []}}
"""


def test_a_command_that_looks_like_a_template_survives_and_nothing_is_carried_out(tmp_path: Path) -> None:
    _keys(tmp_path)
    evil = f"{{{{ lookup('pipe', 'touch {tmp_path}/carried-out') }}}}"
    entry = yaml.safe_load(POOL)
    entry["spec"]["machine"]["cleanUpCommands"] = commands = [DOCKER, evil, f"date\n{evil}\n", "echo ${#x}", "wipe"]
    exported, _ = _capra(tmp_path, "pool", "export", "-f", "-", stdin=json.dumps(entry))
    (tmp_path / "pool.yml").write_text(exported)
    shown = ansible("ansible", "-i", "pool.yml", "all", "-m", "debug", "-a", f"var={VARIABLE}", cwd=tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert json.loads(shown.stdout.partition("=>")[2])[VARIABLE] == commands
    assert not (tmp_path / "carried-out").exists()

    words = ("pool", "import", "-i", "pool.yml", "--pool", "p", "--ssh-key", "keys/one")
    [_, again] = _documents(_capra(tmp_path, *words)[0])
    assert again["spec"]["machine"]["cleanUpCommands"] == commands
    (tmp_path / "pool.yml").write_text(exported.replace("!unsafe", ""))
    _, said = _capra(tmp_path, *words, code=2)
    assert f"node-1: {VARIABLE}: is a template, which is not rendered here" in said


def test_a_second_inventory_does_not_replace_the_first_ones_secret(tmp_path: Path) -> None:
    made = []
    for place in (tmp_path / "rack1", tmp_path / "rack2"):
        place.mkdir()
        _keys(place)
        (place / "inventory.ini").write_text(INVENTORY)
        words = ("pool", "import", "-i", "inventory.ini", "--pool", "p", "--limit", "rack1")
        made += [_documents(_capra(place, *words)[0])[0]["metadata"]["name"] for _ in range(2)]
    assert made[0] == made[1] != made[2] == made[3]


def test_a_refreshed_inventory_leaves_one_set_of_keys(tmp_path: Path) -> None:
    _keys(tmp_path)
    (tmp_path / "k0sctl.yaml").write_text(K0SCTL)
    machines, _ = _capra(tmp_path, "import", "k0sctl.yaml")
    (tmp_path / "machines.yaml").write_text(machines)
    (tmp_path / "machines.yaml").chmod(0o600)
    (tmp_path / "remotemachines.yml").write_text(
        json.dumps({"plugin": "capra.machine.remote_machines", "manifests": ["machines.yaml"]})
    )
    count = {"debug": {"msg": "{{ lookup('pipe', 'find private -name \"default.*\" | wc -l') }}"}}
    tasks = [count, {"meta": "refresh_inventory"}, count]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    done = ansible("ansible-playbook", "-i", "remotemachines.yml", "play.yml", cwd=tmp_path)
    assert done.stdout.count('"msg": "2"') == 2, done.stdout + done.stderr
    assert list((tmp_path / "private").iterdir()) == []


def test_a_mistake_is_told_before_anything_is_printed(tmp_path: Path) -> None:
    (tmp_path / "inventory.ini").write_text(INVENTORY)
    for words, expected in (
        (("-i", "inventory.ini"), "node-3: ansible_user: is not set; set it, or give --user"),
        (("-i", "inventory.ini", "--limit", "node_1"), "node_1: key file keys/one: cannot be read: No such file"),
        (("-i", "inventory.ini", "--limit", "gone"), "--inventory inventory.ini: "),
        (("-i", "gone"), "--inventory gone: cannot be read: No such file or directory"),
    ):
        out, said = _capra(tmp_path, "pool", "import", *words, "--pool", "p", code=2)
        assert out == ""
        assert expected in said
        assert "Traceback" not in said


def test_from_k0sctl_to_machines_that_can_be_used(tmp_path: Path) -> None:
    _keys(tmp_path)
    (tmp_path / "k0sctl.yaml").write_text(K0SCTL)
    text, said = _capra(tmp_path, "import", "k0sctl.yaml", "-n", "default")
    assert "spec.hosts[1].hooks has no counterpart" in said
    assert [one["kind"] for one in _documents(text)] == ["Secret", "Secret", "RemoteMachine", "RemoteMachine"]
    (tmp_path / "machines.yaml").write_text(text)
    planned, _ = _capra(tmp_path, "plan", "-f", "machines.yaml", "--for", "cleanup", "-o", "json")
    assert [one["address"] for one in json.loads(planned)["machines"]] == ["192.0.2.1", "192.0.2.2"]
    entries, _ = _capra(tmp_path, "import", "k0sctl.yaml", "--role", "worker", "--pool", "w")
    [secret, entry] = _documents(entries)
    assert secret["metadata"]["name"].startswith("two-")
    assert (entry["spec"]["machine"]["sshKeyRef"]["name"], entry["spec"]["pool"]) == (secret["metadata"]["name"], "w")
