"""From a reconciliation to what is reported: conditions, addresses, failures. Pure. The status is always computed from
scratch.

Names and reasons of the conditions are the reference's where it has them (docs/reference/contract.md).
"""

from __future__ import annotations

import math

from capra.engine.decisions import BackOff, Cleanup, GiveBack, Refuse, Release, Reserve, RunPlaybook, Wait
from capra.engine.engine import Reconciliation
from capra.engine.holding import paused_by
from capra.engine.hooks.report import PLAYBOOK, playbook_condition
from capra.engine.told.addresses import addresses
from capra.engine.told.outlook import cleanup_deadline_of, next_attempt_of, outlook
from capra.engine.told.trust import TRUSTED, host_key_condition
from capra.model.observation import Observation, Phase, Record
from capra.model.run import OutcomeKind
from capra.model.status import (
    Condition,
    MachineReport,
    false,
    of_field,
    short,
    with_outlook,
)

READY = "Ready"
BOOTSTRAP = "BootstrapExecSucceeded"
PAUSED = "Paused"
RESERVED = "HostReserved"
REACHABLE = "SSHReachable"
CLEANED = "CleanupSucceeded"
ENDPOINT = "ControlPlaneEndpointAvailable"
OWNED = frozenset({READY, BOOTSTRAP, PAUSED, RESERVED, REACHABLE, CLEANED, ENDPOINT, PLAYBOOK, TRUSTED})
"""The conditions that Capra writes and removes. Any other is left alone."""

RUN_FAILED = "InternalError"
"""The reference's reason of BootstrapExecSucceeded for any run that failed (k0smotron,
internal/controller/infrastructure/remote_machine_controller.go); `Ready` has the real one."""

NOT_CONNECTED = frozenset(
    {
        OutcomeKind.UNREACHABLE,
        OutcomeKind.WRONG_CREDENTIALS,
        OutcomeKind.HOST_KEY_CHANGED,
        OutcomeKind.LOGIN_FAILED,
    }
)
PROVES_NOTHING = frozenset({OutcomeKind.LOST, OutcomeKind.CANCELLED, OutcomeKind.INVALID, OutcomeKind.HOOK_FAILED})
FAILS_PROVISIONING = frozenset(
    {OutcomeKind.STEP_FAILED, OutcomeKind.HOOK_FAILED, OutcomeKind.TIMED_OUT, OutcomeKind.INVALID}
)
"""Outcomes that go into contract v1beta1's failure fields. A host that cannot be reached for a while is none: health
checks of Cluster API replace a machine as soon as these are set."""


def report(taken: Reconciliation, cleanup_limit: float = math.inf) -> MachineReport:
    """What to tell after this reconciliation, or, while it is running, before its run. cleanup_limit: seconds after
    which a cleanup is given up."""
    observation, record = taken.observation, taken.record
    provisioned = _provisioned(observation, record)
    reason, message = _failure(taken)
    next_attempt, deadline = next_attempt_of(taken), cleanup_deadline_of(taken, cleanup_limit)
    conditions = (
        _ready(taken, provisioned, next_attempt),
        _bootstrap(taken, provisioned),
        _paused(observation),
        _reserved(taken),
        _reachable(record),
        host_key_condition(taken),
        _cleaned(taken, next_attempt, deadline),
        _endpoint(observation),
        playbook_condition(taken),
    )
    return MachineReport(
        phase=_phase(taken, provisioned),
        provisioned=provisioned,
        conditions=tuple(condition for condition in conditions if condition is not None),
        addresses=addresses(observation.machine.spec.address, record) if provisioned else (),
        failure_reason=reason,
        failure_message=message,
        next_attempt=next_attempt,
        cleanup_deadline=deadline,
        failure_domain=observation.entry.offer.failure_domain if observation.entry else "",
    )


def _provisioned(observation: Observation, record: Record) -> bool:
    if record.phase is Phase.NEW:
        return bool(observation.machine.spec.provider_id)
    # While it is deleted, Cluster API still sees a machine that had been provisioned.
    return record.phase is Phase.PROVISIONED or (
        record.phase is Phase.CLEANING and bool(observation.machine.spec.provider_id)
    )


def _kind(record: Record) -> OutcomeKind | None:
    return OutcomeKind(record.reason) if record.reason in set(OutcomeKind) else None


def _phase(taken: Reconciliation, provisioned: bool) -> str:
    record = taken.record
    if _cleaning(taken):
        return "Cleaning"
    if record.phase is Phase.CLEAN:
        return "Clean"
    if taken.observation.machine.deleting:
        return "Deleting"
    if provisioned:
        return "Provisioned"
    if isinstance(taken.decision, Refuse) or (record.attempts and not taken.running):
        return "Failed"
    return "Bootstrapping" if record.phase is Phase.BOOTSTRAPPING else "Pending"


def _cleaning(taken: Reconciliation) -> bool:
    """A cleanup is wanted; tries that sent nothing may have been made."""
    record = taken.record
    tried = taken.observation.machine.deleting and bool(record.cleaning_since) and record.phase is not Phase.CLEAN
    return record.phase is Phase.CLEANING or tried


