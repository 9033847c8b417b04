"""The warm parents of one process: as many as there is work for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import structlog

from capra.runs.warm.client import WarmParent
from capra.runs.warm.worker import ForkedWorker

RETRY_PAUSE = 60.0
"""Seconds of cold runs after a parent did not come up."""

MOST = 4
"""Parents side by side."""

log = structlog.get_logger(__name__)


class WarmParents:
    """As many warm parents as there is work for, replaced when they die or have grown.

    limit: bytes of one line of a worker. count: how many side by side at most; by default one for each four processors,
    and up to four."""

    def __init__(self, limit: int, count: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._count = count or max(1, min(MOST, len(os.sched_getaffinity(0)) // 4))
        self._clock = clock
        self._parents: list[WarmParent] = []
        self._starting: asyncio.Task[None] | None = None
        self._retiring: dict[asyncio.Task[None], WarmParent] = {}
        self._not_before = 0.0
        self._next = 0

    async def fork(self) -> ForkedWorker | None:
        """A worker, or None when it has to be a cold one."""
        for _ in range(2):
            await self._ready()
            if not self._parents:
                return None
            self._next = (self._next + 1) % len(self._parents)
            parent = self._parents[self._next]
            worker = await parent.fork()
            if not parent.alive:
                self._drop(parent, "a warm parent has ended; another one is started")
            elif parent.grown:
                self._drop(parent, "a warm parent has grown; another one is started")
            if worker is not None or parent.alive:
                return worker
        self._not_before = self._clock() + RETRY_PAUSE
        return None

    def _drop(self, parent: WarmParent, why: str) -> None:
        """Ask it no more, and see to its end meanwhile."""
        if parent not in self._parents:
            return
        self._parents.remove(parent)
        log.info(why)
        retiring = asyncio.ensure_future(parent.retire())
        self._retiring[retiring] = parent
        retiring.add_done_callback(lambda ended: self._retiring.pop(ended, None))

    async def _ready(self) -> None:
        """Until there is a parent, or none can be started."""
        wanted = len(self._parents) < self._count and all(parent.busy for parent in self._parents)
        if wanted and self._starting is None and self._clock() >= self._not_before:
            self._starting = asyncio.ensure_future(self._start())
        if not self._parents and self._starting is not None:
            await asyncio.shield(self._starting)

    async def _start(self) -> None:
        parent = WarmParent(self._limit)
        try:
            if await parent.start():
                self._parents.append(parent)
            else:
                self._not_before = self._clock() + RETRY_PAUSE
        finally:
            self._starting = None

    async def close(self) -> None:
        """End them all. Their workers go on. Whoever still waits for a fork gets none."""
        for parent in (*self._retiring.values(), *self._parents):
            parent.end()
        ending = [*self._retiring]
        if self._starting is not None:
            self._starting.cancel()
            ending.append(self._starting)
        ending += [asyncio.ensure_future(parent.retire()) for parent in self._parents]
        self._parents = []
        if ending:
            await asyncio.wait(ending)
