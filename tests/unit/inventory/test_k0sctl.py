"""Hosts of a k0sctl.yaml as machines."""

from __future__ import annotations

from typing import Any

import pytest

from capra.errors import InputError
from capra.inventory.k0sctl import from_k0sctl

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="


def _config(*hosts: Any, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "k0sctl.k0sproject.io/v1beta1", "kind": "Cluster", "spec": {"hosts": list(hosts), **spec}}


CONTROLLER = {"role": "controller+worker", "ssh": {"address": "192.0.2.1", "keyPath": "~/k", "hostKey": KEY}}
WORKER = {
    "role": "worker",
    "hostname": "Worker_1",
    "openSSH": {"address": "192.0.2.2", "user": "ops", "port": 2222, "keyPath": "~/k"},
}


def test_hosts_are_machines() -> None:
    found = from_k0sctl(_config(CONTROLLER, WORKER), source="k").hosts
    assert [(host.name, host.fields) for host in found] == [
        ("192.0.2.1", {"address": "192.0.2.1", "user": "root", "hostKeys": [KEY]}),
        ("worker-1", {"address": "192.0.2.2", "port": 2222, "user": "ops", "useSudo": True}),
    ]


@pytest.mark.parametrize(("role", "expected"), [("controller", ["192.0.2.1"]), ("worker", ["worker-1"])])
def test_of_one_role(role: str, expected: list[str]) -> None:
    found = from_k0sctl(_config(CONTROLLER, WORKER), source="k", role=role).hosts
    assert [host.name for host in found] == expected


def test_what_has_no_counterpart_is_told_without_its_value() -> None:
    host = CONTROLLER | {"environment": {"TOKEN": "hunter2"}, "files": [{}], "uploadBinary": True, "noTaints": False}
    bastion = {"role": "worker", "ssh": CONTROLLER["ssh"] | {"bastion": {"address": "x"}}}  # type: ignore[operator]
    other = {"role": "worker", "winRM": {"address": "w"}}
    notes = from_k0sctl(_config(host, bastion, other, k0s={"version": "1"}), source="k").notes
    assert [note.partition(":")[0] for note in notes] == [
        "spec.k0s has no counterpart",
        "spec.hosts[0].environment has no counterpart",
        "spec.hosts[0].files has no counterpart",
        "spec.hosts[0].uploadBinary has no counterpart",
        "spec.hosts[1].ssh.bastion has no counterpart",
        "spec.hosts[2] is left out",
    ]
    assert "hunter2" not in "".join(notes)


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kind": "Deployment", "apiVersion": "apps/v1"}, "k: kind: must be Cluster of k0sctl.k0sproject.io/v1beta1"),
    (_config(), "k: spec.hosts: must be a list with at least one host"),
    (_config("x"), "k: spec.hosts[0]: must be a mapping"),
    (_config(CONTROLLER | {"role": "boss"}), "k: spec.hosts[0].role: must be one of"),
    (_config({"role": "worker", "ssh": {"keyPath": "k"}}), "k: spec.hosts[0].ssh.address: is required"),
    (_config({"role": "worker", "ssh": {"address": "a"}}), "k: spec.hosts[0].ssh.keyPath: is not set"),
    (
        _config({"role": "worker", "ssh": {"address": "$A", "keyPath": "k"}}),
        "ssh.address: has a variable",
    ),
    (
        _config({"role": "worker", "openSSH": {"address": "a", "keyPath": "k"}}),
        "openSSH.user: is not set",
    ),
    (_config({"role": "worker", "localhost": {"enabled": True}}), "k: spec.hosts: no host has"),
)


@pytest.mark.parametrize(("config", "expected"), BAD)
def test_a_mistake_is_named_with_its_place(config: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        from_k0sctl(config, source="k")
    assert expected in str(caught.value)
