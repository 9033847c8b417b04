"""Tells how far a run is, in the status of its machine: now and then, and only what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from capra.engine.ports import Clock, ProgressListener, Runner
from capra.errors import CapraError
from capra.model.machine import MachineKey
from capra.model.run import Progress, RunRequest, RunResult
from capra.model.status import RunProgress

PERIOD = 5.0
"""Seconds between two writes of one machine, and before the first: most runs are over by then."""

Tell = Callable[[MachineKey, RunProgress], Awaitable[None]]
log = structlog.get_logger(__name__)


class TellingRunner:
    """A port `Runner` whose runs tell of their steps. tell: writes it. clock: seconds since the epoch. period: see
    PERIOD."""

    def __init__(self, runner: Runner, tell: Tell, clock: Clock, period: float = PERIOD) -> None:
        self._runner = runner
        self._tell = tell
        self._clock = clock
        self._period = period

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """See engine.ports.Runner. Nothing is written any more when it has ended: what comes then is the status after
        the run."""
        steps = _Steps(request.key, self._tell, self._clock, self._period)

        def listen(progress: Progress) -> None:
            listener(progress)
            steps.hear(progress)

        try:
            return await self._runner.run(request, listen)
        finally:
            await steps.end()


class _Steps:
    """The steps of one run."""

    def __init__(self, key: MachineKey, tell: Tell, clock: Clock, period: float) -> None:
        self._key = key
        self._tell = tell
        self._clock = clock
        self._period = period
        self._known: RunProgress | None = None
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def hear(self, progress: Progress) -> None:
        """Of what a step has said nothing is told here."""
        if not progress.of_step:
            return
        step = RunProgress(progress.number + 1, progress.count, progress.title, self._clock())
        if self._known is None or replace(step, since=self._known.since) != self._known:
            self._known = step
        if self._task is None:
            self._task = asyncio.create_task(self._tell_now_and_then())

    async def end(self) -> None:
        """A write that is under way comes to its end first: nobody else writes to the object meanwhile."""
        self._ended.set()
        if self._task is not None:
            await self._task

    async def _tell_now_and_then(self) -> None:
        told: RunProgress | None = None
        while not await self._ends_within(self._period):
            known = self._known
            if known is None or known == told:
                continue
            try:
                await self._tell(self._key, known)
                told = known
            except CapraError as error:
                log.info("the progress could not be written", error=str(error))

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True
