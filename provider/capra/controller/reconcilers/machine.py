"""Reconciles a RemoteMachine, or the host of an entry in quarantine: the engine does it, and the API is told of it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress

import structlog

from capra.controller.reconcilers.log_lines import fields, level
from capra.controller.reconcilers.progress import telling_progress
from capra.controller.reconcilers.reconciler import AT_ONCE, Result
from capra.controller.serving.metrics import Metrics, measuring
from capra.controller.slots import Slots
from capra.engine.adoption.adopting import AskCluster
from capra.engine.decisions import BackOff, Bootstrap, GiveBack, Keep, Refuse, Release, Reserve, Run, RunPlaybook, Wait
from capra.engine.engine import Engine, Reconciliation
from capra.engine.ports import Clock, Runner
from capra.engine.requests import PlanOptions
from capra.engine.told.announce import announce, entry_concerned
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import ENTRIES, ObjectKey, Raw
from capra.kube.objects import record
from capra.kube.objects.status import moment
from capra.kube.stores.events import EventRecorder
from capra.kube.stores.machines import KubeStore
from capra.kube.stores.reporter import Reporter
from capra.model.machine import GIVE_UP_ANNOTATION, MachineKey
from capra.model.observation import Observation, Phase
from capra.model.run import Progress
from capra.runs.runner import ObservedRunner

log = structlog.get_logger(__name__)

GIVE_UP_PATIENCE = 600.0
"""Seconds for which this process must itself have seen that a cleanup is wanted before it gives up; the limit where
that is shorter. A time that another process has noted may come from a different clock, or from one that was set since.
A process that has seen the cleanup begin waits for the whole limit."""


class MachineReconciler:
    """A `Reconciler` of machines.

    cleanup_limit: seconds after which a cleanup is given up. concurrency: runs at once. options: for every run.
    lasting: told of a key that waits for room for a run, or runs. ask_cluster: see `Engine`.
    """

    def __init__(
        self,
        store: KubeStore,
        writer: Writer,
        reporter: Reporter,
        events: EventRecorder,
        runner: Runner,
        clock: Clock,
        metrics: Metrics,
        *,
        cleanup_limit: float,
        concurrency: int,
        options: PlanOptions,
        lasting: Callable[[ObjectKey], None],
        ask_cluster: AskCluster,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._engine = Engine(
            store,
            ObservedRunner(runner, telling_progress(reporter.tell_progress, clock), measuring(metrics)),
            clock,
            options=options,
            observer=self._observe,
            slots=self._room,
            aside=asyncio.to_thread,
            ask_cluster=ask_cluster,
        )
        self._turns = store.turns
        self._writer = writer
        self._reporter = reporter
        self._events = events
        self._clock = clock
        self._metrics = metrics
        self._cleanup_limit = cleanup_limit
        self._concurrency = concurrency
        self._lasting = lasting
        self._slots = Slots(concurrency, self._queued)
        self._runs: dict[MachineKey, Run] = {}
        self._monotonic = monotonic
        self._deletions: dict[MachineKey, tuple[str, float]] = {}

    async def reconcile(self, key: ObjectKey, *, cleanup_limit: float | None = None) -> Result:
        """One reconciliation. cleanup_limit: instead of the usual one."""
        limit = self._cleanup_limit if cleanup_limit is None else cleanup_limit
        machine = MachineKey(key.namespace, key.name, key.kind)
        patience = self._patience(machine, limit)
        with structlog.contextvars.bound_contextvars(machine=f"{key.namespace}/{key.name}", kind=key.kind):
            given_up_after = math.inf if patience else limit
            taken = await self._engine.reconcile(machine, listener=_log_progress, cleanup_limit=given_up_after)
            if isinstance(taken.decision, Reserve) and not taken.decision.follows:
                await self._announce(taken, news=False)  # the next look follows at once, and reports the result
                return AT_ONCE
            if isinstance(taken.decision, Reserve | GiveBack):
                await self._observe(taken)
                return AT_ONCE
            return Result(requeue_after(taken, self._clock(), limit, patience))

    def _patience(self, key: MachineKey, limit: float) -> float:
        """Seconds for which this process does not give the machine's cleanup up, whatever the clock says."""
        now, raw = self._monotonic(), self._writer.raw(key)
        uid, until = self._deletions.pop(key, ("", now))
        if limit == math.inf or not raw["metadata"].get("deletionTimestamp"):
            return 0.0
        if uid != raw["metadata"]["uid"]:
            until = now + (min(limit, GIVE_UP_PATIENCE) if record.load_record(raw).cleaning_since else limit)
        self._deletions[key] = (raw["metadata"]["uid"], until)
        return max(0.0, until - now)

    def superseded(self, raw: Raw) -> bool:
        """What runs for the machine is no longer wanted: its bootstrap, or its playbook of day two, as it is being
        deleted, or its cleanup, as an operator gives it up."""
        key = MachineKey(raw["metadata"]["namespace"], raw["metadata"]["name"])
        run = self._runs.get(key)
        deleting = bool(raw["metadata"].get("deletionTimestamp"))
        given_up = GIVE_UP_ANNOTATION in (raw["metadata"].get("annotations") or {})
        return deleting and (isinstance(run, Bootstrap | RunPlaybook) or (run is not None and given_up))

    @asynccontextmanager
    async def _room(self, observation: Observation, decision: Run) -> AsyncIterator[bool]:
        key = observation.machine.key
        self._runs[key] = decision
        self._lasting(ObjectKey(key.kind, key.namespace, key.name))
        try:
            with self._turn(key, decision):
                async with self._slots(observation, decision) as waited:
                    yield waited
        finally:
            del self._runs[key]

    def _turn(self, key: MachineKey, decision: Run) -> AbstractContextManager[None]:
        if not isinstance(decision, RunPlaybook):
            return nullcontext()
        return self._turns.taken(key, decision.hook.name, decision.serial, begun=decision.begun)

    async def _queued(self, observation: Observation) -> None:
        message = f"waiting for one of {self._concurrency} runs to end, or for another run on the same host"
        taken = Reconciliation(observation, Wait("WaitingForRun", message), observation.record)
        await self._reporter.tell(taken, self._cleanup_limit)

    async def _observe(self, taken: Reconciliation) -> None:
        """Report a reconciliation. For a run that another one follows, only the rest: the status is the next one's."""
        news = not taken.passing and not _told_before(taken) and await self._reporter.tell(taken, self._cleanup_limit)
        await self._announce(taken, news=news)

    async def _announce(self, taken: Reconciliation, *, news: bool) -> None:
        """All but the status, beginning with the log."""
        self._count(taken)
        name = type(taken.decision).__name__
        announcement = announce(taken, news=news)
        if announcement is not None:
            log.log(level(taken, announcement), announcement.message, reason=announcement.reason, **fields(taken))
            await self._events.record(self._writer.same(taken.observation.machine), announcement)
            if (entry := entry_concerned(taken)) is not None:
                with suppress(MissingError):  # the entry has gone meanwhile
                    await self._events.record(self._writer.raw(ObjectKey(ENTRIES, *entry)), announcement)
        elif news:
            message = getattr(taken.decision, "message", "") or "status"
            log.info(message, decision=name, reason=getattr(taken.decision, "reason", ""))
        if isinstance(taken.decision, Release):
            log.info("released: " + taken.decision.reason, decision=name)

    def _count(self, taken: Reconciliation) -> None:
        if taken.running:
            return
        if not taken.passing:
            self._metrics.decisions.labels(type(taken.decision).__name__).inc()
        self._measure(taken)
        if taken.outcome is not None:
            playbook = "bootstrap" if isinstance(taken.decision, Bootstrap) else "cleanup"
            playbook = "hook" if taken.hook else playbook
            self._metrics.runs.labels(playbook, taken.outcome.kind.value).inc()
        if isinstance(taken.decision, Release) and taken.decision.dirty:
            self._metrics.cleanups_given_up.inc()

    def _measure(self, taken: Reconciliation) -> None:
        """How long the machine has taken to get where it is."""
        phase, machine = taken.record.phase, taken.observation.machine
        since = {Phase.PROVISIONED: "creationTimestamp", Phase.CLEAN: "deletionTimestamp"}.get(phase)
        if taken.outcome is None or machine.key.kind == ENTRIES or taken.observation.record.phase is phase or not since:
            return
        began = moment(self._writer.same(machine)["metadata"].get(since))
        if began:
            self._metrics.machine_seconds.labels(phase.value.lower()).observe(max(0.0, self._clock() - began))


