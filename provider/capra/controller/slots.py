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
"""Told of a run that waits for room, once that takes long."""

TOLD_AFTER = 2.0
"""Seconds. What waits for less has hardly waited, and to tell it costs a write of its status."""


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
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._sequence = 0
        self._hosts: WeakValueDictionary[tuple[str, str, int], _Host] = WeakValueDictionary()

    @asynccontextmanager
    async def __call__(self, observation: Observation, decision: Bootstrap | Cleanup) -> AsyncIterator[bool]:
        """See engine.ports.Slots."""
        spec = observation.machine.spec
        # Whoever uses the host keeps it alive. Another namespace's runs do not hold this one's up: the host itself lets
        # one at a time begin.
        address = (observation.machine.key.namespace, same_address(spec.address), spec.port)
        host = self._hosts.setdefault(address, _Host())
        waited = bool(host.users) or not self._free
        host.users += 1
        try:
            self._sequence += 1
            place = (0 if isinstance(decision, Cleanup) else 1, self._sequence)
            try:
                async with asyncio.timeout(TOLD_AFTER):
                    await self._enter(host, place)
            except TimeoutError:
                await self._queued(observation)
                await self._enter(host, place)
            try:
                yield waited
            finally:
                self._give_back()
                host.lock.release()
        finally:
            host.users -= 1

    async def _enter(self, host: _Host, place: tuple[int, int]) -> None:
        await host.lock.acquire()
        try:
            await self._take(place)
        except BaseException:
            host.lock.release()
            raise

    async def _take(self, place: tuple[int, int]) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._sequence += 1  # of the same place, one that has stopped waiting may be there still
        heapq.heappush(self._waiting, (*place, self._sequence, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()  # it was given in the same moment
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[-1]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
