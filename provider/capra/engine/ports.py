"""What the engine needs from outside. `capra.kube` and `capra.local` are stores, `capra.runs` is the runner,
`capra.testing` has a fake of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from capra.engine.decisions import GiveBack, Release, Run
from capra.model.jobs.job import JobEnd, JobOrder
from capra.model.machine import MachineKey
from capra.model.observation import Observation, Record
from capra.model.run import Progress, RunRequest, RunResult

_Result = TypeVar("_Result")
ProgressListener = Callable[[Progress], None]


class Store(Protocol):
    """Where machines and what is known of them are kept."""

    async def load(self, key: MachineKey) -> Observation:
        """Everything one decision looks at. Raises InputError for input that cannot be read."""
        ...

    async def save(self, observation: Observation, record: Record) -> None:
        """Keep the record of the machine that was observed, whole or not at all; never as that of another one that has
        its name by now. Raises Retry when another writer was faster."""
        ...

    async def reserve(self, observation: Observation, entry: str) -> str:
        """Take the entry of the pool for the machine, or another free one when another machine was faster, and give
        the machine its address. Returns the entry's name. Raises Retry when none is free any more. What was done
        before a crash in the middle is found by the next `load`."""
        ...

    async def give_back(self, observation: Observation, decision: GiveBack) -> None:
        """Mark the entry as one whose host did not answer, give it back, and take away what the machine got from it.
        Doing it again is harmless. Raises Retry when another writer was faster."""
        ...

    async def release(self, observation: Observation, decision: Release) -> None:
        """Give back the entry that the machine holds, if any, and let the machine go. Doing it again is harmless."""
        ...


class Aside(Protocol):
    """A place for work that is pure but may take long, such as reading bootstrap data: a caller that has others to
    serve meanwhile does it in a thread."""

    async def __call__(self, work: Callable[[], _Result], /) -> _Result:
        """What the work returns, or raises."""
        ...


class Runner(Protocol):
    """Runs one playbook on one host."""

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """Run to the end. Cancelling the task that awaits this ends the run on this side; the host goes on. What is
        raised then may have the attribute `sent`, which means what it does in RunResult."""
        ...


class Jobs(Protocol):
    """Carries orders out as Kubernetes Jobs."""

    async def carry_out(self, order: JobOrder) -> JobEnd:
        """Have one Job carry the order out, and wait for its end. A Job of this name that is there already is the one;
        all others of the machine are ended before it begins. Raises what the API raises."""
        ...

    async def heard(self, order: JobOrder) -> None:
        """The end of this order's Job was understood, and counts: the next order is for another one."""
        ...


class RunObserver(Protocol):
    """Follows one run."""

    def hear(self, progress: Progress) -> None:
        """What a `ProgressListener` hears."""
        ...

    async def ended(self, result: RunResult | None) -> None:
        """Once, before anybody gets the result. None: the run was cut off, and an error follows."""
        ...


ObserveRun = Callable[[RunRequest], RunObserver | None]
"""An observer of a run that begins; None where nobody follows it."""

Clock = Callable[[], float]
"""Seconds since the epoch."""

Slots = Callable[[Observation, Run], AbstractAsyncContextManager[bool]]
"""Room for one run, held as long as the context lasts. Yields True after a wait: things may have
changed meanwhile."""
