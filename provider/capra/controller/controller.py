"""The controller as a whole: watches fill the cache, changes fill the queue, workers empty it."""

from __future__ import annotations

import asyncio
import time

import structlog

from capra.controller.dependents import at_place, dependents, first_in_line, in_line
from capra.controller.news import News
from capra.controller.queue import WorkQueue, spread
from capra.controller.reconcilers.cluster import ClusterReconciler
from capra.controller.reconcilers.machine import MachineReconciler
from capra.controller.reconcilers.node import NodeReconciler
from capra.controller.reconcilers.options import run_options
from capra.controller.reconcilers.pool_entry import PoolEntryReconciler
from capra.controller.reconcilers.probe import Probes
from capra.controller.reconcilers.reconciler import DONE, Reconciler, Result
from capra.controller.reconcilers.ssh_key import SSHKeyReconciler
from capra.controller.serving.census import measure
from capra.controller.serving.metrics import Metrics
from capra.engine.ports import Clock, Runner
from capra.errors import Retry
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.cache.sync import Synchronization
from capra.kube.cache.traits import selected
from capra.kube.cache.writer import Writer
from capra.kube.client.api import Api
from capra.kube.client.resources import (
    CLUSTERS,
    ENTRIES,
    MACHINES,
    NODES_OF_CLUSTER,
    POOLED_REMOTE_MACHINES,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    SECRETS,
    WATCH_FILTER_LABEL,
    ObjectKey,
    Raw,
    Resource,
    name_of,
    namespace_of,
)
from capra.kube.objects.places import Place
from capra.kube.stores.events import EventRecorder
from capra.kube.stores.held_secrets import HeldSecrets
from capra.kube.stores.hooks import HookStore
from capra.kube.stores.machines import KubeStore
from capra.kube.stores.pool_entries import EntryStore
from capra.kube.stores.reporter import Reporter
from capra.kube.stores.secrets import Secrets
from capra.kube.stores.workloads.node_evidence import NodeEvidence
from capra.settings import ControllerSettings

OWN = (REMOTE_MACHINES, POOLED_REMOTE_MACHINES, REMOTE_CLUSTERS)
LIFE_SIGN = 60.0
"""Seconds without a turn of the queue after which the process is taken for dead."""

NODES_DELAY = 1.0
"""Seconds for which changes of a Cluster's machines are gathered: after any change, all of them are gone through."""

log = structlog.get_logger(__name__)


