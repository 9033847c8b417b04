"""Room for runs: so many at once, one on a host, cleanups before bootstraps."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from capra.engine.decide import Bootstrap, Cleanup
from capra.model.checks import same_address
from capra.model.observation import Observation

Queued = Callable[[Observation], Awaitable[None]]
"""Told of a run that has to wait for room."""


class _Host:
    """users: those that run on it or wait for it. A lock alone does not tell: between two users it is free, and not to
    be had."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class Slots:
    """Port `Slots`. count: runs at once, at least 1."""

    def __init__(self, count: int, queued: Queued) -> None:
        self._free = count
        self._queued = queued
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._sequence = 0
        self._hosts: WeakValueDictionary[tuple[str, str, int], _Host] = WeakValueDictionary()

    @asynccontextmanager
    async def __call__(self, observation: Observation, decision: Bootstrap | Cleanup) -> AsyncIterator[bool]:
        """See engine.ports.Slots."""
        spec = observation.machine.spec
        # Whoever uses the host keeps it alive. Another namespace's runs do not hold this one's up: the host itself lets
        # one at a time begin.
        place = (observation.machine.key.namespace, same_address(spec.address), spec.port)
        host = self._hosts.setdefault(place, _Host())
        waited = bool(host.users) or not self._free
        host.users += 1
        try:
            if waited:
                await self._queued(observation)
            async with host.lock:
                await self._take(0 if isinstance(decision, Cleanup) else 1)
                try:
                    yield waited
                finally:
                    self._give_back()
        finally:
            host.users -= 1

    async def _take(self, priority: int) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._sequence += 1
        heapq.heappush(self._waiting, (priority, self._sequence, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()  # it was given in the same moment
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