def _told_before(taken: Reconciliation) -> bool:
    """The clean host was reported when it became clean, and the object is being deleted now."""
    released = isinstance(taken.decision, Release) and not taken.decision.dirty
    return released and taken.observation.record.phase is Phase.CLEAN


def requeue_after(taken: Reconciliation, now: float, limit: float, patience: float) -> float | None:
    """Seconds until the next look, if no event brings one. limit: see `decide`. patience: in seconds; until then
    nothing is given up."""
    times = []
    held_up = taken.decision.playbook if isinstance(taken.decision, Keep) else taken.decision
    if isinstance(held_up, BackOff) or (isinstance(held_up, Wait | Refuse) and held_up.until):
        times.append(held_up.until)
    elif taken.outcome is not None:
        playbook = taken.record.playbook if isinstance(taken.decision, RunPlaybook) else None
        times.append(playbook.not_before if playbook is not None else taken.record.not_before)
    since = taken.record.cleaning_since
    # What is left alone is not given up either; an event ends that.
    if taken.observation.machine.deleting and since and not isinstance(taken.decision, Release | Wait):
        times.append(max(since + limit, now + patience))
    if not times:
        return None
    return max(0.0, min(times) - now)


def _log_progress(progress: Progress) -> None:
    log.debug("step", number=progress.number + 1, count=progress.count, title=progress.title, state=progress.state)
