"""What to do about a machine that is being deleted: the first rows of docs/reference/decisions.md. Pure."""

from __future__ import annotations

from capra.engine.decisions import Cleanup, Decision, Release, Wait
from capra.engine.distributions import BY_KIND, K0S_ROLES
from capra.engine.holding import back_off, paused_by, refused
from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, GIVE_UP_ANNOTATION, TAKE_OVER_ANNOTATION, CleanUp
from capra.model.observation import Observation, Phase
from capra.model.run import OutcomeKind


def decide_deletion(observation: Observation, cleanup_limit: float, default: CleanUp | None) -> Decision:
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
    # A failed bootstrap's back-off does not delay a cleanup.
    waits = back_off(observation) if record.cleaning_since or record.phase is Phase.CLEANING else None
    return refused(observation) or waits or _cleanup(observation, default)


def _gives_up(observation: Observation, limit: float) -> str:
    record = observation.record
    failure = f": {record.cause}" if record.message else ""
    if GIVE_UP_ANNOTATION in observation.machine.annotations:
        return f"the cleanup was given up because the annotation {GIVE_UP_ANNOTATION} is set{failure}"
    if record.cleaning_since and observation.now - record.cleaning_since >= limit:
        return f"the cleanup was given up after {limit:.0f} s{failure}"
    return ""


def _used_by_another(observation: Observation) -> str:
    """The host says that another machine uses it: cleaning is up to that one. Only an answer in this deletion counts:
    one given to a bootstrap may be outdated."""
    record = observation.record
    if not observation.finalizer or TAKE_OVER_ANNOTATION in observation.machine.annotations:
        return ""
    if record.phase is not Phase.CLEANING or record.reason != OutcomeKind.HOST_CLAIMED:
        return ""
    return f"the host was left alone: {record.cause}"


def _left_as_it_is(observation: Observation, default: CleanUp | None) -> str:
    """What is left on the host is not Capra's to remove, and nobody waits for it to go. The entry of the pool is looked
    at again in quarantine. On a host of no pool, leftovers are only reported (capra.engine.plan)."""
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
