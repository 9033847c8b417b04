"""Keeps what runs have said, while they run and when they have ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import structlog

from capra.engine.hooks.judge import judge_hook
from capra.engine.outcome import judge
from capra.engine.ports import Clock, RunObserver
from capra.model.run import Playbook, Progress, RunRequest, RunResult
from capra.runs.kept.kept_run import KeptRun, begun_kept_run, ended_kept_run, with_progress
from capra.runs.kept.kept_runs import KeptRuns

INTERRUPTED = "Interrupted"
PERIOD = 2.0
"""Seconds between two writes of a run that is under way, and before the first: most runs are over by then."""

log = structlog.get_logger(__name__)


class Keeping:
    """Has what runs have said kept, of all but preflights and questions to a cluster, whose answers are secrets. clock:
    seconds since the epoch. Where nothing can be written, the runs go on, and one line of the log says so."""

    def __init__(self, kept: KeptRuns, clock: Clock, period: float = PERIOD) -> None:
        self._kept = kept
        self._clock = clock
        self._period = period
        self._failed = False

    def observe(self, request: RunRequest) -> RunObserver | None:
        """See engine.ports.ObserveRun."""
        if request.playbook in (Playbook.PREFLIGHT, Playbook.K0S_CLUSTER):
            return None
        now = self._clock()
        playbook = f"{request.playbook}-{request.hook}" if request.hook else request.playbook.value
        begun = begun_kept_run(request, self._kept.new_name(playbook, now), now)
        return _Run(request, begun, self._write, self._clock, self._period)

    def _write(self, run: KeptRun) -> None:
        try:
            self._kept.write(run)
        except Exception as error:
            # No run is lost for what is only kept of it.
            if not self._failed:
                log.warning("the output of runs cannot be kept", error=str(error) or repr(error))
            self._failed = True


class _Run:
    """A port `RunObserver`: a run that is under way. Nothing is written of it any more after its end."""

    def __init__(
        self, request: RunRequest, run: KeptRun, write: Callable[[KeptRun], None], clock: Clock, period: float
    ) -> None:
        self._request = request
        self._known = run
        self._write = write
        self._clock = clock
        self._period = period
        self._writing = threading.Lock()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def hear(self, progress: Progress) -> None:
        """It is written a little later, with what else has come by then."""
        self._known = with_progress(self._known, progress)
        if self._task is None:
            self._task = asyncio.create_task(self._write_later())

    async def ended(self, result: RunResult | None) -> None:
        """How it has ended."""
        if result is None:
            # Nothing is waited for: whoever ends the process gives it little time.
            self._end(replace(self._known, ended=self._clock(), outcome=INTERRUPTED))
            return
        outcome = (judge_hook if self._request.hook else judge)(self._request, result)
        await asyncio.to_thread(self._end, ended_kept_run(self._known, outcome, result.output, self._clock()))

    def _end(self, run: KeptRun) -> None:
        """Write it for the last time."""
        with self._writing:
            self._ended = True
            self._write(run)

    async def _write_later(self) -> None:
        await asyncio.sleep(self._period)
        self._task = None
        await asyncio.to_thread(self._write_under_way)

    def _write_under_way(self) -> None:
        with self._writing:
            if not self._ended:
                self._write(self._known)
