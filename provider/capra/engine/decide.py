"""What to do about a machine: one look at the world in, one decision out.

`decide` is the table of docs/reference/decisions.md, read from the top: deletion first. It computes and does nothing.
"""

from __future__ import annotations

import math

from capra.engine.adoption.asked import asked_adoption
from capra.engine.decisions import Bootstrap, Decision, GiveBack, Keep, Refuse, Reserve, Wait
from capra.engine.deletion import decide_deletion
from capra.engine.holding import back_off, paused_by, refused
from capra.engine.hooks.deciding import decide_playbook, waits_for_hook
from capra.engine.told.exhausted import exhausted
from capra.model.machine import MANAGED_BY_ANNOTATION, Adoption, CleanUp
from capra.model.observation import Observation, Phase
from capra.model.retry import SILENT_HOST

TRIES = 3
"""Runs in a row that did not reach the host of a pool before its entry is given back."""

CHOOSING = ("spec.hostSelector", "spec.failureDomain")
"""Fields that say what a machine wants of a host."""


def decide(
    observation: Observation,
    cleanup_limit: float = math.inf,
    default_clean_up: CleanUp | None = None,
    *,
    adoption_settled: bool = False,
) -> Decision:
    """The decision for one machine. cleanup_limit: seconds after which a cleanup is given up; never by default.
    default_clean_up: for machines that name none; by default, the bootstrap provider's kind decides. adoption_settled:
    its host was looked at a moment ago, and is to be bootstrapped."""
    if MANAGED_BY_ANNOTATION in observation.machine.annotations:
        return Wait("ExternallyManaged", f"the annotation {MANAGED_BY_ANNOTATION} says that others manage this object")
    if observation.machine.deleting:
        return decide_deletion(observation, cleanup_limit, default_clean_up)
    return _decide_life(observation, None if adoption_settled else asked_adoption(observation))


def _decide_life(observation: Observation, adoption: Adoption | Refuse | None) -> Decision:
    machine, phase = observation.machine, observation.record.phase
    if paused := paused_by(observation):
        return Wait("Paused", paused)
    if given_back := _gives_back(observation):
        return given_back
    entry = observation.entry
    if entry is not None and (entry.holder is None or _held_by_another(observation)):
        # Found by address, by name or from before a move: the claim must be renewed before anything else.
        return Reserve(entry.name)
    if entry is not None and observation.outdated:
        return Reserve(entry.name, follows=True)
    if phase is Phase.PROVISIONED:
        return decide_playbook(observation, refused)
    if phase is Phase.NEW and machine.spec.provider_id:
        return Keep(adopted=True)
    if phase is Phase.CLEANING:
        return Wait("CleanupUnfinished", "a cleanup of this host has begun and not been verified: finish it first")
    if observation.used_by:
        return Wait("HostInUse", f"RemoteMachine {observation.used_by} uses the host {machine.spec.address} already")
    held_up = _waits(observation, adoption) or _host(observation) or refused(observation)
    if held_up is None and isinstance(adoption, Refuse):
        return adoption
    if held_up is None and isinstance(adoption, Adoption):
        return back_off(observation) or Bootstrap(adoption)
    return held_up or waits_for_hook(observation) or back_off(observation) or Bootstrap()


def _gives_back(observation: Observation) -> GiveBack | None:
    """The host of the entry does not answer, and it is proven that nothing was sent to it. An entry that is gone is
    given back, too: the fields it gave would keep the machine at that host for ever."""
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


def _waits(observation: Observation, adoption: Adoption | Refuse | None) -> Wait | None:
    """What holds provisioning up, from the outside in. A host that is a node already needs no bootstrap data."""
    if observation.owner is None:
        return Wait("WaitingForMachine", observation.missing_owner)
    if observation.cluster is None:
        return Wait("WaitingForCluster", f"waiting for the Cluster of Machine {observation.owner.name}")
    if not observation.cluster.infrastructure_ready:
        return Wait("WaitingForInfrastructure", f"waiting for the infrastructure of {observation.cluster.name}")
    if observation.bootstrap is None and adoption is None and _has_place(observation):
        return Wait("WaitingForBootstrapData", f"waiting for {observation.missing_bootstrap}")
    return None


def _has_place(observation: Observation) -> bool:
    """A mistake in the machine is reported first: it does not go away on its own."""
    return refused(observation) is None or (_wants_host(observation) and not _mistaken(observation))


def _wants_host(observation: Observation) -> bool:
    spec = observation.machine.spec
    return bool(spec.pool) and not spec.address


def _mistaken(observation: Observation) -> bool:
    """What it wants of a host cannot be told: it would get any."""
    return observation.problem is not None and observation.problem.field.startswith(CHOOSING)


def _host(observation: Observation) -> Reserve | Wait | Refuse | None:
    """An entry of the pool for a machine without an address."""
    if not _wants_host(observation):
        return None
    if observation.entry is not None:
        return Reserve(observation.entry.name)
    if _mistaken(observation):
        return refused(observation)
    choice = observation.choice
    fitting = [entry for entry in observation.pool if choice.fits(entry.offer)]
    free = [entry for entry in fitting if not entry.unavailable]
    if free:  # what a probe has found fit comes before what nobody has looked at
        return Reserve(min(free, key=lambda entry: choice.rank(entry.offer, fit=entry.fit)).name)
    silent = [(entry.unreachable.until, entry.name) for entry in fitting if entry.unreachable and not entry.blocked]
    # A time further off than the longest silence comes from another clock.
    due = [one for one in silent if not observation.now < one[0] <= observation.now + SILENT_HOST.longest]
    if due:
        return Reserve(min(due)[1])
    return Wait("PoolExhausted", exhausted(observation, fitting), min(silent)[0] if silent else 0.0)
