"""What the API server refuses of Capra's kinds because it can never be right; what was there before stays workable."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.component.crds.support import GROUP, VERSIONS, crds, read, resource, write, write_status
from tests.component.crds.test_upgrade import reference_crds, wait
from tests.controlplane import ControlPlane

MACHINE: dict[str, Any] = {"address": "192.0.2.1", "sshKeyRef": {"name": "key"}}
HOOK: dict[str, Any] = {"name": "harden", "playbook": {"configMapRef": {"name": "site"}}}
TWO_PLACES = {"configMapRef": {"name": "a"}, "secretRef": {"name": "b"}}


def hooked(**changes: Any) -> dict[str, Any]:
    """Fields of a machine with one hook."""
    return {"ansible": {"afterBootstrap": [{**HOOK, **changes}]}}


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "a port above 65535": ({"port": 65536}, "port: Invalid value: 65536"),
    "a port below 0": ({"port": -1}, "port: Invalid value: -1"),
    "both names of the cleanup commands": (
        {"cleanUpCommands": ["a"], "customCleanUpCommands": ["b"]},
        "has both cleanUpCommands and customCleanUpCommands, and they differ; keep one",
    ),
    "a host key with its address": (
        {"hostKeys": ["192.0.2.1 ssh-ed25519 AAAA"]},
        'hostKeys[0]: Invalid value: "string": must be a host key, TYPE BASE64',
    ),
    "doas without useSudo": ({"becomeMethod": "doas"}, "has becomeMethod or becomePasswordRef without useSudo"),
    "a password without useSudo": (
        {"becomePasswordRef": {"name": "root"}, "useSudo": False},
        "has becomeMethod or becomePasswordRef without useSudo; set that, or take them out",
    ),
    "another way to root": (
        {"useSudo": True, "becomeMethod": "pbrun"},
        'becomeMethod: Unsupported value: "pbrun": supported values: "sudo", "doas", "su"',
    ),
    "a bastion nowhere": ({"bastion": {"user": "jump"}}, "bastion.address: Required value"),
    "a bastion's port": ({"bastion": {"address": "b", "port": 0}}, "bastion.port: Invalid value: 0"),
    "a bastion's host key": (
        {"bastion": {"address": "b", "bastion": {"address": "c", "hostKeys": ["x"]}}},
        "bastion.bastion.hostKeys[0]: Invalid value",
    ),
    "a fourth bastion": (
        {
            "bastion": {
                "address": "b",
                "bastion": {"address": "c", "bastion": {"address": "d", "bastion": {"address": "e"}}},
            }
        },
        "at most three bastions may lead to a host",
    ),
    "a hook's name": (hooked(name="Harden"), "ansible.afterBootstrap[0].name: Invalid value"),
    "two hooks of one name": (
        {"ansible": {"beforeBootstrap": [HOOK, HOOK]}},
        'ansible.beforeBootstrap: Invalid value: "array": has two hooks with one name',
    ),
    "a playbook nowhere": (hooked(playbook={}), "must have exactly one of configMapRef, secretRef and file"),
    "a playbook in two places": (hooked(playbook=TWO_PLACES), "ansible.afterBootstrap[0].playbook: Invalid value"),
    "variables in two places": (hooked(variables=TWO_PLACES), "ansible.afterBootstrap[0].variables: Invalid value"),
}
"""What is wrong in the fields that RemoteMachine and PooledRemoteMachine share, and the message."""

RACK = {"key": "rack", "operator": "In", "values": ["a"]}


def selecting(**changes: Any) -> dict[str, Any]:
    """A `hostSelector` with one expression."""
    return {"matchExpressions": [{name: value for name, value in {**RACK, **changes}.items() if value is not None}]}


SELECTORS: dict[str, tuple[dict[str, Any], str]] = {
    "an operator": (selecting(operator="in"), 'operator: Unsupported value: "in": supported values: "In", "NotIn"'),
    "no values": (selecting(values=None), "In, NotIn, Gt and Lt need values; Exists and DoesNotExist take none"),
    "empty values": (selecting(operator="Lt", values=[]), "In, NotIn, Gt and Lt need values"),
    "values for none": (selecting(operator="Exists"), "Exists and DoesNotExist take none"),
    "a quantity": (selecting(operator="Gt", values=["8Gi"]), "Gt and Lt need one whole number in values"),
    "two numbers": (selecting(operator="Lt", values=["1", "2"]), "Gt and Lt need one whole number in values"),
    "a weight": ({"preferred": [{"weight": 101, "selector": selecting()}]}, "preferred[0].weight: Invalid value: 101"),
    "nothing that is liked": ({"preferred": [{"weight": 1, "selector": {}}]}, "preferred[0].selector"),
    "an operator that is liked": (
        {"preferred": [{"weight": 1, "selector": selecting(values=None)}]},
        "preferred[0].selector.matchExpressions[0]: Invalid value",
    ),
    "a strategy": ({"strategy": "Oldest"}, 'strategy: Unsupported value: "Oldest"'),
}
"""What is wrong in a `hostSelector`, and the message."""


ADDRESSES = ("192.0.2.1:22", "host.example.com:2222", "192.0.2.1/24", "https://192.0.2.1", "two words", "192.0.2.1\n")
ACCEPTED: dict[str, dict[str, Any]] = {
    "the port that Go has for nothing": {"port": 0},
    "an empty address": {"address": ""},
    "IPv6 with a zone": {"address": "fe80::1%eth0"},
    "a name with a dot at its end": {"address": "host.example.com."},
    "an address that a Job's own command knows": {"address": "node:22", "provisionJob": {"sshCommand": "tsh ssh"}},
    "both names of the cleanup commands, equal": {"cleanUpCommands": ["a"], "customCleanUpCommands": ["a"]},
    "one of them empty": {"cleanUpCommands": [], "customCleanUpCommands": ["b"]},
    "host keys with a comment and of a token": {"hostKeys": ["ssh-rsa AAAA= me", "sk-ssh-ed25519@openssh.com AAAA"]},
    "root by su with a password": {
        "useSudo": True,
        "becomeMethod": "su",
        "becomePasswordRef": {"name": "root", "key": "word"},
    },
    "no password, as Go has it": {"becomePasswordRef": {"name": ""}},
    "three bastions": {
        "bastion": {"address": "b", "bastion": {"address": "c", "port": 2222, "bastion": {"address": "d", "user": "u"}}}
    },
    "a selector": {
        "pool": "p",
        "failureDomain": "x",
        "hostSelector": {
            "matchLabels": {"rack": "a"},
            **selecting(operator="Gt", values=["-8"]),
            "preferred": [{"weight": 100, "selector": selecting(operator="DoesNotExist", values=None)}],
            "strategy": "LeastRecentlyUsed",
        },
    },
    "a hook": hooked(variables={"file": "v.yml"}, collections=["community.general"]),
}


def apply(plane: ControlPlane, namespace: str, raw: dict[str, Any], code: int = 0) -> str:
    """`kubectl apply`; what it says."""
    return plane.kubectl("apply", "-f", "-", "--namespace", namespace, stdin=yaml.safe_dump(raw), code=code)


def made(kind: str, version: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": "one"}, "spec": spec}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("fields", "message"), FIELDS.values(), ids=FIELDS)
def test_what_can_never_be_right_is_refused_with_its_field(
    shared_control_plane: ControlPlane, namespace: str, version: str, fields: dict[str, Any], message: str
) -> None:
    machine = {**MACHINE, **fields}
    said = apply(shared_control_plane, namespace, made("RemoteMachine", version, machine), code=1)
    assert message in said
    entry = made("PooledRemoteMachine", version, {"pool": "p", "machine": machine})
    said = apply(shared_control_plane, namespace, entry, code=1)
    assert message in said
    assert "spec.machine" in said


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_none_is_refused_with_its_value(
    shared_control_plane: ControlPlane, namespace: str, address: str
) -> None:
    said = apply(shared_control_plane, namespace, made("RemoteMachine", "v1beta2", {"address": address}), code=1)
    assert "spec.address" in said
    assert f"without a port, blanks and slashes, but is {address}" in said


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("selector", "message"), SELECTORS.values(), ids=SELECTORS)
def test_a_selector_that_can_never_be_right_is_refused(
    shared_control_plane: ControlPlane, namespace: str, version: str, selector: dict[str, Any], message: str
) -> None:
    machine = {"pool": "p", "hostSelector": selector}
    for kind, spec in (("RemoteMachine", machine), ("RemoteMachineTemplate", {"template": {"spec": machine}})):
        said = apply(shared_control_plane, namespace, made(kind, version, spec), code=1)
        assert message in said
        assert "hostSelector" in said


def test_a_hook_of_a_template_is_looked_at_too(shared_control_plane: ControlPlane, namespace: str) -> None:
    template = made("RemoteMachineTemplate", "v1beta2", {"template": {"spec": {"pool": "p", **hooked(playbook={})}}})
    said = apply(shared_control_plane, namespace, template, code=1)
    assert "spec.template.spec.ansible.afterBootstrap[0].playbook" in said


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED)
def test_what_may_be_right_is_accepted(
    shared_control_plane: ControlPlane, namespace: str, fields: dict[str, Any]
) -> None:
    apply(shared_control_plane, namespace, made("RemoteMachine", "v1beta2", {**MACHINE, **fields}))


def test_an_object_that_was_there_before_can_still_be_changed_and_deleted(own_control_plane: ControlPlane) -> None:
    """The API server looks at what a change touches (CRDValidationRatcheting, by default since Kubernetes 1.30)."""
    plane = own_control_plane
    plane.apply(reference_crds(), "--server-side")
    wait(plane)
    old = made("RemoteMachine", "v1beta2", {"address": "192.0.2.1:22", "port": 99999})
    old["metadata"]["finalizers"] = ["remotemachine.k0smotron.io/finalizer"]
    write(plane, "default", old)
    plane.apply(crds().values(), "--server-side", "--force-conflicts")
    wait(plane)
    write_status(plane, "default", old, {"phase": "Failed", "failureReason": "MissingFields"})
    assert read(plane, "default", old)["status"]["phase"] == "Failed"
    patch = ("patch", resource(old), "one", "--type=merge", "--namespace=default", "--patch")
    assert "spec.port" in plane.kubectl(*patch, '{"spec": {"port": 99998}}', code=1)
    plane.kubectl("delete", resource(old), "one", "--namespace=default", "--wait=false")
    plane.kubectl(*patch, '{"metadata": {"finalizers": null}}')
    assert plane.get("remotemachines", "--namespace=default")["items"] == []
