"""The queue of what must be reconciled: each key once, and never two reconciliations of a key at a time.

The clock is monotonic, in seconds.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Awaitable, Callable
from typing import Protocol
from weakref import WeakSet

import structlog

from capra.controller.reconcilers.reconciler import Result
from capra.errors import CapraError, Retry
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import ObjectKey
from capra.model.retry import CONFLICT, OBJECT

LONGEST_SPREAD = 5.0
"""Seconds."""

FATAL_BACK_OFF, DEFECT_BACK_OFF = 60.0, 30.0
"""The least seconds to wait after an error that somebody must fix, and after a defect in Capra; a change of the object
ends the wait."""

STARTS = 16
"""Reconciliations that begin in one turn of the event loop. Each takes about a millisecond, and other tasks get a turn
in between."""

LOOKS = 32
"""Looks at once, not counting those set aside: this bounds what the API server has to answer at a time,
and what was read is still fresh when it is written."""

END_PATIENCE = 20.0
"""Seconds for cancelled work to end: a worker that does not end by itself is killed after 15 s."""

Reconcile = Callable[[ObjectKey], Awaitable[Result]]
"""Reconciles one thing."""


class QueueListener(Protocol):
    """Hears of a queue's looks."""

    def began(self, key: ObjectKey, waited: float) -> None:
        """A look begins. waited: seconds since it was due."""

    def ended(self, key: ObjectKey, result: str) -> None:
        """A look has ended: `ok`, `gone`, `cancelled`, or why it comes again: `retry`, `refused`, `defect`."""


class NobodyListens:
    """Listens to nothing."""

    def began(self, key: ObjectKey, waited: float) -> None:
        """See QueueListener."""

    def ended(self, key: ObjectKey, result: str) -> None:
        """See QueueListener."""


log = structlog.get_logger(__name__)