def _ready(taken: Reconciliation, provisioned: bool, next_attempt: float) -> Condition:
    decision, record = taken.decision, taken.record
    spec = taken.observation.machine.spec
    where = spec.place
    match decision:
        case Wait(reason, message) if not provisioned or taken.observation.machine.deleting:
            return false(READY, reason, message)
        case Refuse(reason, field, message):
            return false(READY, reason, of_field(field, message))
        case Release(reason):
            return false(READY, "Deleting", reason)
        case Reserve(entry) if not provisioned:
            return false(READY, "ReservingHost", f"reserving the entry {entry} of pool {_pool(taken)}")
    if taken.running and not isinstance(decision, RunPlaybook):
        doing = "cleaning" if isinstance(decision, Cleanup) else "bootstrapping"
        what = f"{doing} {where}" + (f": hook {taken.hook}" if taken.hook else "")
        before = f"; the last run failed: {record.cause}" if record.message else ""
        return false(READY, doing.capitalize(), what + before)
    if record.message:
        return false(READY, record.reason or "Failed", with_outlook(record.cause, *outlook(next_attempt)))
    if taken.observation.machine.deleting:
        return false(READY, "Deleting", f"{where} is clean")
    return Condition(READY, "True", READY) if provisioned else false(READY, "Bootstrapping", f"bootstrapping {where}")


def _bootstrap(taken: Reconciliation, provisioned: bool) -> Condition | None:
    record = taken.record
    if provisioned and record.warnings:
        return Condition(BOOTSTRAP, "True", "SucceededWithWarnings", short("; ".join(record.warnings)))
    if provisioned:
        return Condition(BOOTSTRAP, "True", BOOTSTRAP)
    if record.phase in {Phase.CLEANING, Phase.CLEAN} or taken.observation.machine.deleting:
        return None
    if record.message and record.attempts and not taken.running:
        return false(BOOTSTRAP, RUN_FAILED, record.message)
    if isinstance(taken.decision, Refuse):
        # The reference reports nothing here, so its one reason for a failed run is not needed.
        return false(BOOTSTRAP, taken.decision.reason, of_field(taken.decision.field, taken.decision.message))
    if record.phase is Phase.BOOTSTRAPPING:
        return Condition(BOOTSTRAP, "Unknown", "Bootstrapping", "the bootstrap is under way")
    return None


def _paused(observation: Observation) -> Condition:
    reason = paused_by(observation)
    return Condition(PAUSED, "True", PAUSED, reason) if reason else false(PAUSED, "NotPaused", "")


def _reserved(taken: Reconciliation) -> Condition | None:
    if not taken.observation.machine.spec.pool:
        return None
    entry, decision = taken.observation.entry, taken.decision
    if isinstance(decision, Wait) and decision.reason == "PoolExhausted":
        return false(RESERVED, decision.reason, decision.message)
    if isinstance(decision, GiveBack):
        return false(RESERVED, "HostGivenBack", f"PooledRemoteMachine {decision.entry} does not answer")
    if entry is not None:
        return Condition(RESERVED, "True", "Reserved", f"PooledRemoteMachine {entry.name} is reserved")
    return None


def _reachable(record: Record) -> Condition | None:
    kind = _kind(record)
    if kind in NOT_CONNECTED:
        return false(REACHABLE, kind.value, record.cause)
    if kind in PROVES_NOTHING or (kind is None and not record.host_name):
        return None
    return Condition(REACHABLE, "True", "Reached")


def _cleaned(taken: Reconciliation, next_attempt: float, deadline: float) -> Condition | None:
    record, decision = taken.record, taken.decision
    if not taken.observation.machine.deleting:
        return None
    if record.phase is Phase.CLEAN:
        return Condition(CLEANED, "True", CLEANED)
    if isinstance(decision, Release) and decision.dirty:
        return false(CLEANED, "GivenUp", decision.reason)
    if isinstance(decision, Refuse):
        return false(CLEANED, decision.reason, of_field(decision.field, decision.message))
    if not _cleaning(taken):
        return None
    if record.message and (isinstance(decision, BackOff) or not taken.running):
        return false(CLEANED, record.reason, with_outlook(record.message, *outlook(next_attempt, deadline)))
    return Condition(CLEANED, "Unknown", "Cleaning", "the cleanup is under way")


def _endpoint(observation: Observation) -> Condition | None:
    """Remote machines can't make an endpoint: a control plane needs one that somebody else provides."""
    if observation.owner is None or not observation.owner.control_plane or observation.cluster is None:
        return None
    if observation.cluster.endpoint:
        return Condition(ENDPOINT, "True", "EndpointSet")
    message = (
        f"Cluster {observation.cluster.name} has no spec.controlPlaneEndpoint, which must be set when RemoteMachines"
        " are its control plane: set it there or in the RemoteCluster"
    )
    return false(ENDPOINT, "MissingEndpoint", message)


def _failure(taken: Reconciliation) -> tuple[str, str]:
    """FailureReason and failureMessage of the contract v1beta1, with the reference's words."""
    decision, record = taken.decision, taken.record
    if isinstance(decision, Refuse):
        reason = "MissingFields" if decision.reason == "MissingFields" else "ProvisionFailed"
        return reason, of_field(decision.field, decision.message)
    bootstrapping = record.phase is Phase.BOOTSTRAPPING
    if bootstrapping and not taken.observation.machine.deleting and _kind(record) in FAILS_PROVISIONING:
        return "ProvisionFailed", short(record.cause)
    return "", ""


def _pool(taken: Reconciliation) -> str:
    return taken.observation.machine.spec.pool
