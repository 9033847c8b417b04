"""What to do about a machine: one look at the world in, one decision out.

`decide` is the table of docs/reference/decisions.md, read from the top: deletion first. It computes and does nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from capra.engine.decisions import (
    BackOff,
    Bootstrap,
    Cleanup,
    Decision,
    GiveBack,
    Keep,
    Refuse,
    Release,
    Reserve,
    Run,
    RunPlaybook,
    Wait,
)
from capra.engine.distributions import BY_KIND, K0S_ROLES
from capra.engine.hooks.deciding import decide_playbook, refused_for_hooks, waits_for_hook
from capra.model.machine import (
    DELETE_FOR_MOVE_ANNOTATION,
    GIVE_UP_ANNOTATION,
    MANAGED_BY_ANNOTATION,
    PAUSED_ANNOTATION,
    TAKE_OVER_ANNOTATION,
    CleanUp,
)
from capra.model.observation import Observation, Phase
from capra.model.retry import RUN, SILENT_HOST
from capra.model.run import OutcomeKind

__all__ = [
    "BackOff",
    "Bootstrap",
    "Cleanup",
    "Decision",
    "GiveBack",
    "Keep",
    "Refuse",
    "Release",
    "Reserve",
    "Run",
    "RunPlaybook",
    "Wait",
    "decide",
    "paused_by",
    "paused_message",
]

TRIES = 3
"""Runs in a row that did not reach the host of a pool before its entry is given back."""

LONGEST_PAUSE = RUN.longest
"""The longest wait before the next run, in seconds. A time that is further off was noted before the clock was set
back."""

NAMED_ENTRIES = 5
"""Entries of an exhausted pool whose state is told."""


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


def decide(
    observation: Observation, cleanup_limit: float = math.inf, default_clean_up: CleanUp | None = None
) -> Decision:
    """The decision for one machine. cleanup_limit: seconds after which a cleanup is given up; never by default.
    default_clean_up: for machines that do not say; the bootstrap provider's kind decides by default."""
    if MANAGED_BY_ANNOTATION in observation.machine.annotations:
        return Wait("ExternallyManaged", f"the annotation {MANAGED_BY_ANNOTATION} says that others manage this object")
    if observation.machine.deleting:
        return _decide_deletion(observation, cleanup_limit, default_clean_up)
    return _decide_life(observation)


def _decide_deletion(observation: Observation, cleanup_limit: float, default: CleanUp | None) -> Decision:
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
        return Release("nothing was ever sent to a host")
    if given_up := _gives_up(observation, cleanup_limit):
        return Release(given_up, dirty=True)
    if used := _used_by_another(observation):
        return Release(used, dirty=True)
    if left := _left_as_it_is(observation, default):
        return Release(left, dirty=True)
    # The back-off of a bootstrap that failed is over with it.
    waits = _back_off(observation) if record.cleaning_since or record.phase is Phase.CLEANING else None
    return _refused(observation) or waits or _cleanup(observation, default)


def _gives_up(observation: Observation, limit: float) -> str:
    record = observation.record
    failure = f": {record.cause}" if record.message else ""
    if GIVE_UP_ANNOTATION in observation.machine.annotations:
        return f"the cleanup was given up because the annotation {GIVE_UP_ANNOTATION} is set{failure}"
    if record.cleaning_since and observation.now - record.cleaning_since >= limit:
        return f"the cleanup was given up after {limit:.0f} s{failure}"
    return ""


def _used_by_another(observation: Observation) -> str:
    """The host says that another machine uses it: what is there to clean is that one's. Asked in this deletion, since
    what was said to a bootstrap may be over."""
    record = observation.record
    if not observation.finalizer or TAKE_OVER_ANNOTATION in observation.machine.annotations:
        return ""
    if record.phase is not Phase.CLEANING or record.reason != OutcomeKind.HOST_CLAIMED:
        return ""
    return f"the host was left alone: {record.cause}"


def _left_as_it_is(observation: Observation, default: CleanUp | None) -> str:
    """What is left on the host is not Capra's to remove, and nobody waits for it to go. The entry of the pool is looked
    at again in quarantine. What is left on a host of no pool is told, and no failure (capra.engine.plan)."""
    record, spec = observation.record, observation.machine.spec
    if not observation.finalizer or not spec.pool or spec.clean_up_commands:
        return ""
    if clean_up_of(observation, default) is not CleanUp.VERIFY:
        return ""
    if record.phase is not Phase.CLEANING or record.reason != OutcomeKind.HOST_NOT_CLEAN:
        return ""
    found = record.cause
    return f"{found}. Capra does not remove it: set cleanUp of the PooledRemoteMachine to Default, or cleanUpCommands"


def clean_up_of(observation: Observation, default: CleanUp | None) -> CleanUp:
    """What the machine says, or the controller's default, or what the reference does: it cleans hosts of k0s."""
    kind = _bootstrap_kind(observation)
    by_kind = CleanUp.DEFAULT if not kind or kind in K0S_ROLES else CleanUp.VERIFY
    return observation.machine.spec.clean_up or observation.record.clean_up or default or by_kind


def _bootstrap_kind(observation: Observation) -> str:
    kind = observation.owner.bootstrap_kind if observation.owner else ""
    return kind or observation.record.bootstrap_kind


def _cleanup(observation: Observation, default: CleanUp | None) -> Decision:
    clean_up = clean_up_of(observation, default)
    if observation.machine.spec.clean_up_commands:
        return Cleanup(custom=True, clean_up=clean_up)
    kind = _bootstrap_kind(observation)
    role = K0S_ROLES.get(kind, "auto")
    return Cleanup(custom=False, role=role, clean_up=clean_up, distribution=BY_KIND.get(kind, ""))


