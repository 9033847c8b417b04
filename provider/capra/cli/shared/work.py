"""Many machines side by side: bounded, interruptible, every end reported."""

from __future__ import annotations

import asyncio
import errno
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog

from capra.cli.output.display import Display
from capra.cli.output.result import AGAIN, INTERRUPTED, MachineResult
from capra.engine.ports import ProgressListener, Runner
from capra.errors import CapraError, InputError, told
from capra.model.machine import RemoteMachine
from capra.model.run import OutcomeKind, Progress
from capra.runs.kept.keeping import Keeping
from capra.runs.kept.kept_runs import KeptRuns, kept_in
from capra.runs.runner import AnsibleRunner, ObservedRunner
from capra.settings import Settings

_Answer = TypeVar("_Answer")
Act = Callable[[RemoteMachine, ProgressListener], Awaitable[MachineResult]]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger()


@asynccontextmanager
async def running(settings: Settings, show: Callable[[str, str], None]) -> AsyncIterator[Runner]:
    """The runner of a command. show: gets the machine's name and a piece of Ansible's output; used from -vv on."""
    async with AnsibleRunner(show if settings.verbose > 1 else None, warm=settings.warm_runs) as runner:
        keeping = [Keeping(kept_runs(settings), time.time).observe] if settings.keep_output.size else []
        yield ObservedRunner(runner, *keeping)


def kept_runs(settings: Settings) -> KeptRuns:
    """The output of runs that was kept."""
    return kept_in(settings.state_directory, settings.keep_output)


class Work:
    """One command's work on its machines."""

    def __init__(self, display: Display, concurrency: int) -> None:
        self._display = display
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: Sequence[asyncio.Task[Any]] = ()
        self.ended_by = 0
        """The signal that ended it early, 0 for none."""

    async def do(self, machines: Iterable[RemoteMachine], act: Act) -> list[MachineResult]:
        """Do it for all, and report all, in their order. A signal ends what runs on this side; the hosts go on."""
        tasks = [asyncio.ensure_future(self._one(machine, act)) for machine in machines]
        self._display.expect(len(tasks))
        with self._interruptible(tasks):
            return await asyncio.gather(*tasks)

    async def rest(self, coroutine: Coroutine[Any, Any, _Answer]) -> _Answer | None:
        """What comes after the machines, or nothing where a signal has ended it."""
        task = asyncio.ensure_future(coroutine)
        with self._interruptible([task]):
            try:
                return await task
            except asyncio.CancelledError:
                if self.ended_by:
                    return None
                raise

    @contextmanager
    def _interruptible(self, tasks: Sequence[asyncio.Task[Any]]) -> Iterator[None]:
        """A signal ends these tasks."""
        loop = asyncio.get_running_loop()
        self._tasks = tasks
        for number in SIGNALS:
            loop.add_signal_handler(number, partial(self._interrupt, number))
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _interrupt(self, number: int) -> None:
        self.ended_by = number
        for task in self._tasks:
            task.cancel()

    async def _one(self, machine: RemoteMachine, act: Act) -> MachineResult:
        """One machine's work, which never raises."""
        last: list[Progress] = []

        def listen(progress: Progress) -> None:
            if progress.of_step:
                last[:] = [progress]
            self._display.progress(machine, progress)

        started = time.monotonic()
        begun = False
        try:
            async with self._slots:
                begun, started = True, time.monotonic()
                self._display.begin(machine)
                result = await act(machine, listen)
        except asyncio.CancelledError:
            result = _interrupted(machine, begun, last)
        except InputError as error:
            result = MachineResult(machine, "Refuse", OutcomeKind.INVALID.value, ok=False, message=str(error))
        except CapraError as error:
            reason = getattr(error, "reason", "Failed")
            result = MachineResult(machine, "Wait", reason, ok=False, message=str(error), hint=AGAIN)
        except OSError as error:
            message = f"a file on this side cannot be used: {told(error)}; the host is left resumable"
            hint = f"make room there, and {AGAIN}" if error.errno in NO_ROOM else AGAIN
            result = MachineResult(machine, "Wait", "Failed", ok=False, message=message, hint=hint)
        except Exception as error:
            log.info("unexpected error", machine=str(machine.key), exc_info=True)
            message = f"an error in capra itself ({type(error).__name__}); -v shows where. The host is left resumable"
            result = MachineResult(machine, "Wait", "Failed", ok=False, message=message, hint=AGAIN)
        result = replace(result, seconds=round(time.monotonic() - started, 2) if begun else 0.0)
        self._display.end(result)
        return result


def _interrupted(machine: RemoteMachine, begun: bool, last: list[Progress]) -> MachineResult:
    if not begun:
        message = "was not begun"
    elif last:
        message = f"at step {last[0].number + 1} of {last[0].count} ({last[0].title}); the host goes on"
    else:
        message = "what has begun on the host goes on there"
    hint = f"{AGAIN}: it takes up where the host is"
    return MachineResult(machine, "Wait", INTERRUPTED, ok=False, message=message, hint=hint)
