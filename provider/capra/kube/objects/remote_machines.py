"""RemoteMachines, from the API's objects to the engine's terms. Pure."""

from __future__ import annotations

from dataclasses import replace

from capra.kube.client.resources import MACHINES, Raw
from capra.kube.objects.fields import machine_from, text_of, usable_fields
from capra.kube.objects.jobs.manifest import to_provision_job
from capra.model.machine import RemoteMachine
from capra.model.manifest.machines import RemoteMachineFields
from capra.model.observation import Problem

READ_ELSEWHERE = frozenset({"provisionJob", "hostSelector", "failureDomain"})
"""Fields of `spec` that are not validated with the others."""


def to_remote_machine(raw: Raw) -> tuple[RemoteMachine, Problem | None]:
    """A RemoteMachine, and what is wrong with its fields. What it wants of a host counts only until it has one, and is
    read where that is chosen (capra.kube.cache.choosing.wants): a mistake there never holds a cleanup up."""
    given = raw.get("spec") or {}
    own = {name: value for name, value in given.items() if name not in READ_ELSEWHERE}
    fields, problem = usable_fields(RemoteMachineFields, own, "spec")
    spec = fields.to_spec(provider_id=text_of(given, "providerID"), pool=text_of(given, "pool"))
    if given.get("provisionJob") is not None:
        spec = replace(spec, provision_job=to_provision_job(given["provisionJob"]))
    return machine_from(raw, MACHINES, spec), problem