def _decide_life(observation: Observation) -> Decision:
    machine, phase = observation.machine, observation.record.phase
    if paused := paused_by(observation):
        return Wait("Paused", paused)
    if given_back := _gives_back(observation):
        return given_back
    entry = observation.entry
    if entry is not None and (entry.holder is None or _held_by_another(observation)):
        # Known by an address, by a name or from before a move: nothing else may come before the claim is renewed.
        return Reserve(entry.name)
    if entry is not None and observation.outdated:
        return Reserve(entry.name, follows=True)
    if phase is Phase.PROVISIONED:
        return decide_playbook(observation, _refused)
    if phase is Phase.NEW and machine.spec.provider_id:
        return Keep(adopted=True)
    if phase is Phase.CLEANING:
        return Wait("CleanupUnfinished", "a cleanup of this host has begun and not been verified: finish it first")
    if observation.used_by:
        return Wait("HostInUse", f"RemoteMachine {observation.used_by} uses the host {machine.spec.address} already")
    held_up = _waits(observation) or _host(observation) or _refused(observation) or waits_for_hook(observation)
    return held_up or _back_off(observation) or Bootstrap()


def _gives_back(observation: Observation) -> GiveBack | None:
    """The host of the entry does not answer, and it is proven that nothing was sent to it. An entry that is gone is
    given back, too: what the machine has from it would keep it at that host for ever."""
    entry, record = observation.entry, observation.record
    if not observation.given_by or observation.machine.spec.provider_id:
        return None
    if entry is not None and (entry.name != observation.given_by or _held_by_another(observation)):
        # After a move, or by its address alone: the claim is renewed first.
        return None
    if record.phase is not Phase.NEW or record.unreached < TRIES:
        return None
    return GiveBack(observation.given_by, record.cause)


def _held_by_another(observation: Observation) -> bool:
    holder = observation.entry.holder if observation.entry is not None else None
    return holder is not None and holder.uid != observation.machine.uid


def _waits(observation: Observation) -> Wait | None:
    """What holds provisioning up, from the outside in."""
    if observation.machine.spec.provision_job:
        return Wait("ProvisionJobUnsupported", "spec.provisionJob is not supported yet: remove it to use SSH directly")
    if observation.owner is None:
        return Wait("WaitingForMachine", observation.missing_owner)
    if observation.cluster is None:
        return Wait("WaitingForCluster", f"waiting for the Cluster of Machine {observation.owner.name}")
    if not observation.cluster.infrastructure_ready:
        return Wait("WaitingForInfrastructure", f"waiting for the infrastructure of {observation.cluster.name}")
    if observation.bootstrap is None and _has_place(observation):
        return Wait("WaitingForBootstrapData", f"waiting for {observation.missing_bootstrap}")
    return None


def _has_place(observation: Observation) -> bool:
    """An error in the machine itself is told first: it does not go away on its own."""
    return _refused(observation) is None or _wants_host(observation)


def _wants_host(observation: Observation) -> bool:
    spec = observation.machine.spec
    return bool(spec.pool) and not spec.address


def _host(observation: Observation) -> Reserve | Wait | None:
    """An entry of the pool for a machine without an address."""
    if not _wants_host(observation):
        return None
    if observation.entry is not None:
        return Reserve(observation.entry.name)
    for entry in observation.pool:
        if not entry.unavailable:
            return Reserve(entry.name)
    silent = [
        (entry.unreachable.until, entry.name) for entry in observation.pool if entry.unreachable and not entry.blocked
    ]
    # A time that lies further off than the longest silence is another clock's.
    due = [one for one in silent if not observation.now < one[0] <= observation.now + SILENT_HOST.longest]
    if due:
        return Reserve(min(due)[1])
    message = _exhausted(observation)
    return Wait("PoolExhausted", message, min(silent)[0] if silent else 0.0)


def _exhausted(observation: Observation) -> str:
    pool, entries = observation.machine.spec.pool, observation.pool
    if not entries:
        return f"pool {pool} has no entries: waiting for a PooledRemoteMachine with spec.pool {pool}"
    told = ", ".join(f"{entry.name} {entry.unavailable}" for entry in entries[:NAMED_ENTRIES])
    left = max(observation.pool_size, len(entries)) - NAMED_ENTRIES
    more = f", and {left} more" if left > 0 else ""
    return f"waiting for an entry of pool {pool} to become available: {told}{more}"


def _refused(observation: Observation) -> Refuse | None:
    spec, problem = observation.machine.spec, observation.problem
    if problem is not None:
        return Refuse(problem.reason, problem.field, problem.message)
    if not spec.address:
        return Refuse("MissingFields", "spec.address", "is required: the address that the host is reached at")
    if observation.ssh_key is None:
        if not spec.ssh_key_name:
            return Refuse("MissingFields", "spec.sshKeyRef.name", "is required: the Secret with the SSH private key")
        message = f"Secret {spec.ssh_key_name} with key 'value' was not found in namespace "
        return Refuse("SSHKeyNotFound", "spec.sshKeyRef.name", message + observation.machine.key.namespace)
    return refused_for_hooks(observation)


def _back_off(observation: Observation) -> BackOff | None:
    until, now = observation.record.not_before, observation.now
    # Only a wait after a failed run has a limit. Any other (for a vanished holder) lasts as long as it was to:
    # meanwhile the host may turn out to be another cluster's.
    if until <= now or (observation.record.reason and until > now + LONGEST_PAUSE):
        return None
    return BackOff(until)
