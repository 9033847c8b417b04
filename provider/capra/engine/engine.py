"""The engine: load, decide, act, save. The controller and the terminal both call it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

from capra.engine import records
from capra.engine.adoption.adopting import Adopting, AskCluster, no_cluster
from capra.engine.decide import decide
from capra.engine.decisions import Bootstrap, Cleanup, Decision, GiveBack, Release, Reserve, Run, RunPlaybook
from capra.engine.defaults import at_once, unbounded
from capra.engine.hooks.deciding import refused_run
from capra.engine.hooks.judge import judge_hook
from capra.engine.hooks.plan import check_hooks, hooks_to_run, plan_hook, plan_playbook
from capra.engine.outcome import judge
from capra.engine.plan import plan_run
from capra.engine.ports import Aside, Clock, ProgressListener, Runner, Slots, Store
from capra.engine.requests import PlanOptions
from capra.errors import CapraError, InputError
from capra.model.machine import Adoption, MachineKey
from capra.model.observation import HookText, Observation, Record
from capra.model.run import Outcome, Playbook, RunRequest


@dataclass(frozen=True)
class Reconciliation:
    """What one call of `Engine.reconcile` saw, decided and did. outcome: None when nothing was run. running: the run is
    about to begin. hook: the name of the user's playbook, if the run is of one. passing: another run follows in the
    same call. earlier: how the runs before it in the same call ended, all successfully."""

    observation: Observation
    decision: Decision
    record: Record
    outcome: Outcome | None = None
    running: bool = False
    hook: str = ""
    passing: bool = False
    earlier: tuple[Outcome, ...] = ()


Observer = Callable[[Reconciliation], Awaitable[None]]
"""Told of a run before it begins, and of every reconciliation before its machine is released."""


async def _nobody(taken: Reconciliation) -> None:
    """Observes nothing."""


class Engine:
    """Brings machines to where they should be, one reconciliation at a time. Its ports: `capra.engine.ports`.

    options: for every run. slots: asked before a run. aside: where bootstrap data is read. ask_cluster: for the Node of
    a host that may be one already.
    """

    def __init__(
        self,
        store: Store,
        runner: Runner,
        clock: Clock,
        *,
        options: PlanOptions | None = None,
        observer: Observer = _nobody,
        slots: Slots = unbounded,
        aside: Aside = at_once,
        ask_cluster: AskCluster = no_cluster,
    ) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._options = options or PlanOptions()
        self._observer = observer
        self._slots = slots
        self._aside = aside
        self._adopting = Adopting(runner, clock, self._options, ask_cluster)

    async def reconcile(
        self,
        key: MachineKey,
        *,
        listener: ProgressListener = lambda progress: None,
        cleanup_limit: float = math.inf,
    ) -> Reconciliation:
        """Look at one machine once and do what there is to do. Raises what the store raises, never for a failed run.
        listener: told of the steps of a run. cleanup_limit: see `decide`.

        The record is saved before the host is touched (bootstrap has begun, cleanup has begun) and after the run ends:
        a crash in between leaves a record that leads to the same run again, which the host then merely continues.
        """
        async with AsyncExitStack() as stack:
            observation = await self._store.load(key)
            decision = decide(observation, cleanup_limit, self._options.default_clean_up)
            if isinstance(decision, Run):
                waited = await stack.enter_async_context(self._slots(observation, decision))
                if waited:
                    observation = await self._store.load(key)
                    decision = decide(observation, cleanup_limit, self._options.default_clean_up)
            if isinstance(decision, Bootstrap) and decision.adoption is not None:
                taken = await self._adopt(observation, decision.adoption)
                if taken is not None:
                    return taken
                decision = decide(observation, cleanup_limit, self._options.default_clean_up, adoption_settled=True)
            if isinstance(decision, Run):
                try:
                    taken = await self._run(observation, decision, listener)
                except InputError as error:
                    decision = refused_run(decision, error)
                else:
                    await self._observer(taken)
                    return taken
        return await self._settle(observation, decision)

    async def _adopt(self, observation: Observation, adoption: Adoption) -> Reconciliation | None:
        """Look at a host that may be a node already; None where it is to be bootstrapped."""
        looked = await self._adopting.look(observation, adoption)
        if looked is None:
            return None
        taken = Reconciliation(observation, *looked)
        if taken.record != observation.record and not self._options.check:
            await self._store.save(observation, taken.record)
        await self._observer(taken)
        return taken

    async def _run(self, observation: Observation, decision: Run, listener: ProgressListener) -> Reconciliation:
        """A decision that runs something, with the user's playbooks before and after it. Raises InputError where
        it cannot be planned."""
        if isinstance(decision, RunPlaybook):
            request = await self._aside(partial(plan_playbook, observation, decision.hook, self._options))
            return await self._act(observation, decision, request, listener, hook=decision.hook, last=True)
        before, after = hooks_to_run(observation, decision)
        if before or after:
            await self._aside(partial(check_hooks, observation, decision, self._options))
        runs: list[HookText | None] = [*before, None, *after]
        earlier: list[Outcome] = []
        for number, hook in enumerate(runs, 1):
            last = number == len(runs)
            if hook is None:
                taken = await self._work(observation, decision, listener, last=last)
            else:
                request = await self._aside(partial(plan_hook, observation, hook, self._options))
                taken = await self._act(observation, decision, request, listener, hook=hook, last=last)
            taken = replace(taken, earlier=tuple(earlier))
            if last or taken.outcome is None or not taken.outcome.ok:
                break
            await self._observer(replace(taken, passing=True))
            observation = replace(observation, record=taken.record)
            earlier.append(taken.outcome)
        return taken

    async def _work(
        self, observation: Observation, decision: Bootstrap | Cleanup, listener: ProgressListener, *, last: bool
    ) -> Reconciliation:
        """The run that was decided on. last: see `records.ended`."""
        request = await self._aside(partial(plan_run, observation, decision, self._options))
        if request.playbook is not Playbook.PREFLIGHT:
            return await self._act(observation, decision, request, listener, last=last)
        asked = await self._ask(observation, decision, request)
        if not asked.outcome or not asked.outcome.ok:
            return asked
        knowing = replace(observation, record=asked.record)
        request = await self._aside(partial(plan_run, knowing, decision, self._options))
        return await self._act(knowing, decision, request, listener, last=last)

    async def _ask(
        self, observation: Observation, decision: Bootstrap | Cleanup, request: RunRequest
    ) -> Reconciliation:
        """A run that only reads what the host says of itself, and keeps it."""
        before = observation.record
        if isinstance(decision, Cleanup) and not request.check:
            observation = await self._want(observation)
        outcome = judge(request, await self._runner.run(request, lambda progress: None))
        now = self._clock()
        if outcome.ok:
            record = replace(records.learnt(observation, decision, outcome), changed_at=now)
        else:
            record = records.ended(observation.record, decision, outcome, now, request.check)
        if record != observation.record:
            kept = records.with_known_keys(record, before) if request.check else record
            await self._store.save(observation, kept)
        return Reconciliation(observation, decision, record, outcome)

    async def _want(self, observation: Observation) -> Observation:
        """Note that a cleanup is wanted: the time that it may take counts from here. Nothing has been sent yet."""
        record = records.wanted_cleanup(observation)
        if record != observation.record:
            await self._store.save(observation, record)
        return replace(observation, record=record)

    async def _settle(self, observation: Observation, decision: Decision) -> Reconciliation:
        """A decision that runs nothing."""
        record = records.after_decision(observation, decision)
        if record != observation.record and not self._options.check:
            record = replace(record, changed_at=self._clock())
            await self._store.save(observation, record)
        taken = Reconciliation(observation, decision, record)
        if isinstance(decision, Reserve):
            entry = await self._store.reserve(observation, decision.entry)
            return replace(taken, decision=replace(decision, entry=entry))
        if isinstance(decision, GiveBack):
            await self._store.give_back(observation, decision)
            return taken
        await self._observer(taken)
        if isinstance(decision, Release) and not self._options.check:
            await self._store.release(observation, decision)
        return taken

    async def _act(
        self,
        observation: Observation,
        decision: Run,
        request: RunRequest,
        listener: ProgressListener,
        *,
        hook: HookText | None = None,
        last: bool,
    ) -> Reconciliation:
        """One run. hook, last: see `records.ended`."""
        name, judged = (hook.name, judge_hook) if hook else ("", judge)
        check = self._options.check  # unlike a hook's own, never noted
        noted, asked = observation if check else await self._begin(observation, decision), False
        record = noted.record
        try:
            await self._observer(Reconciliation(observation, decision, record, running=True, hook=name))
            asked = True
            outcome = judged(request, await self._runner.run(request, listener))
        except BaseException as error:
            sent = asked and getattr(error, "sent", True)
            if not sent and record != observation.record:
                # Where even that fails, the record says more than was done, which is harmless.
                with suppress(CapraError):
                    await self._store.save(noted, records.as_before(observation.record, record))
            raise
        if not outcome.sent:
            record = records.as_before(observation.record, record)
        ended = records.ended(record, decision, outcome, self._clock(), check, hook=hook, last=last)
        if ended != noted.record:
            await self._store.save(noted, ended)
        return Reconciliation(observation, decision, ended, outcome, hook=name)

    async def _begin(self, observation: Observation, decision: Run) -> Observation:
        """Note that a run will begin. Returns the updated observation."""
        record = records.begun(observation, decision)
        if record != observation.record:
            record = replace(record, changed_at=self._clock())
            await self._store.save(observation, record)
        return replace(observation, record=record)
