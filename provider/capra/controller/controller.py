"""The controller as a whole: watches fill the cache, changes fill the queue, the queue is worked off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog

from capra.controller import handlers
from capra.controller.dependents import at_place, dependents, first_in_line, in_line, is_news
from capra.controller.queue import WorkQueue, spread
from capra.controller.reconcilers.cluster import ClusterReconciler
from capra.controller.reconcilers.machine import MachineReconciler
from capra.controller.reconcilers.node import NodeReconciler
from capra.controller.reconcilers.pool_entry import PoolEntryReconciler
from capra.controller.reconcilers.reconciler import DONE, Reconciler, Result
from capra.controller.serving.census import measure
from capra.controller.serving.metrics import Metrics
from capra.engine.plan import PlanOptions
from capra.engine.ports import Clock, Runner
from capra.errors import CapraError
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.cache.sync import refresh, watch_secrets
from capra.kube.cache.writer import Writer
from capra.kube.client.api import Api
from capra.kube.client.connection import Access
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import (
    CLUSTERS,
    CORE_GROUP,
    ENTRIES,
    MACHINES,
    NODES_OF_CLUSTER,
    POOLED_REMOTE_MACHINES,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    SECRETS,
    WATCH_FILTER_LABEL,
    Key,
    Raw,
    Resource,
    labels_of,
    name_of,
    namespace_of,
)
from capra.kube.objects.places import Place
from capra.kube.stores.entries import EntryStore
from capra.kube.stores.machines import KubeStore
from capra.kube.stores.reporter import Reporter
from capra.kube.stores.secrets import Secrets
from capra.settings import ControllerSettings

OWN = (REMOTE_MACHINES, POOLED_REMOTE_MACHINES, REMOTE_CLUSTERS)
LIFE_SIGN = 60.0
"""Seconds without a turn of the queue after which the process is taken for dead."""

SYNC_PAUSE = 5.0
"""Seconds until everything is read again when it could not be."""

NODES_DELAY = 1.0
"""Seconds in which changes of a Cluster's machines are gathered: all of them are gone through when one has changed."""

log = structlog.get_logger(__name__)


