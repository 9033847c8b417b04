"""Keeps the cache true with whole lists: at the beginning, from time to time, and after a gap between watches."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence

import structlog

from capra.errors import CapraError
from capra.kube.cache.cache import Cache
from capra.kube.cache.pace import paced
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import CORE_GROUP, SECRETS, Raw, Resource, version_of
from capra.model.retry import GAP

ObjectListener = Callable[[Resource, Raw], None]
"""Told of an object that was added, changed or deleted, or that is only to be looked at; the cache knows already."""

FAILURE_PAUSE = 5.0
"""Seconds until the next attempt when reading has failed."""

log = structlog.get_logger(__name__)


class Synchronization:
    """Reads everything of one management cluster.

    own: the resources of Capra; Cluster API's are read in the version that the API server prefers, and of Secrets only
    the metadata. namespace: empty for all. period: seconds between two readings. changed: told of every object.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        own: Sequence[Resource],
        *,
        namespace: str,
        period: float,
        changed: ObjectListener,
    ) -> None:
        self._api = api
        self._cache = cache
        self._resources = tuple(own)
        self._namespace = namespace
        self._period = period
        self._changed = changed
        self._now = asyncio.Event()
        self._gaps, self._next = 0, -math.inf

    async def first(self) -> None:
        """Read everything once, before anything is decided. Waits for Cluster API's CRDs and ours."""
        while True:
            try:
                version = await self._api.preferred_version(CORE_GROUP)
                resources = (
                    *self._resources,
                    Resource(CORE_GROUP, version, "machines", "Machine"),
                    Resource(CORE_GROUP, version, "clusters", "Cluster"),
                )
                for resource in (SECRETS, *resources):
                    await refresh(self._api, self._cache, resource, self._namespace, self._changed)
            except MissingError as error:
                log.warning("waiting for Cluster API and the CRDs of Capra", error=str(error))
            except CapraError as error:
                log.warning("the API server cannot be read yet", error=str(error))
            else:
                self._resources = resources
                return
            await asyncio.sleep(FAILURE_PAUSE)

    async def run(self) -> None:
        """Read everything again, and have everything looked at, whenever it is time. For ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period):
                    await self._now.wait()
            self._now.clear()
            # One kind that cannot be read keeps no deleted object of the others.
            if not all([await self._read_again(resource) for resource in (SECRETS, *self._resources)]):
                await asyncio.sleep(FAILURE_PAUSE)
                self._now.set()

    async def _read_again(self, resource: Resource) -> bool:
        """The whole list, and a look at each of Capra's and Cluster API's objects. False when it could not be read."""
        try:
            await refresh(self._api, self._cache, resource, self._namespace, self._changed)
        except CapraError as error:
            log.warning("the API server cannot be read", kind=resource.kind, error=str(error))
            return False
        for raw in list(self._cache.all(resource.kind)) if resource != SECRETS else ():
            self._changed(resource, raw)
            await asyncio.sleep(0)  # other tasks get a turn
        return True

    def missed(self) -> None:
        """Something may have gone unnoticed: everything is read again, in a moment."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._next:
            return
        lately = loop.time() - self._next < GAP.longest
        self._gaps = self._gaps + 1 if lately else 1
        pause = GAP.after(self._gaps)
        self._next = loop.time() + pause
        loop.call_later(pause, self._now.set)


async def refresh(api: Api, cache: Cache, resource: Resource, namespace: str, listener: ObjectListener) -> str:
    """Read the whole list; what is not in it has been deleted. Returns the list's version. namespace: empty for all.

    kopf's watches do not tell of objects that were deleted while they were interrupted: this does.
    """
    asked = cache.mark(resource.kind)
    answer = await api.list(resource, namespace, metadata_only=resource == SECRETS)
    items = answer.get("items") or ()  # null for an empty list of metadata
    raws = map(resource.complete, items)
    async for raw in paced(cache.replacing(resource.kind, raws, version_of(answer), asked)):
        if raw is not None:
            listener(resource, raw)
            await asyncio.sleep(0)  # the listener may have much to look up
    return str(answer["metadata"]["resourceVersion"])
