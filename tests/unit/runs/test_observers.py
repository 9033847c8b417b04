"""Observers of a run hear what its steps say, and how it has ended before anybody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from capra.engine.ports import ProgressListener, RunObserver
from capra.engine.requests import PlanOptions, plan_preflight
from capra.model.jobs.job import JobWay, ProvisionJob
from capra.model.run import IN_CONTACT, Progress, RunRequest, RunResult
from capra.runs.runner import ObservedRunner
from capra.testing.runner import finished
from tests.unit.engine.examples import observation

REQUEST = plan_preflight(observation(), PlanOptions())


class Following:
    """An observer that writes down what it is told."""

    def __init__(self, name: str, told: list[str], *, error: BaseException | None = None) -> None:
        self.name, self.told, self.error = name, told, error

    def __call__(self, request: RunRequest) -> RunObserver:
        assert request is REQUEST
        self.told.append(f"{self.name} begins")
        return self

    def hear(self, progress: Progress) -> None:
        self.told.append(f"{self.name} hears {progress.number}")

    async def ended(self, result: RunResult | None) -> None:
        self.told.append(f"{self.name} {'ends' if result else 'is cut off'}")
        if self.error is not None:
            raise self.error


class Saying:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        listener(IN_CONTACT)
        if self.error is not None:
            raise self.error
        return finished()


async def test_all_follow_a_run() -> None:
    told: list[str] = []
    runner = ObservedRunner(Saying(), Following("a", told), lambda request: None, Following("b", told))
    assert await runner.run(REQUEST, lambda progress: told.append("listener")) == finished()
    assert told == ["a begins", "b begins", "listener", "a hears -1", "b hears -1", "b ends", "a ends"]


@pytest.mark.parametrize("error", [RuntimeError("died"), asyncio.CancelledError()])
async def test_all_know_of_a_run_that_is_cut_off(error: BaseException) -> None:
    told: list[str] = []
    with pytest.raises(type(error)):
        await ObservedRunner(Saying(error), Following("a", told)).run(REQUEST, lambda progress: None)
    assert told[-1] == "a is cut off"


async def test_one_that_is_cancelled_at_the_end_keeps_nothing_from_the_others() -> None:
    told: list[str] = []
    cancelled = Following("b", told, error=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await ObservedRunner(Saying(), Following("a", told), cancelled).run(REQUEST, lambda progress: None)
    assert told[-2:] == ["b ends", "a ends"]


async def test_a_host_that_a_job_reaches_is_left_to_that() -> None:
    told: list[str] = []
    way = JobWay(ProvisionJob(), "m-1", "uid-1")
    by_job = replace(REQUEST, connection=replace(REQUEST.connection, job=way))
    runner = ObservedRunner(Saying(), by_job=Saying(RuntimeError("by a Job")))
    assert await runner.run(REQUEST, lambda progress: None) == finished()
    with pytest.raises(RuntimeError, match="by a Job"):
        await runner.run(by_job, lambda progress: told.append("listener"))
    assert told == ["listener"]
