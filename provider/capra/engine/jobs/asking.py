"""What a machine with `spec.provisionJob` asks for: whether that can be done, and which Job does it. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from capra.engine.decisions import Refuse
from capra.model.jobs.job import JobWay, ProvisionJob
from capra.model.machine import ADOPT_ANNOTATION, RUN_PLAYBOOK_ANNOTATION, BecomeMethod, MachineSpec
from capra.model.observation import Observation, Phase
from capra.model.run import Playbook

FIELD = "spec.provisionJob"
INVALID_JOB = "InvalidProvisionJob"
"""The reason where a Job cannot do what the machine asks for."""

TEMPLATE = f"{FIELD}.jobSpecTemplate"
CONTAINERS = f"{TEMPLATE}.spec.template.spec.containers"
RELIED_ON: Mapping[str, object] = {
    "completionMode": "NonIndexed",
    "managedBy": "kubernetes.io/job-controller",
    "manualSelector": False,
    "podFailurePolicy": None,
    "podReplacementPolicy": None,
    "selector": None,
    "successPolicy": None,
    "suspend": False,
}
"""Fields of a JobSpec that may not be set, since they change how often its Pods run and when it has ended; the value of
each that changes nothing."""

NOT_ASKED = (
    "reaches the host with a Job, which cannot ask the host what this bootstrap data is rendered with (a template that"
    " uses the host's own values): take the template out, or let Capra reach the host by SSH"
)
PREFIX_LENGTH = 40
"""Characters of a machine's name that stand in a Job's, which has 63 at most with its Pods' names."""


def refused_for_job(observation: Observation) -> Refuse | None:
    """What cannot be done by a Job."""
    spec = observation.machine.spec
    if spec.provision_job is None:
        return None
    for field, problem in _problems(spec, spec.provision_job):
        return Refuse(INVALID_JOB, field, problem)
    if observation.record.phase is Phase.NEW and ADOPT_ANNOTATION in observation.machine.annotations:
        problem = "cannot be carried out: a host is looked at over Capra's own SSH, and this one has a provisionJob"
        return Refuse(INVALID_JOB, f"metadata.annotations[{ADOPT_ANNOTATION}]", problem)
    asked = observation.playbook
    if asked is not None and not asked.problem and asked.text is not None:
        problem = "cannot be carried out: playbooks reach a host over Capra's own SSH, and this one has a provisionJob"
        return Refuse(INVALID_JOB, f"metadata.annotations[{RUN_PLAYBOOK_ANNOTATION}]", problem)
    return None


def _problems(spec: MachineSpec, job: ProvisionJob) -> list[tuple[str, str]]:
    """Fields, and what is wrong with each."""
    found = {
        FIELD: spec.pool
        and "cannot be used with spec.pool: the host of a pool's entry is cleaned over SSH. Take one of them out",
        "spec.bastion": spec.bastion and _own("its command knows the way to the host"),
        "spec.hostKeys": spec.host_keys and _own("its command checks host keys: give them to the Job's container"),
        "spec.becomePasswordRef": spec.become_secret
        and "cannot be used with spec.provisionJob: nobody answers sudo there. Let the user become root without one",
        "spec.becomeMethod": spec.become_method is BecomeMethod.SU
        and "su asks for a password, which nobody gives where spec.provisionJob is set: use sudo or doas",
        "spec.ansible": bool(spec.ansible)
        and "cannot be used with spec.provisionJob: playbooks reach a host over Capra's own SSH",
        f"{FIELD}.sshCommand": _command(job.ssh_command),
        f"{FIELD}.scpCommand": _command(job.scp_command),
    }
    told = [(field, problem) for field, problem in found.items() if isinstance(problem, str) and problem]
    return told + _template(job.template)


def _own(why: str) -> str:
    return f"is for Capra's own SSH, and spec.provisionJob has a Job reach the host: {why}"


def _command(command: str) -> str:
    if not command.strip() or re.search(r"[\0\r\n]", command):
        return f"is {command!r}, not a command in one line, such as `ssh`"
    return ""


