"""How many runs begin at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

BEGINNINGS = 2
"""Runs for each processor that begin at once."""

BEGIN_PATIENCE = 10.0
"""Seconds after which a run does not count as one that begins, whatever it does."""


class Beginnings:
    """Limits how many runs begin at once. Until they contact their hosts they wait for a processor only, and each takes
    memory: one after the other they begin no later."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(BEGINNINGS * len(os.sched_getaffinity(0)))

    async def begin(self) -> Callable[[], None]:
        """Wait for a place. Gives what ends the beginning, which happens by itself in BEGIN_PATIENCE seconds."""
        await self._places.acquire()
        beginning = True

        def end() -> None:
            nonlocal beginning
            if beginning:
                beginning = False
                timer.cancel()
                self._places.release()

        timer = asyncio.get_running_loop().call_later(BEGIN_PATIENCE, end)
        return end