class Controller:
    """One controller of one management cluster.

    access: how another client reaches the API server. runner: runs the playbooks. clock: seconds since the epoch.
    """

    def __init__(
        self,
        settings: ControllerSettings,
        api: Api,
        access: Callable[[], Awaitable[Access]],
        runner: Runner,
        metrics: Metrics,
        clock: Clock = time.time,
        options: PlanOptions | None = None,
    ) -> None:
        self._settings = settings
        self._api = api
        self._access = access
        self._metrics = metrics
        self._filter = (WATCH_FILTER_LABEL, settings.watch_filter) if settings.watch_filter else None
        self.cache = cache = Cache(self._filter)
        self.queue = WorkQueue(self._reconcile, spread)
        writer, secrets = Writer(api, cache), Secrets(api, cache)
        self._secrets = secrets
        entries = EntryStore(writer, secrets, clock)
        reporter = Reporter(api, writer, cache, clock)
        self._machines = MachineReconciler(
            KubeStore(writer, cache, secrets, entries, clock, self._filter),
            writer,
            reporter,
            runner,
            clock,
            metrics,
            cleanup_limit=settings.cleanup_timeout,
            concurrency=settings.concurrency,
            options=options or PlanOptions(),
            lasting=self.queue.set_aside,
        )
        self._reconcilers: dict[str, Reconciler] = {
            MACHINES: self._machines,
            ENTRIES: PoolEntryReconciler(api, cache, writer, entries, reporter, self._machines),
            CLUSTERS: ClusterReconciler(cache, writer, clock),
            NODES_OF_CLUSTER: NodeReconciler(api, cache),
        }
        self._synced = False
        self._sync_now, self._watch_anew = asyncio.Event(), asyncio.Event()
        cache.rewound, cache.freed, cache.left = self._rewound, self._freed, self._left
        metrics.before_rendering = self._measure

    @property
    def ready(self) -> bool:
        """The cache holds everything once."""
        return self._synced

    @property
    def alive(self) -> bool:
        """The queue goes round."""
        return time.monotonic() - self.queue.turned_at < LIFE_SIGN

    async def run(self) -> None:
        """Work until cancelled; the hosts go on by themselves with what has begun."""
        resources = await self._first_sync()
        numbers = {kind: self.cache.numbers(kind, By.NAMESPACE).values() for kind in (MACHINES, ENTRIES, CLUSTERS)}
        log.info("synchronized", objects={kind: sum(found) for kind, found in numbers.items()})
        self._synced = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(resources))
                tasks.create_task(self._resync(resources))
                tasks.create_task(self.queue.run())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _first_sync(self) -> tuple[Resource, ...]:
        """Read everything once, before anything is decided. Waits for Cluster API's CRDs and ours."""
        while True:
            try:
                version = await self._api.preferred_version(CORE_GROUP)
                resources = (
                    *OWN,
                    Resource(CORE_GROUP, version, "machines", "Machine"),
                    Resource(CORE_GROUP, version, "clusters", "Cluster"),
                )
                for resource in (SECRETS, *resources):
                    await refresh(self._api, self.cache, resource, self._settings.namespace, self._changed)
            except MissingError as error:
                log.warning("waiting for Cluster API and the CRDs of Capra", error=str(error))
            except CapraError as error:
                log.warning("the API server cannot be read yet", error=str(error))
            else:
                return resources
            self.queue.turned_at = time.monotonic()
            await asyncio.sleep(5)

    async def _watch(self, resources: tuple[Resource, ...]) -> None:
        """The watches, begun anew when etcd was restored: they would go on from versions that are still to come."""
        namespace, lost = self._settings.namespace, self._sync_now.set
        while True:
            watching = {
                asyncio.ensure_future(handlers.watch(resources, namespace, self._seen, self._access)),
                asyncio.ensure_future(watch_secrets(self._api, self.cache, namespace, self._changed, lost)),
            }
            anew = asyncio.ensure_future(self._watch_anew.wait())
            try:
                await asyncio.wait({*watching, anew}, return_when=asyncio.FIRST_COMPLETED)
                for task in watching:
                    if task.done():
                        task.result()
            finally:
                for each in (*watching, anew):
                    each.cancel()
                await asyncio.wait({*watching, anew})
            self._watch_anew.clear()

    def _rewound(self) -> None:
        """The API server knows less than before: an older state of etcd was restored."""
        log.warning("the API server has gone back to an older state: everything is read again")
        self._secrets.forget()
        self._sync_now.set()
        self._watch_anew.set()

    def _freed(self, namespace: str, pool: str) -> None:
        """An entry can be had that could not a moment ago."""
        if self._synced:  # until then, everything is looked at anyway
            for key in first_in_line(self.cache, namespace, pool):
                self.queue.add(key)

    def _left(self, namespace: str, place: Place) -> None:
        """A machine or an entry that was at this host is there no more."""
        if self._synced:
            for key in at_place(self.cache, namespace, place):
                self.queue.add(key)

    async def _resync(self, resources: tuple[Resource, ...]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.sync_period):
                    await self._sync_now.wait()
            self._sync_now.clear()
            try:
                await refresh(self._api, self.cache, SECRETS, self._settings.namespace, self._changed)
                for resource in resources:
                    await refresh(self._api, self.cache, resource, self._settings.namespace, self._changed)
                    for raw in list(self.cache.all(resource.kind)):
                        self._changed(resource, raw)
                        await asyncio.sleep(0)  # whoever has other work goes on
            except CapraError as error:
                log.warning("the API server cannot be read", error=str(error))
                await asyncio.sleep(SYNC_PAUSE)
                self._sync_now.set()

    def _seen(self, resource: Resource, raw: Raw, deleted: bool) -> None:
        """An event of a watch."""
        raw = {"apiVersion": resource.api_version, "kind": resource.kind, **raw}
        before = self.cache.get(resource.kind, namespace_of(raw), name_of(raw))
        if deleted:
            self.cache.remove(resource.kind, raw)
        elif not self.cache.put(resource.kind, raw) or not is_news(resource.kind, before, raw):
            return
        self._changed(resource, raw)

    def _changed(self, resource: Resource, raw: Raw) -> None:
        """An object was added, changed or deleted, or everything is looked at. raw: as it was, a moment ago."""
        for key in dependents(self.cache, resource.kind, raw):
            self.queue.add(key, NODES_DELAY if key.kind == NODES_OF_CLUSTER else 0.0)
        if resource != REMOTE_MACHINES:
            return
        key = Key(resource.kind, namespace_of(raw), name_of(raw))
        # What runs may be for another one that has its name by now.
        if self._machines.superseded(self.cache.get(*key) or raw):
            self.queue.interrupt(key)

    async def _reconcile(self, key: Key) -> Result:
        if key.kind == NODES_OF_CLUSTER:
            self.queue.set_aside(key)  # a workload cluster answers when it likes
            return await self._reconcilers[key.kind].reconcile(key)
        raw = self.cache.get(key.kind, key.namespace, key.name)
        if raw is None or not self._ours(raw):
            return DONE
        try:
            return await self._reconcilers[key.kind].reconcile(key)
        except Exception:
            if key.kind == MACHINES:
                self._call_another(key, raw)
            raise

    def _call_another(self, key: Key, raw: Raw) -> None:
        """An entry of the pool may have been meant for this machine, which has failed to take it: the next in line that
        has not failed, too, may have it."""
        for other in in_line(self.cache, raw):
            if other != key and not self.queue.has_failed(other):
                self.queue.add(other)
                return

    def _ours(self, raw: Raw) -> bool:
        return self._filter is None or labels_of(raw).get(self._filter[0]) == self._filter[1]

    def _measure(self) -> None:
        measure(self.cache, self._metrics)
        self._metrics.workqueue_depth.set(len(self.queue))
