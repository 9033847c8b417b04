"""One step of one machine: load, decide, act, save. The controller and the terminal both call this."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from capra.engine.decide import Bootstrap, Cleanup, Decision, GiveBack, Keep, Refuse, Release, Reserve, decide
from capra.engine.outcome import judge
from capra.engine.plan import (
    PlanOptions,
    bootstrap_run_id,
    cleanup_began,
    digest,
    host_uid,
    plan_bootstrap,
    plan_cleanup,
)
from capra.engine.ports import Aside, Clock, ProgressListener, Result, Runner, Slots, Store
from capra.errors import CapraError, InputError
from capra.model.machine import MachineKey
from capra.model.observation import Observation, Phase, Record
from capra.model.run import Outcome, OutcomeKind, RunRequest

BACK_OFF = (5, 10, 20, 40, 80, 160, 300)
"""Seconds before the next run, by the number of runs that failed in a row; the last one counts from there on."""


@dataclass(frozen=True)
class StepTaken:
    """What one step saw, decided and did. outcome: None when nothing was run. running: the run is about to begin."""

    observation: Observation
    decision: Decision
    record: Record
    outcome: Outcome | None = None
    running: bool = False


Observer = Callable[[StepTaken], Awaitable[None]]
"""Told of a run before it begins, and of every step before its machine is released."""


async def _nobody(taken: StepTaken) -> None:
    """Observes nothing."""


@asynccontextmanager
async def _room(observation: Observation, decision: Bootstrap | Cleanup) -> AsyncIterator[bool]:
    """There is always room."""
    yield False


async def _here(work: Callable[[], Result]) -> Result:
    """Nobody is kept waiting."""
    return work()


def back_off(attempts: int) -> int:
    """Seconds to wait after this many failures in a row."""
    return BACK_OFF[min(max(attempts, 1), len(BACK_OFF)) - 1]


async def step(
    key: MachineKey,
    store: Store,
    runner: Runner,
    clock: Clock,
    *,
    options: PlanOptions | None = None,
    listener: ProgressListener = lambda progress: None,
    observer: Observer = _nobody,
    slots: Slots = _room,
    aside: Aside = _here,
    cleanup_limit: float = math.inf,
) -> StepTaken:
    """Look at one machine once and do what there is to do. Raises what the store raises, never for a failed run.
    slots: asked before a run. aside: where bootstrap data is read. cleanup_limit: see `decide`.

    The record is saved before the host is touched (bootstrap has begun, cleanup has begun) and after the run ended:
    whoever dies in between leaves a record that leads to the same run again, which the host then only goes on with.
    """
    options = options or PlanOptions()
    async with AsyncExitStack() as stack:
        observation = await store.load(key)
        decision = decide(observation, cleanup_limit)
        if isinstance(decision, Bootstrap | Cleanup) and await stack.enter_async_context(slots(observation, decision)):
            observation = await store.load(key)
            decision = decide(observation, cleanup_limit)
        if isinstance(decision, Bootstrap | Cleanup):
            try:
                request = await aside(partial(_plan, observation, decision, options))
            except InputError as error:
                decision = Refuse(error.reason, error.field, str(error))
            else:
                taken = await _act(observation, decision, request, store, runner, clock, listener, observer)
                await observer(taken)
                return taken
    return await _settle(observation, decision, store, clock, options, observer)


async def _settle(
    observation: Observation,
    decision: Decision,
    store: Store,
    clock: Clock,
    options: PlanOptions,
    observer: Observer,
) -> StepTaken:
    """A decision that runs nothing."""
    record = _without_run(observation, decision)
    if record != observation.record and not options.check:
        record = replace(record, changed_at=clock())
        await store.save(observation, record)
    taken = StepTaken(observation, decision, record)
    if isinstance(decision, Reserve):
        taken = replace(taken, decision=replace(decision, entry=await store.reserve(observation, decision.entry)))
    elif isinstance(decision, GiveBack):
        await store.give_back(observation, decision)
    else:
        await observer(taken)
    if isinstance(decision, Release) and not options.check:
        await store.release(observation, decision)
    return taken


def _plan(observation: Observation, decision: Bootstrap | Cleanup, options: PlanOptions) -> RunRequest:
    if isinstance(decision, Cleanup):
        return plan_cleanup(observation, decision, options)
    return plan_bootstrap(observation, options)


def _without_run(observation: Observation, decision: Decision) -> Record:
    """What a decision that runs nothing changes in the record."""
    if isinstance(decision, Keep) and decision.adopted:
        return replace(observation.record, phase=Phase.PROVISIONED)
    if isinstance(decision, Release) and not decision.moved and not decision.dirty:
        return _cleaned(observation.record)
    if isinstance(decision, Refuse) and observation.machine.deleting:
        return _begun_cleanup(observation)
    return observation.record


def _cleaned(record: Record) -> Record:
    """The record of a clean host. Its keys stay: the host is still the same."""
    return Record(phase=Phase.CLEAN, host_keys=record.host_keys, changed_at=record.changed_at)


def _begun_cleanup(observation: Observation) -> Record:
    if observation.record.phase is Phase.CLEANING or observation.record.cleaning_since:
        return replace(observation.record, phase=Phase.CLEANING, cleaning_since=cleanup_began(observation))
    # The failures of a bootstrap are not the cleanup's.
    return replace(
        observation.record,
        phase=Phase.CLEANING,
        uid=host_uid(observation),
        attempts=0,
        unreached=0,
        not_before=0.0,
        reason="",
        message="",
        cleaning_since=observation.now,
    )


async def _act(
    observation: Observation,
    decision: Bootstrap | Cleanup,
    request: RunRequest,
    store: Store,
    runner: Runner,
    clock: Clock,
    listener: ProgressListener,
    observer: Observer,
) -> StepTaken:
    record = observation.record if request.check else _begun(observation, decision)
    if record != observation.record:
        record = replace(record, changed_at=clock())
        await store.save(observation, record)
    noted, asked = replace(observation, record=record), False
    try:
        await observer(StepTaken(observation, decision, record, running=True))
        asked = True
        outcome = judge(request, await runner.run(request, listener))
    except BaseException as error:
        sent = asked and getattr(error, "sent", True)
        if not sent and record != observation.record:
            # Where even that fails, the record says more than was done, which is harmless.
            with suppress(CapraError):
                await store.save(noted, _as_before(observation.record, record))
        raise
    if not outcome.sent:
        record = _as_before(observation.record, record)
    ended = _ended(record, decision, outcome, clock(), request.check)
    if ended != noted.record:
        await store.save(noted, ended)
    return StepTaken(observation, decision, ended, outcome)


def _begun(observation: Observation, decision: Bootstrap | Cleanup) -> Record:
    if isinstance(decision, Cleanup):
        return _begun_cleanup(observation)
    return replace(
        observation.record,
        phase=Phase.BOOTSTRAPPING,
        run_id=bootstrap_run_id(observation),
        digest=digest(observation),
        uid=host_uid(observation),
        bootstrap_kind=observation.owner.bootstrap_kind if observation.owner else "",
    )


def _as_before(before: Record, begun: Record) -> Record:
    """The record of a run that has proven that it sent nothing: the host is as far as it was. What is not proven by the
    run itself, as after a death of this process, stays: the host may be as far as the run was to bring it."""
    return replace(
        begun,
        phase=before.phase,
        run_id=before.run_id,
        digest=before.digest,
        uid=before.uid,
        bootstrap_kind=before.bootstrap_kind,
    )


def _unreached(outcome: Outcome) -> bool:
    """The host did not answer at all."""
    return outcome.kind is OutcomeKind.UNREACHABLE and not outcome.details.get("reached")


def _ended(record: Record, decision: Bootstrap | Cleanup, outcome: Outcome, now: float, check: bool) -> Record:
    """The record after a run. A check run leaves only the host keys of a first contact behind. A host that has let
    nobody in may be another one than is meant: its keys are not kept."""
    if outcome.sent:
        record = replace(record, host_keys=record.host_keys or outcome.host_keys)
    if check:
        return record
    if not outcome.ok:
        attempts = record.attempts + 1
        return replace(
            record,
            attempts=attempts,
            unreached=record.unreached + 1 if _unreached(outcome) else 0,
            not_before=now + back_off(attempts),
            reason=outcome.kind.value,
            message=outcome.message,
            changed_at=now,
        )
    if isinstance(decision, Cleanup):
        return replace(_cleaned(record), changed_at=now)
    return replace(
        record,
        phase=Phase.PROVISIONED,
        attempts=0,
        unreached=0,
        not_before=0.0,
        reason="",
        message="",
        changed_at=now,
        host_name=outcome.host.hostname,
        host_addresses=outcome.host.addresses,
    )
