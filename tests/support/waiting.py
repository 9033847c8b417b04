"""Waiting for something in a test: as long as it gets on, and longer where this machine has other work to do.

Only the standard library: test hosts use it without pytest.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

LIMIT = 5
"""So many times as long as the wait's own seconds it may last in all, whatever progress or load there is."""

LOOK = 1.0
"""Seconds between two looks at progress."""

SMALLEST_SHARE = 0.1
"""However many processes there are, this part of the time is counted."""

Found = TypeVar("Found")


def share() -> float:
    """The part of a processor that a process gets here: 1 on an idle machine, 0.25 at a load of 8 on 2 cores."""
    return max(SMALLEST_SHARE, min(1.0, len(os.sched_getaffinity(0)) / max(os.getloadavg()[0], 0.01)))


def _nothing() -> Any:
    return None


@dataclass
class Wait:
    """One wait. what: what is waited for, as a sentence. seconds: how long it may stand still on an idle machine.

    progress: a value that changes as long as it gets on, such as a log's size. check: raises where nothing can come
    any more, such as when a process has ended. tell: what the error says beside that. error: what is raised in the end.
    """

    what: str
    seconds: float
    progress: Callable[[], Any] = _nothing
    check: Callable[[], Any] = _nothing
    tell: Callable[[], str] = str
    error: type[Exception] = AssertionError
    clock: Callable[[], float] = time.monotonic
    share: Callable[[], float] = share
    _begun: float = field(init=False)
    _turned: float = field(init=False)
    _looked: float = field(init=False)
    _still: float = 0.0
    """Counted seconds since the last progress."""
    _seen: Any = None

    def __post_init__(self) -> None:
        self._begun = self._turned = self._looked = self.clock()

    def turn(self) -> None:
        """It does not hold yet. Raises when it has been waited for enough."""
        self.check()
        now = self.clock()
        self._still += (now - self._turned) * self.share()
        self._turned = now
        over = now - self._begun > self.seconds * LIMIT
        if self._still > self.seconds or over or now - self._looked >= LOOK:
            self._looked = now
            seen = self.progress()
            if seen != self._seen:
                self._seen, self._still = seen, 0.0
        if self._still > self.seconds or over:
            raise self.error(self._message(now))

    def _message(self, now: float) -> str:
        load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
        still = "" if self.progress is _nothing else f", the last {self._still:.0f} s without any progress"
        said = self.tell()
        more = f"\n{said}" if said else ""
        return f"not within {now - self._begun:.0f} s{still} (load {load:.1f} on {cores} cores): {self.what}{more}"


def wait_until(holds: Callable[[], Found], wait: Wait, pause: float = 0.1) -> Found:
    """Look again and again until it holds; what it gave. pause: seconds between two looks."""
    while not (found := holds()):
        wait.turn()
        time.sleep(pause)
    return found


async def wait_until_async(holds: Callable[[], Awaitable[Found]], wait: Wait, pause: float = 0.05) -> Found:
    """The same where an event loop runs."""
    while not (found := await holds()):
        wait.turn()
        await asyncio.sleep(pause)
    return found


async def holds_soon(holds: Callable[[], Found], what: str, seconds: float = 60.0, pause: float = 0.02) -> Found:
    """The same for what is no coroutine, with nothing to be said of progress."""

    async def look() -> Found:
        return holds()

    return await wait_until_async(look, Wait(what, seconds), pause)
