"""RemoteMachines, as the API has them, in the engine's terms."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.objects.remote_machines import to_remote_machine

META = {"name": "m", "namespace": "default", "uid": "u", "labels": {"a": "b"}}


def raw(**spec: Any) -> dict[str, Any]:
    return {"kind": "RemoteMachine", "metadata": META, "spec": spec}


def test_fields_become_a_spec() -> None:
    machine, problem = to_remote_machine(
        raw(address="192.0.2.7", port=2222, pool="p", providerID="remote://x", sshKeyRef={"name": "key"})
    )
    assert problem is None
    spec = machine.spec
    assert (spec.address, spec.port, spec.pool, spec.provider_id) == ("192.0.2.7", 2222, "p", "remote://x")
    assert (str(machine.key.name), machine.uid, machine.labels) == ("m", "u", {"a": "b"})


@pytest.mark.parametrize(("given", "asked"), [({}, False), ({"provisionJob": {"jobSpecTemplate": {}}}, True)])
def test_a_provision_job_is_known_to_be_asked_for(given: dict[str, Any], asked: bool) -> None:
    machine, problem = to_remote_machine(raw(address="192.0.2.7", sshKeyRef={"name": "key"}, **given))
    assert (machine.spec.provision_job is not None) is asked
    assert problem is None


def test_a_mistake_is_told_and_the_other_fields_count() -> None:
    machine, problem = to_remote_machine(raw(address="192.0.2.7", port=70000, sshKeyRef={"name": "key"}))
    assert problem is not None
    assert problem.field == "spec.port"
    assert (machine.spec.address, machine.spec.port) == ("192.0.2.7", 22)


def test_an_object_that_is_going_has_a_machine_that_is() -> None:
    going = raw() | {"metadata": META | {"deletionTimestamp": "2030-01-01T00:00:00Z"}}
    assert to_remote_machine(going)[0].deleting
