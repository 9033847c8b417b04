"""Probes of the hosts of pools that nobody has: one session that only reads, and what it tells in the entry's status.

Probes have a queue of their own, which bounds how many there are at once. They take no room from runs, and end when
somebody takes the entry.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from capra.controller.queue import WorkQueue
from capra.controller.reconcilers.pool_entry import HANDS_OFF
from capra.controller.reconcilers.reconciler import DONE, Result
from capra.controller.serving.metrics import Metrics
from capra.engine.ports import Clock, Runner
from capra.engine.probes.due import next_probe
from capra.engine.probes.judging import ignored_findings, judge_probe, refused_probe, without_way_in
from capra.engine.requests import PlanOptions, plan_preflight
from capra.engine.told.announce import MESSAGE_LENGTH, NORMAL, WARNING, Announcement
from capra.errors import InputError
from capra.kube.cache.cache import Cache
from capra.kube.cache.entry_state import entry_status_changes
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import ConflictError
from capra.kube.client.resources import (
    ENTRIES,
    POOLED_REMOTE_MACHINES,
    ObjectKey,
    Raw,
    annotations_of,
    name_of,
    namespace_of,
)
from capra.kube.objects.probes.entry_status import load_probe, probed_status
from capra.kube.objects.status import changes
from capra.kube.stores.events import EventRecorder
from capra.kube.stores.pool_entries import EntryStore
from capra.model.observation import Problem
from capra.model.probe import Obstacle, Probe
from capra.settings import ControllerSettings

WRITES = 5
"""Attempts to tell what a probe has found, while others write to the entry."""

log = structlog.get_logger(__name__)


class Probes:
    """Looks at each host once in an interval."""

    def __init__(
        self,
        cache: Cache,
        writer: Writer,
        store: EntryStore,
        events: EventRecorder,
        runner: Runner,
        clock: Clock,
        metrics: Metrics,
        settings: ControllerSettings,
    ) -> None:
        self._cache = cache
        self._writer = writer
        self._store = store
        self._events = events
        self._runner = runner
        self._clock = clock
        self._metrics = metrics
        self._interval = settings.probe_interval
        self._options = PlanOptions(host_key_policy=settings.host_key_policy)
        self._queue = WorkQueue(self._look, looks=settings.probe_concurrency)

    async def run(self) -> None:
        """Probe until cancelled; a probe that is under way has ended then."""
        await self._queue.run()

    def plan(self, raw: Raw) -> None:
        """An entry has been looked at: its host is probed when it is due."""
        if self._interval and self._cache.is_free(raw):
            self._queue.add(ObjectKey(ENTRIES, namespace_of(raw), name_of(raw)), self._wait(raw))

    def end(self, namespace: str, name: str) -> None:
        """Somebody is about to have the entry: a probe of its host that is under way ends, and tells nothing."""
        if self._interval:
            self._queue.interrupt(ObjectKey(ENTRIES, namespace, name))

    def _wait(self, raw: Raw) -> float:
        """Seconds until its host is to be probed."""
        last, now = load_probe(raw), self._clock()
        due = next_probe(last.at if last is not None else 0.0, now, self._interval, str(raw["metadata"]["uid"]))
        return max(0.0, due - now)

    async def _look(self, key: ObjectKey) -> Result:
        """One look at an entry: the work of the queue."""
        raw = self._cache.get(*key)
        if raw is None:
            return DONE
        if not self._cache.is_free(raw) or HANDS_OFF & annotations_of(raw).keys():
            return Result(self._interval)
        wait = self._wait(raw)
        if wait <= 0:
            with structlog.contextvars.bound_contextvars(entry=f"{key.namespace}/{key.name}"):
                await self._tell(key, raw, await self._probe(raw))
            wait = self._wait(self._cache.get(*key) or raw)
        # At once only for what has changed meanwhile: one that could not be told is no reason to ask for it again.
        return Result(wait or 1.0)

    async def _probe(self, raw: Raw) -> Probe:
        observation = await self._store.load_free(raw)
        problem = without_way_in(observation)
        if problem is not None:
            return refused_probe(problem)
        try:
            request = replace(plan_preflight(observation, self._options), probe=True)
        except InputError as error:
            return refused_probe(Problem(error.field or "spec.machine", error.problem, error.reason))
        result = await self._runner.run(request, lambda progress: None)
        return judge_probe(request, result, ignored_findings(observation.machine.annotations))

    async def _tell(self, key: ObjectKey, looked_at: Raw, probe: Probe) -> None:
        """Write what was found, unless the entry is another one by now, or somebody's."""
        for _ in range(WRITES):
            raw = self._cache.get(*key)
            if raw is None or not self._cache.is_free(raw) or _identity(raw) != _identity(looked_at):
                return
            try:
                raw = await self._store.probed(raw, probe)
                if not self._cache.is_free(raw):
                    return
                status = probed_status(raw, probe, self._clock())
                told: Raw = {**raw, "status": {**(raw.get("status") or {}), **status}}
                status |= entry_status_changes(self._cache, told)
                changed = changes(raw.get("status") or {}, status)
                written = await self._writer.patch(POOLED_REMOTE_MACHINES, raw, {"status": changed}, "status")
            except ConflictError:
                continue
            await self._announce(raw, written, probe)
            return

    async def _announce(self, before: Raw, after: Raw, probe: Probe) -> None:
        """Tell what has changed for whoever looks after the host."""
        was, now = load_probe(before), load_probe(after)
        found = now.obstacle if now is not None else None
        result = (found or ("Fit" if now is not None and now.fit else "Unknown")).lower()
        self._metrics.probes.labels(result).inc()
        if (was.obstacle if was is not None else None) is found:
            return
        if found is Obstacle.UNREACHABLE:
            announcement = Announcement(WARNING, "HostUnreachable", probe.reachable.message)
        elif found is Obstacle.UNFIT:
            announcement = Announcement(WARNING, "HostUnfit", probe.fit.message)
        else:
            announcement = Announcement(NORMAL, "HostFit", "its host can be handed out again")
        level = "warning" if found else "info"
        getattr(log, level)(announcement.message, reason=announcement.reason)
        short = replace(announcement, message=announcement.message[:MESSAGE_LENGTH])
        await self._events.record(after, short)


def _identity(raw: Raw) -> tuple[object, object]:
    """What an entry is probed for."""
    return raw["metadata"].get("uid"), raw["metadata"].get("generation")
