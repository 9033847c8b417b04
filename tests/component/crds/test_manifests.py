"""What people and k0smotron write, before an API server with Capra's CRDs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.component.crds.support import (
    GROUP,
    ROOT,
    VERSIONS,
    full_machine,
    lost,
    read,
    reference_objects,
    resource,
    version_of,
    write,
    write_status,
)
from tests.controlplane import ControlPlane

_REFERENCE = {"configMapRef": {"name": "site", "key": "harden.yml"}}
_HOOK = {"name": "h", "playbook": _REFERENCE, "variables": {"secretRef": {"name": "s"}}, "collections": ["a.b"]}
ANSIBLE = {stage: [_HOOK] for stage in ("beforeBootstrap", "afterBootstrap", "beforeCleanUp")}
HOOKED = {
    "RemoteMachine": {"ansible": ANSIBLE},
    "RemoteMachineTemplate": {"template": {"spec": {"pool": "p", "ansible": ANSIBLE}}},
    "PooledRemoteMachine": {"pool": "p", "machine": {"address": "a", "sshKeyRef": {"name": "k"}, "ansible": ANSIBLE}},
}
DOCUMENTATION = (ROOT / "tests" / "cases" / "manifests" / "documentation.yaml").read_text()
OBJECTS = reference_objects()
NAMES = [f"{one['kind']} {one['metadata']['name']}" for one in OBJECTS]
CLIENTS = {"kubectl apply": (), "server-side apply": ("--server-side",)}


@pytest.mark.parametrize("options", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_of_the_documentation_apply_as_they_stand(
    shared_control_plane: ControlPlane, namespace: str, version: str, options: tuple[str, ...]
) -> None:
    text = DOCUMENTATION.replace(f"{GROUP}/v1beta1", f"{GROUP}/{version}")
    text = text.replace("namespace: default", f"namespace: {namespace}")
    shared_control_plane.apply(text, *options)
    for wanted in yaml.safe_load_all(text):
        if wanted["apiVersion"].startswith(GROUP):
            wanted["spec"] = wanted["spec"] or {}
            assert lost(wanted, read(shared_control_plane, namespace, wanted)) == []


@pytest.mark.parametrize("options", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["RemoteCluster", "RemoteMachine"])
def test_a_spec_that_is_left_empty_is_one_with_nothing_in_it(
    shared_control_plane: ControlPlane, namespace: str, kind: str, version: str, options: tuple[str, ...]
) -> None:
    empty = {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": "empty", "namespace": namespace}}
    shared_control_plane.apply([{**empty, "spec": None}], *options)
    spec = read(shared_control_plane, namespace, empty)["spec"]
    defaults = {"port": 22, "user": "root", "commandsAsScript": False, "workingDir": "/etc/k0smotron"}
    assert spec == (defaults if kind == "RemoteMachine" else {})


@pytest.mark.parametrize("wanted", OBJECTS, ids=NAMES)
def test_an_object_of_the_reference_stays_as_it_was_written(
    shared_control_plane: ControlPlane, namespace: str, wanted: dict[str, Any]
) -> None:
    write(shared_control_plane, namespace, wanted)
    found = read(shared_control_plane, namespace, wanted)
    assert lost(wanted, found) == []
    [other] = set(VERSIONS) - {version_of(wanted)}
    converted = read(shared_control_plane, namespace, wanted, other)
    assert converted["apiVersion"] == f"{GROUP}/{other}"
    assert (converted.get("spec"), converted.get("status")) == (found.get("spec"), found.get("status"))


@pytest.mark.parametrize(("written", "other"), [VERSIONS, VERSIONS[::-1]])
def test_each_spelling_is_accepted_in_either_version_and_read_in_the_other(
    shared_control_plane: ControlPlane, namespace: str, written: str, other: str
) -> None:
    machine = {
        "apiVersion": f"{GROUP}/{written}",
        "kind": "RemoteMachine",
        "metadata": {"name": "both"},
        "spec": {"cleanUpCommands": ["a"], "customCleanUpCommands": ["a"]},
        "status": {
            "ready": True,
            "initialization": {"provisioned": True},
            "failureReason": "ProvisionFailed",
            "failureMessage": "m",
            "deprecated": {"v1beta1": {"failureReason": "ProvisionFailed", "failureMessage": "m"}},
        },
    }
    write(shared_control_plane, namespace, machine)
    found = read(shared_control_plane, namespace, machine, other)
    assert lost({"spec": machine["spec"], "status": machine["status"]}, found) == []


def test_a_client_of_v1beta1_that_changes_one_field_leaves_the_others(
    shared_control_plane: ControlPlane, namespace: str
) -> None:
    machine = full_machine("v1beta2")
    machine = {**machine, "spec": {**machine["spec"], "hostKeys": ["ssh-ed25519 AAAA"]}}
    machine["spec"] |= {"useSudo": True, "becomeMethod": "su", "becomePasswordRef": {"name": "root", "key": "word"}}
    write(shared_control_plane, namespace, machine)
    old = {**machine, "apiVersion": f"{GROUP}/v1beta1"}
    write_status(shared_control_plane, namespace, old, {"ready": True})
    patch = ("--type=merge", "--patch", '{"spec": {"port": 23}}', "--namespace", namespace)
    shared_control_plane.kubectl("patch", resource(old), "v1beta2-all-fields", *patch)
    wanted = {**machine, "spec": {**machine["spec"], "port": 23}, "status": {**machine["status"], "ready": True}}
    assert lost(wanted, read(shared_control_plane, namespace, machine)) == []


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_a_template_may_say_nothing_but_that_it_is_one(
    shared_control_plane: ControlPlane, namespace: str, version: str
) -> None:
    """As in the reference, where `spec.template.spec` is optional."""
    metadata = {"name": f"empty-{version}", "namespace": namespace}
    template = {"apiVersion": f"{GROUP}/{version}", "kind": "RemoteMachineTemplate", "metadata": metadata}
    for given in ({}, {"metadata": {"labels": {"a": "b"}}}):
        shared_control_plane.apply([{**template, "spec": {"template": given}}])


REFUSED = {
    "a key without a name": ("RemoteMachine", {"sshKeyRef": {}}, "spec.sshKeyRef.name"),
    "a pool entry without a key": ("PooledRemoteMachine", {"pool": "a", "machine": {"address": "b"}}, "sshKeyRef"),
    "a template without a pool": ("RemoteMachineTemplate", {"template": {"spec": {}}}, "spec.template.spec.pool"),
    "an endpoint without anything": ("RemoteCluster", {"controlPlaneEndpoint": {}}, "at least 1 propert"),
    "an endpoint's port 0": ("RemoteCluster", {"controlPlaneEndpoint": {"port": 0}}, "greater than or equal to 1"),
}


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_reference_refuses_is_refused(
    shared_control_plane: ControlPlane, namespace: str, version: str, kind: str, spec: dict[str, Any], message: str
) -> None:
    raw = {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": "bad"}, "spec": spec}
    options = ("apply", "-f", "-", "--namespace", namespace)
    assert message in shared_control_plane.kubectl(*options, stdin=yaml.safe_dump(raw), code=1)


@pytest.mark.parametrize("written", VERSIONS)
@pytest.mark.parametrize("kind", HOOKED)
def test_hooks_are_the_same_in_either_version(
    shared_control_plane: ControlPlane, namespace: str, kind: str, written: str
) -> None:
    metadata = {"name": "hooked", "namespace": namespace}
    wanted = {"apiVersion": f"{GROUP}/{written}", "kind": kind, "metadata": metadata, "spec": HOOKED[kind]}
    shared_control_plane.apply([wanted])
    for version in VERSIONS:
        read_as = {**wanted, "apiVersion": f"{GROUP}/{version}"}
        assert lost(wanted["spec"], read(shared_control_plane, namespace, read_as)["spec"]) == []
