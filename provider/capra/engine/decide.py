"""What to do about a machine: one look at the world in, one decision out.

`decide` is the table of docs/reference/decisions.md, read from the top: deletion first. It computes and does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, PAUSED_ANNOTATION
from capra.model.observation import Observation, Phase

K0S_ROLES = {"K0sControllerConfig": "controller", "K0sWorkerConfig": "worker"}
"""Bootstrap config kinds whose hosts have a default cleanup, and the role they give (reference/contract C)."""


@dataclass(frozen=True)
class Wait:
    """Nothing can be done before something else changes. reason: a CamelCase word; message: what it waits for."""

    reason: str
    message: str


@dataclass(frozen=True)
class Refuse:
    """The input does not allow a run; look again when it changes. field: the path that is wrong."""

    reason: str
    field: str
    message: str


@dataclass(frozen=True)
class BackOff:
    """The last run failed: not again before `until`, in seconds since the epoch."""

    until: float


@dataclass(frozen=True)
class Bootstrap:
    """Run the bootstrap, or attach to the one that is under way."""


@dataclass(frozen=True)
class Cleanup:
    """Clean the host. custom: with the machine's own commands instead of the k0s cleanup. role: controller, worker,
    or auto where only the host can tell."""

    custom: bool
    role: str = "auto"


@dataclass(frozen=True)
class Release:
    """Nothing is left to clean: let the machine go. reason: why. moved: the host lives on under another management
    cluster, so nothing is said of it here."""

    reason: str
    moved: bool = False


@dataclass(frozen=True)
class Keep:
    """Provisioned: keep what is reported true; run nothing. adopted: it was so before Capra knew it."""

    adopted: bool = False


Decision = Wait | Refuse | BackOff | Bootstrap | Cleanup | Release | Keep


def paused_by(observation: Observation) -> str:
    """The messages of the condition `Paused`, joined as the contract has it; empty when not paused."""
    messages = []
    if observation.cluster is not None and observation.cluster.paused:
        messages.append("Cluster spec.paused is set to true")
    if PAUSED_ANNOTATION in observation.machine.annotations:
        messages.append(f"{observation.machine.key.kind} has the {PAUSED_ANNOTATION} annotation")
    return ", ".join(messages)


def decide(observation: Observation) -> Decision:
    """The decision for one machine."""
    if observation.machine.deleting:
        return _decide_deletion(observation)
    return _waits(observation) or _decide_provisioning(observation)


def _decide_deletion(observation: Observation) -> Decision:
    """Deletion never waits for anything that only provisioning needs."""
    machine, record = observation.machine, observation.record
    # clusterctl deletes what it has moved while the Cluster is still paused.
    if DELETE_FOR_MOVE_ANNOTATION in machine.annotations:
        return Release("the object has moved to another management cluster", moved=True)
    if paused := paused_by(observation):
        return Wait("Paused", paused)
    if record.phase is Phase.CLEAN:
        return Release("the host was cleaned")
    if record.phase is Phase.NEW and not machine.spec.provider_id:
        return Release("no host was ever contacted")
    # The back-off of a bootstrap that failed is over with it.
    waits = _back_off(observation) if record.phase is Phase.CLEANING else None
    return _missing(observation, bootstrap=False) or waits or _cleanup(observation)


def _cleanup(observation: Observation) -> Decision:
    if observation.machine.spec.clean_up_commands:
        return Cleanup(custom=True)
    kind = observation.owner.bootstrap_kind if observation.owner else ""
    return Cleanup(custom=False, role=K0S_ROLES.get(kind, "auto"))


def _waits(observation: Observation) -> Wait | None:
    """What holds provisioning up, from the outside in."""
    if paused := paused_by(observation):
        return Wait("Paused", paused)
    if observation.owner is None:
        return Wait("WaitingForMachine", "waiting for the Machine that owns this object")
    if observation.cluster is None:
        return Wait("WaitingForCluster", f"waiting for the Cluster of Machine {observation.owner.name}")
    if not observation.cluster.infrastructure_ready:
        return Wait("WaitingForInfrastructure", f"waiting for the infrastructure of {observation.cluster.name}")
    return None


def _decide_provisioning(observation: Observation) -> Decision:
    phase = observation.record.phase
    if phase is Phase.PROVISIONED:
        return Keep()
    if phase is Phase.NEW and observation.machine.spec.provider_id:
        return Keep(adopted=True)
    if phase is Phase.CLEANING:
        return Wait("CleanupUnfinished", "a cleanup of this host has begun and not been verified: finish it first")
    return _missing(observation, bootstrap=True) or _back_off(observation) or Bootstrap()


def _missing(observation: Observation, *, bootstrap: bool) -> Refuse | Wait | None:
    spec = observation.machine.spec
    if not spec.address:
        return Refuse("MissingFields", "spec.address", "is required: the address that the host is reached at")
    if observation.ssh_key is None:
        if not spec.ssh_key_name:
            return Refuse("MissingFields", "spec.sshKeyRef.name", "is required: the Secret with the SSH private key")
        message = f"Secret {spec.ssh_key_name} with key 'value' was not found in namespace "
        return Refuse("SSHKeyNotFound", "spec.sshKeyRef.name", message + observation.machine.key.namespace)
    if bootstrap and observation.bootstrap is None:
        return Wait("WaitingForBootstrapData", "waiting for the bootstrap data")
    return None


def _back_off(observation: Observation) -> BackOff | None:
    until = observation.record.not_before
    return BackOff(until) if until > observation.now else None
