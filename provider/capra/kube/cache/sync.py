"""Keeps the cache true: whole lists, and the watch of Secrets, of which only the metadata is asked for.

What a Secret holds never comes into this process unless it is needed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from capra.errors import CapraError
from capra.kube.cache.cache import Cache
from capra.kube.cache.pace import paced
from capra.kube.client.api import WATCH_SECONDS, Api
from capra.kube.client.resources import SECRETS, Raw, Resource, version_of

Listener = Callable[[Resource, Raw], None]
"""Told of an object that was added, changed or deleted; the cache knows already."""

PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds until a watch that was lost is begun again: more each time that it is lost within the longest pause, because
all Secrets are listed first, and whoever is told reads everything again."""

log = structlog.get_logger(__name__)


async def refresh(api: Api, cache: Cache, resource: Resource, namespace: str, listener: Listener) -> str:
    """Read the whole list; what is not in it has been deleted. Returns the list's version. namespace: empty for all.

    kopf's watches do not tell of objects that were deleted while they were interrupted: this does.
    """
    asked = cache.mark(resource.kind)
    answer = await api.list(resource, namespace, metadata_only=resource == SECRETS)
    items = answer.get("items") or ()  # null for an empty list of metadata
    raws = ({"apiVersion": resource.api_version, "kind": resource.kind, **raw} for raw in items)
    async for raw in paced(cache.replacing(resource.kind, raws, version_of(answer), asked)):
        if raw is not None:
            listener(resource, raw)
            await asyncio.sleep(0)  # whoever is told may have much to look for
    return str(answer["metadata"]["resourceVersion"])


async def watch_secrets(
    api: Api, cache: Cache, namespace: str, listener: Listener, lost: Callable[[], None] = lambda: None
) -> None:
    """Keep the metadata of all Secrets in the cache, for ever. namespace: empty for all. lost: told when the API server
    answers again after the watch was lost: it may have been started on another state."""
    before, pause = False, PAUSE
    while True:
        listed = math.inf
        try:
            version = await refresh(api, cache, SECRETS, namespace, listener)
            listed = time.monotonic()
            if before:
                lost()
            before = True
            while version:
                version = await _follow(api, cache, namespace, version, listener)
        except CapraError as error:
            # Whatever the API server says: without this watch, nobody would notice a Secret that is waited for.
            log.warning("the watch of Secrets was lost", error=str(error))
        lasted = time.monotonic() - listed
        if not 0 <= lasted < LONGEST_PAUSE:
            pause = PAUSE
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _follow(api: Api, cache: Cache, namespace: str, version: str, listener: Listener) -> str:
    """One watch. Returns the version to go on from, empty when the list must be read again."""
    began = time.monotonic()
    async for kind, raw in api.watch(SECRETS, namespace, version, metadata_only=True):
        if kind == "ERROR":
            return ""
        version = str(raw["metadata"]["resourceVersion"])
        if kind == "DELETED":
            cache.remove(SECRETS.kind, raw)
        elif kind != "BOOKMARK":
            cache.put(SECRETS.kind, raw)
        if kind != "BOOKMARK":
            listener(SECRETS, raw)
    # Ended before its time: another API server may go on from another state.
    return version if time.monotonic() - began > WATCH_SECONDS / 2 else ""
