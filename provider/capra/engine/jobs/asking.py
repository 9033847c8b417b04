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

CONTAINERS = f"{FIELD}.jobSpecTemplate.spec.template.spec.containers"
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
        CONTAINERS: _template(job.template),
    }
    return [(field, problem) for field, problem in found.items() if isinstance(problem, str) and problem]


def _own(why: str) -> str:
    return f"is for Capra's own SSH, and spec.provisionJob has a Job reach the host: {why}"


def _command(command: str) -> str:
    if not command.strip() or re.search(r"[\0\r\n]", command):
        return f"is {command!r}, not a command in one line, such as `ssh`"
    return ""


def _template(template: Mapping[str, object]) -> str:
    if not containers_of(template):
        return "has no container: the first one runs the commands that reach the host"
    return ""


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
