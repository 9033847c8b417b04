"""Tells how far a run is, in the status of its machine: now and then, and only what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from capra.engine.ports import Clock, ObserveRun
from capra.errors import CapraError
from capra.model.machine import MachineKey
from capra.model.run import Progress, RunResult
from capra.model.status import RunProgress
from capra.runs.finishing import finish

PERIOD = 5.0
"""Seconds between two writes of one machine, and before the first: most runs are over by then."""

END_PATIENCE = 2.0
"""Seconds that a write may take when its run has ended."""

Tell = Callable[[MachineKey, RunProgress | None], Awaitable[None]]
"""Writes the progress of a machine's run; None takes it away."""

log = structlog.get_logger(__name__)


def telling_progress(tell: Tell, clock: Clock, period: float = PERIOD) -> ObserveRun:
    """Has runs report their steps. tell: writes that. clock: seconds since the epoch. period: see PERIOD."""
    return lambda request: _Steps(request.key, tell, clock, period)


class _Steps:
    """A port `RunObserver`: the steps of one run."""

    def __init__(self, key: MachineKey, tell: Tell, clock: Clock, period: float) -> None:
        self._key = key
        self._tell = tell
        self._clock = clock
        self._period = period
        self._known: RunProgress | None = None
        self._over = asyncio.Event()
        self._clear = False
        self._task: asyncio.Task[None] | None = None

    def hear(self, progress: Progress) -> None:
        """What a step has printed is not reported here."""
        if not progress.of_step:
            return
        step = RunProgress(progress.number + 1, progress.count, progress.title, self._clock())
        if self._known is None or replace(step, since=self._known.since) != self._known:
            self._known = step
        if self._task is None:
            self._task = asyncio.create_task(self._tell_now_and_then())

    async def ended(self, result: RunResult | None) -> None:
        """Nothing is written any more after this: what comes then is the status after the run. No status follows a run
        that was cut off, so what was told of it is removed."""
        await finish(self._end(clear=result is None))

    async def _end(self, *, clear: bool) -> None:
        """A write that is under way may end first, within END_PATIENCE: nobody else writes to the object meanwhile.
        After one that is given up, the next writer may meet a conflict, and tries again."""
        self._clear = clear
        self._over.set()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=END_PATIENCE)
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            log.error("the progress could not be written", error=repr(error))

    async def _tell_now_and_then(self) -> None:
        told: RunProgress | None = None
        while not await self._ends_within(self._period):
            if self._known != told and await self._write(self._known):
                told = self._known
        if self._clear and told is not None:
            await self._write(None)

    async def _write(self, progress: RunProgress | None) -> bool:
        try:
            await self._tell(self._key, progress)
        except CapraError as error:
            log.info("the progress could not be written", error=str(error))
            return False
        return True

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return False
        return True