def _template(template: Mapping[str, object]) -> list[tuple[str, str]]:
    """Fields of the template that no Job can be made of, and what is wrong with each."""
    containers = containers_of(template)
    if not containers:
        return [(CONTAINERS, "has no container: the first one runs the commands that reach the host")]
    spec = template["spec"]
    assert isinstance(spec, Mapping)  # it has containers
    inner, pods_place = spec.get("template"), f"{TEMPLATE}.spec"
    found = _metadata(f"{TEMPLATE}.metadata", template.get("metadata"))
    if isinstance(inner, Mapping):
        pods_place = f"{TEMPLATE}.spec.template.spec"
        found += _metadata(f"{TEMPLATE}.spec.template.metadata", inner.get("metadata")) + _job_spec(spec)
    lists = {
        f"{pods_place}.volumes": pod_spec_of(template).get("volumes"),
        f"{pods_place}.containers[0].volumeMounts": containers[0].get("volumeMounts"),
    }
    return found + [
        (field, f"is {value!r}, not a list of objects")
        for field, value in lists.items()
        if value is not None and not (isinstance(value, list) and all(isinstance(one, Mapping) for one in value))
    ]


def _metadata(place: str, metadata: object) -> list[tuple[str, str]]:
    if metadata is not None and not isinstance(metadata, Mapping):
        return [(place, f"is {metadata!r}, not an object")]
    given = {f"{place}.{name}": (metadata or {}).get(name) for name in ("labels", "annotations")}
    return [
        (field, f"is {value!r}, not an object whose values are strings")
        for field, value in given.items()
        if value is not None
        and not (isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values()))
    ]


def _job_spec(spec: Mapping[str, object]) -> list[tuple[str, str]]:
    found = [
        (
            f"{TEMPLATE}.spec.{name}",
            "is Capra's own, which tells how often the Pod runs and when it has ended: take it out",
        )
        for name, without_effect in RELIED_ON.items()
        if spec.get(name) is not None and spec[name] != without_effect
    ]
    for name, least in (("activeDeadlineSeconds", 1), ("ttlSecondsAfterFinished", 0)):
        value = spec.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            found.append((f"{TEMPLATE}.spec.{name}", f"is {value!r}, not a whole number of seconds from {least} on"))
    return found


def pod_spec_of(template: Mapping[str, object]) -> Mapping[str, object]:
    """The Pod's spec in a `jobSpecTemplate`. The reference's own examples leave `template` out; empty without any."""
    spec = template.get("spec")
    if not isinstance(spec, Mapping):
        return {}
    inner = spec.get("template")
    if isinstance(inner, Mapping):
        found = inner.get("spec")
        return found if isinstance(found, Mapping) else {}
    return spec if "containers" in spec else {}


def containers_of(template: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The Pod's containers; empty where they are none."""
    found = pod_spec_of(template).get("containers")
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        return []
    return found


def way_by_job(observation: Observation, playbook: Playbook, variables: Mapping[str, object]) -> JobWay | None:
    """The way to the machine's host by a Job; None for a machine that Capra reaches itself. The Job's name comes from
    what is run and from the number of attempts that have failed: after a crash the same Job is found again."""
    asked, machine, record = observation.machine.spec.provision_job, observation.machine, observation.record
    if asked is None:
        return None
    told = {name: value for name, value in variables.items() if name.endswith(("run_id", "request_id"))}
    # The failures of a bootstrap are not the cleanup's, which forgets them as it begins.
    begins = playbook is not Playbook.BOOTSTRAP and not record.cleaning_since
    attempt = (0, 0.0) if begins else (record.attempts, record.not_before)
    what = json.dumps([machine.uid, playbook.value, told, attempt], sort_keys=True)
    digest = hashlib.sha256(what.encode()).hexdigest()[:10]
    return JobWay(asked, f"{_base(asked, machine.key.name)}-{digest}", machine.uid)


def _base(asked: ProvisionJob, machine: str) -> str:
    metadata = asked.template.get("metadata")
    given = metadata.get("name") if isinstance(metadata, Mapping) else None
    name = given if isinstance(given, str) and given else machine
    return re.sub(r"[^a-z0-9-]", "-", name.lower())[:PREFIX_LENGTH].strip("-") or "capra"
