"""What holds any run up: a pause, a mistake in the machine's own fields, the wait after a failure. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from capra.engine.decisions import BackOff, Refuse
from capra.engine.hooks.deciding import refused_for_hooks
from capra.engine.jobs.asking import refused_for_job
from capra.model.bastion import bastion_field
from capra.model.keys.key_secret import missing_key_message
from capra.model.keys.logins import offered_keys
from capra.model.machine import PAUSED_ANNOTATION
from capra.model.observation import Observation
from capra.model.retry import RUN

LONGEST_PAUSE = RUN.longest
"""The longest wait before the next run, in seconds. A time that is further off was noted before the clock was set
back."""


def paused_by(observation: Observation) -> str:
    """The message of the condition `Paused`; empty when the machine is not paused."""
    machine, cluster = observation.machine, observation.cluster
    return paused_message(machine.key.kind, machine.annotations, cluster_paused=cluster is not None and cluster.paused)


def paused_message(kind: str, annotations: Mapping[str, str], *, cluster_paused: bool) -> str:
    """What pauses an object of this kind, in the contract's words; empty when nothing does."""
    messages = []
    if cluster_paused:
        messages.append("Cluster spec.paused is set to true")
    if PAUSED_ANNOTATION in annotations:
        messages.append(f"{kind} has the {PAUSED_ANNOTATION} annotation")
    return ", ".join(messages)


def refused(observation: Observation) -> Refuse | None:
    """What is wrong with the machine itself, so that nothing can be run for it."""
    spec, problem = observation.machine.spec, observation.problem
    if problem is not None:
        return Refuse(problem.reason, problem.field, problem.message)
    if refusal := refused_for_job(observation):
        return refusal
    if not spec.address:
        return Refuse("MissingFields", "spec.address", "is required: the address that the host is reached at")
    if spec.provision_job is not None:
        return None  # its own command has its own keys
    if observation.ssh_key is None:
        if not spec.ssh_key_name:
            return Refuse("MissingFields", "spec.sshKeyRef.name", "is required: the Secret with the SSH private key")
        message = missing_key_message(spec.ssh_key_name, observation.machine.key.namespace)
        return Refuse("SSHKeyNotFound", "spec.sshKeyRef.name", message)
    offered = offered_keys(observation.ssh_key, observation.now)
    if not offered.keys:
        return Refuse(offered.reason, "spec.sshKeyRef.name", offered.problem, offered.until)
    return _refused_for_bastions(observation) or refused_for_hooks(observation)


def _refused_for_bastions(observation: Observation) -> Refuse | None:
    field = "spec.machine" if observation.machine.spec.pool else "spec"
    for number, key in enumerate(observation.bastion_keys):
        offered = offered_keys(key, observation.now) if key is not None else None
        if offered is not None and not offered.keys:
            name = f"{bastion_field(field, number)}.sshKeyRef.name"
            return Refuse(offered.reason, name, offered.problem, offered.until)
    return None


def back_off(observation: Observation) -> BackOff | None:
    """The wait after a run that failed; None when it is over."""
    until, now = observation.record.not_before, observation.now
    # Only a wait after a failed run has a limit. Any other (for a vanished holder) lasts for its full time:
    # meanwhile the host may turn out to be another cluster's.
    if until <= now or (observation.record.reason and until > now + LONGEST_PAUSE):
        return None
    return BackOff(until)
