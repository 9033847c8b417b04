"""Room for runs: a limited number at once, and one on each host. Cleanups come before bootstraps, and playbooks of day
two come last."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from capra.engine.decisions import Bootstrap, Cleanup, Run
from capra.model.checks import same_address
from capra.model.observation import Observation

Queued = Callable[[Observation], Awaitable[None]]
"""Told of a run that waits for room, once that takes long."""

TOLD_AFTER = 2.0
"""Seconds. A shorter wait hardly counts, and reporting it would cost a write of the status."""


class _Host:
    """users: those that run on it or wait for it. The lock is not enough: between two users it is unlocked for a
    moment, although the next is already waiting."""

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
    async def __call__(self, observation: Observation, decision: Run) -> AsyncIterator[bool]:
        """See engine.ports.Slots."""
        spec = observation.machine.spec
        # Its users keep this object alive. Another namespace's runs do not hold up this one's: the host itself lets
        # one begin at a time.
        address = (observation.machine.key.namespace, same_address(spec.address), spec.port)
        host = self._hosts.setdefault(address, _Host())
        waited = bool(host.users) or not self._free
        host.users += 1
        try:
            priority = 0 if isinstance(decision, Cleanup) else 1 if isinstance(decision, Bootstrap) else 2
            # No turn of the event loop in between: the next caller sees that it is taken.
            await (self._wait(observation, host, priority) if waited else self._enter(host, priority))
            try:
                yield waited
            finally:
                self._give_back()
                host.lock.release()
        finally:
            host.users -= 1

    async def _wait(self, observation: Observation, host: _Host, priority: int) -> None:
        """Take the host and room for a run. It keeps its place in line while telling of the wait."""
        entering = asyncio.ensure_future(self._enter(host, priority))
        try:
            await asyncio.wait([entering], timeout=TOLD_AFTER)
            if not entering.done():
                await self._queued(observation)
            await asyncio.wait([entering])
        except BaseException:
            entering.cancel()
            await asyncio.wait([entering])
            if not entering.cancelled() and entering.exception() is None:
                self._give_back()
                host.lock.release()
            raise
        entering.result()

    async def _enter(self, host: _Host, priority: int) -> None:
        await host.lock.acquire()
        try:
            await self._take(priority)
        except BaseException:
            host.lock.release()
            raise

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
                self._give_back()  # it was given at the same moment
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