class Controller:
    """One controller of one management cluster.

    runner: runs the playbooks. clock: seconds since the epoch.
    """

    def __init__(
        self,
        settings: ControllerSettings,
        api: Api,
        runner: Runner,
        metrics: Metrics,
        clock: Clock = time.time,
    ) -> None:
        self._metrics = metrics
        self._filter = (WATCH_FILTER_LABEL, settings.watch_filter) if settings.watch_filter else None
        self.cache = cache = Cache(self._filter, probes=settings.probe_interval > 0)
        self.queue = WorkQueue(self._reconcile, spread, metrics)
        writer, secrets, hooks = Writer(api, cache), Secrets(api, cache), HookStore(api, allowed=settings.allow_hooks)
        entries = EntryStore(writer, secrets, hooks, clock)
        reporter, events, held = Reporter(writer, cache, clock), EventRecorder(api, clock), HeldSecrets(api, cache)
        self._machines = MachineReconciler(
            KubeStore(writer, cache, secrets, hooks, entries, held, clock, self._filter),
            writer,
            reporter,
            events,
            runner,
            clock,
            metrics,
            cleanup_limit=settings.cleanup_timeout,
            concurrency=settings.concurrency,
            options=run_options(settings),
            lasting=self.queue.set_aside,
            ask_cluster=NodeEvidence(api, cache),
        )
        self._probes = probes = Probes(cache, writer, entries, events, runner, clock, metrics, settings)
        self._reconcilers: dict[str, Reconciler] = {
            MACHINES: self._machines,
            ENTRIES: PoolEntryReconciler(api, cache, writer, entries, events, self._machines, probes.plan),
            CLUSTERS: ClusterReconciler(cache, writer, clock),
            NODES_OF_CLUSTER: NodeReconciler(api, cache, self._filter),
            SECRETS.kind: SSHKeyReconciler(cache, held, events),
        }
        self._news = News()
        self._synced = self._watched = self._ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._error: BaseException | None = None
        self._broken = asyncio.Event()
        self._synchronization = Synchronization(
            api, cache, OWN, namespace=settings.namespace, period=settings.sync_period, changed=self._changed
        )
        self.missed = self._synchronization.missed
        cache.rewound, cache.freed, cache.left, cache.taken = self._rewound, self._freed, self._left, probes.end
        metrics.before_rendering = self._measure

    @property
    def ready(self) -> bool:
        """The cache has been filled, and is told of every change."""
        return self._synced and self._watched

    @property
    def alive(self) -> bool:
        """The queue is turning. Until it does, only the API server is waited for."""
        return not self._synced or time.monotonic() - self.queue.turned_at < LIFE_SIGN

    async def begin(self) -> None:
        """Read everything once, however long that takes, and begin to work."""
        await self._synchronization.first()
        numbers = {kind: self.cache.numbers(kind, By.NAMESPACE).values() for kind in (MACHINES, ENTRIES, CLUSTERS)}
        log.info("synchronized", objects={kind: sum(found) for kind, found in numbers.items()})
        self._synced = True
        if self._ending:
            return
        for work in (self._synchronization.run(), self.queue.run(), self._probes.run()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    def watched(self) -> None:
        """Everything is watched."""
        self._watched = True

    async def end(self) -> None:
        """End what is under way, and wait for it; the hosts go on by themselves with what has begun. A second call
        meanwhile only waits."""
        if not self._ending:
            self._ending = True
            for task in self._tasks:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def broken(self) -> BaseException:
        """Wait for the error that makes it impossible to go on."""
        await self._broken.wait()
        assert self._error is not None  # before anybody is woken
        return self._error

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Neither ends by itself."""
        if not task.cancelled():
            self.give_up(task.exception() or RuntimeError("the work has ended by itself"))

    def give_up(self, error: BaseException) -> None:
        """End the work with this error."""
        self._error = self._error or error
        self._broken.set()

    def _rewound(self) -> None:
        """The API server knows less than before: an older state of etcd was restored. Watches that go on from versions
        that are still to come would hear nothing: the process ends, and the next one knows nothing of them."""
        self.give_up(Retry("the API server has gone back to an older state: everything is to be read again"))

    def _freed(self, namespace: str, pool: str) -> None:
        """An entry has just become available."""
        if self._synced:  # until then, everything is looked at anyway
            for key in first_in_line(self.cache, namespace, pool):
                self.queue.add(key)

    def _left(self, namespace: str, place: Place) -> None:
        """A machine or an entry that was at this host has left it."""
        if self._synced:
            for key in at_place(self.cache, namespace, place):
                self.queue.add(key)

    def seen(self, resource: Resource, raw: Raw, *, deleted: bool) -> None:
        """An event of a watch."""
        raw = resource.complete(raw)
        if deleted:
            self.cache.remove(resource.kind, raw)
            self._news.forget(resource.kind, raw)
        elif not self.cache.put(resource.kind, raw) or not self._news.is_news(resource.kind, raw):
            return
        self._changed(resource, raw)

    def _changed(self, resource: Resource, raw: Raw) -> None:
        """An object was added, changed or deleted, or everything is looked at. raw: as it was, a moment ago."""
        own = ObjectKey(resource.kind, namespace_of(raw), name_of(raw))
        try:
            for key in dependents(self.cache, resource.kind, raw):
                self.queue.add(key, NODES_DELAY if key.kind == NODES_OF_CLUSTER else 0.0)
            # The run may be for a new object that has this name by now.
            if resource == REMOTE_MACHINES and self._machines.superseded(self.cache.get(*own) or raw):
                self.queue.interrupt(own)
        except Exception:
            # The others go on. What is wrong with this one is reported by its reconciler.
            log.exception("cannot tell what depends on it", kind=own.kind, namespace=own.namespace, name=own.name)
            if own.kind in self._reconcilers:
                self.queue.add(own)

    async def _reconcile(self, key: ObjectKey) -> Result:
        if key.kind == NODES_OF_CLUSTER:
            self.queue.set_aside(key)  # a workload cluster answers when it likes
            return await self._reconcilers[key.kind].reconcile(key)
        raw = self.cache.get(key.kind, key.namespace, key.name)
        if raw is None or not (key.kind == SECRETS.kind or selected(raw, self._filter)):
            return DONE
        try:
            return await self._reconcilers[key.kind].reconcile(key)
        except Exception:
            if key.kind == MACHINES:
                self._call_another(key, raw)
            raise

    def _call_another(self, key: ObjectKey, raw: Raw) -> None:
        """An entry of the pool may have been meant for this machine, which has failed to take it: it goes to the next
        in line that has not failed either."""
        for other in in_line(self.cache, raw):
            if other != key and not self.queue.has_failed(other):
                self.queue.add(other)
                return

    def _measure(self) -> None:
        measure(self.cache, self._metrics)
        self._metrics.workqueue_depth.set(len(self.queue))