class WorkQueue:
    """Keys with the time at which they are due. A key that is added while it is worked on is worked on again."""

    def __init__(
        self,
        work: Reconcile,
        later: Callable[[float], float] = lambda seconds: seconds,
        listener: QueueListener | None = None,
        looks: int = LOOKS,
    ) -> None:
        """later: what becomes of the seconds after which a failure, or a look, wants another. looks: instead of LOOKS,
        how many are under way at once."""
        self._work = work
        self._later = later
        self._looks = looks
        self._listener = listener or NobodyListens()
        self._due: dict[ObjectKey, float] = {}
        self._order: list[tuple[float, int, ObjectKey]] = []
        """A heap of the same; an item that differs from `_due` is out of date."""

        self._sequence = 0
        self._active: dict[ObjectKey, asyncio.Task[None]] = {}
        self._aside: set[ObjectKey] = set()
        self._cancelled: WeakSet[asyncio.Task[None]] = WeakSet()
        self._failures: dict[ObjectKey, int] = {}
        self._wake = asyncio.Event()
        self.turned_at = time.monotonic()
        """When the loop last went round: it does so at least once a second."""

    def __len__(self) -> int:
        """How many keys wait or are worked on."""
        return len(self._due.keys() | self._active.keys())

    @property
    def idle(self) -> bool:
        """Nothing is worked on or due."""
        return not self._active and self._next_due() > time.monotonic()

    def has_failed(self, key: ObjectKey) -> bool:
        """Its last look has failed; the next one comes by itself."""
        return key in self._failures

    def add(self, key: ObjectKey, after: float = 0.0) -> None:
        """Look at it after this number of seconds, or earlier where that was asked for before."""
        due = time.monotonic() + after
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._put_in_order(key)
            self._wake.set()

    def set_aside(self, key: ObjectKey) -> None:
        """The work for the key takes long, and no longer counts towards LOOKS."""
        if key in self._active:
            self._aside.add(key)
            self._wake.set()

    def interrupt(self, key: ObjectKey) -> None:
        """End what is being done for the key, and look at it again."""
        task = self._active.get(key)
        if task is not None:
            self._cancel(task)
        self.add(key)

    async def run(self) -> None:
        """Work until cancelled; then everything that is under way is cancelled, too, and has ended before this ends."""
        try:
            while True:
                self.turned_at = time.monotonic()
                self._wake.clear()
                wait = self._start_due()
                try:
                    async with asyncio.timeout(min(wait, 1.0)):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            await self._end()

    async def _end(self) -> None:
        """End everything that is under way, and wait for it."""
        for task in self._active.values():
            self._cancel(task)
        left = set(self._active.values())
        while left:
            _, left = await asyncio.wait(left, timeout=END_PATIENCE)
            for task in left:  # it missed the cancel, or takes longer than allowed
                task.cancel()

    def _cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel a task only once: a second cancel would interrupt its ending, in which it waits for the run to end and
        notes how far that has come. `task.cancelling()` does not help: an asyncio timeout cancels its task,
        too."""
        if task not in self._cancelled:
            self._cancelled.add(task)
            task.cancel()

    def _put_in_order(self, key: ObjectKey) -> None:
        self._sequence += 1
        heapq.heappush(self._order, (self._due[key], self._sequence, key))

    def _next_due(self) -> float:
        """When the next key is due that is not worked on."""
        while self._order:
            due, _, key = self._order[0]
            if self._due.get(key) == due and key not in self._active:
                return due
            heapq.heappop(self._order)
        return float("inf")

    def _start_due(self) -> float:
        """Start what is due, some of it. Returns the seconds until something else is."""
        for _ in range(STARTS):
            following = self._next_due() - time.monotonic()
            if following > 0:
                return following
            if len(self._active) - len(self._aside) >= self._looks:
                return float("inf")  # until one ends, which wakes this
            due, _, key = heapq.heappop(self._order)
            del self._due[key]
            self._listener.began(key, time.monotonic() - due)
            task = asyncio.create_task(self._one(key), name=str(key))
            self._active[key] = task
            task.add_done_callback(lambda _, key=key: self._ended(key))  # type: ignore[misc]  # mypy knows no default
        return 0.0

    def _ended(self, key: ObjectKey) -> None:
        del self._active[key]
        self._aside.discard(key)
        if key in self._due:
            self._put_in_order(key)
        self._wake.set()

    async def _one(self, key: ObjectKey) -> None:
        """One look, which never raises."""
        self._listener.ended(key, await self._look(key))

    async def _look(self, key: ObjectKey) -> str:
        """How it ended, for the listener."""
        try:
            result = await self._work(key)
        except asyncio.CancelledError:
            return "cancelled"
        except MissingError as error:
            # It, or what it refers to, is gone; whatever replaces it comes as an event.
            log.debug("gone", object=str(key), error=str(error))
            self._failures.pop(key, None)
            return "gone"
        except Retry as error:
            self._again(key, error, error.after)
            return "retry"
        except CapraError as error:
            self._again(key, error, FATAL_BACK_OFF)
            return "refused"
        except Exception:
            log.exception("a defect in capra itself; the object is looked at again", object=str(key))
            self._again(key, None, DEFECT_BACK_OFF)
            return "defect"
        self._failures.pop(key, None)
        if result.requeue_after is not None:
            self.add(key, self._later(result.requeue_after))
        return "ok"

    def _again(self, key: ObjectKey, error: CapraError | None, least: float) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        policy = CONFLICT if isinstance(error, ConflictError) else OBJECT
        wait = max(least, policy.after(failures)) if failures > 1 else least
        if error is not None:
            log.info("will be looked at again", object=str(key), error=str(error), after=round(wait, 1))
        self.add(key, self._later(wait))


def spread(seconds: float) -> float:
    """With random jitter added, so that keys that failed together are not tried again together."""
    return seconds + random.uniform(0.0, min(LONGEST_SPREAD, seconds / 10))  # noqa: S311  # no secret
