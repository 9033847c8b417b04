"""How far a run is told: now and then, what has changed, and nothing after its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from capra.controller.reconcilers import progress
from capra.controller.reconcilers.progress import telling_progress
from capra.engine.ports import ProgressListener
from capra.engine.requests import PlanOptions, plan_preflight
from capra.errors import Retry
from capra.model.machine import MachineKey
from capra.model.run import IN_CONTACT, Progress, RunRequest, RunResult
from capra.model.status import RunProgress
from capra.runs.runner import ObservedRunner
from capra.testing.runner import finished
from tests.unit.engine.examples import observation

REQUEST = plan_preflight(observation(), PlanOptions())
FIRST = Progress(0, 2, "one", "running")


class Scripted:
    """A runner that does what the test says."""

    def __init__(self, *acts: Callable[[ProgressListener], object] | float) -> None:
        self.acts = acts

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        for act in self.acts:
            if isinstance(act, float):
                await asyncio.sleep(act)
            else:
                act(listener)
        return finished()


class Told:
    """What was written."""

    def __init__(self, *, seconds: float = 0.0, fails: int = 0) -> None:
        self.steps: list[RunProgress] = []
        self.cleared = 0
        self.under_way = 0
        self._seconds = seconds
        self._fails = fails

    async def write(self, key: MachineKey, told: RunProgress | None) -> None:
        assert key == REQUEST.key
        self.under_way += 1
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.under_way -= 1
        if self._fails:
            self._fails -= 1
            raise Retry("another writer was faster")
        if told is None:
            self.cleared += 1
        else:
            self.steps.append(told)


async def _run(told: Told, *acts: Callable[[ProgressListener], object] | float) -> list[Progress]:
    heard: list[Progress] = []
    runner = ObservedRunner(Scripted(*acts), telling_progress(told.write, lambda: 7.0, period=0.05))
    assert (await runner.run(REQUEST, heard.append)) == finished()
    assert told.under_way == 0
    return heard


async def test_a_run_that_is_short_is_not_told_of() -> None:
    told = Told()
    heard = await _run(told, lambda listen: listen(IN_CONTACT), lambda listen: listen(FIRST))
    assert heard == [IN_CONTACT, FIRST]
    assert told.steps == []


async def test_each_change_is_written_once() -> None:
    told = Told()
    more = Progress(0, 2, "one", "running", output="said\n")
    second = Progress(1, 2, "two", "running")
    await _run(told, lambda listen: listen(FIRST), lambda listen: listen(more), 0.2, lambda listen: listen(second), 0.2)
    assert told.steps == [RunProgress(1, 2, "one", 7.0), RunProgress(2, 2, "two", 7.0)]


async def test_a_write_that_is_under_way_ends_before_the_run_has() -> None:
    told = Told(seconds=0.3)
    await _run(told, lambda listen: listen(FIRST), 0.1)
    assert [one.step for one in told.steps] == [1]


async def test_a_write_that_fails_is_made_again() -> None:
    told = Told(fails=1)
    await _run(told, lambda listen: listen(FIRST), 0.3)
    assert [one.step for one in told.steps] == [1]


async def test_a_run_that_dies_leaves_nothing_behind() -> None:
    told = Told()

    def die(listen: ProgressListener) -> None:
        listen(FIRST)
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"):
        await _run(told, die)
    await asyncio.sleep(0.1)
    assert told.steps == []


async def test_what_was_told_of_a_run_that_dies_is_taken_away() -> None:
    told = Told()

    def die(listen: ProgressListener) -> None:
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"):
        await _run(told, lambda listen: listen(FIRST), 0.2, die)
    assert ([one.step for one in told.steps], told.cleared) == ([1], 1)
    await _run(told, lambda listen: listen(FIRST), 0.2)
    assert told.cleared == 1, "the status after the run does it"


async def test_a_write_that_hangs_costs_a_run_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "END_PATIENCE", 0.1)
    told = Told(seconds=60)
    async with asyncio.timeout(5):
        heard = await _run(told, lambda listen: listen(FIRST), 0.1)
    assert (heard, told.steps) == ([FIRST], [])


async def test_an_error_of_the_writer_is_none_of_the_run() -> None:
    async def broken(key: MachineKey, told: RunProgress | None) -> None:
        raise ValueError("a defect")

    runner = ObservedRunner(
        Scripted(lambda listen: listen(FIRST), 0.2), telling_progress(broken, lambda: 7.0, period=0.05)
    )
    with capture_logs() as logged:
        assert await runner.run(REQUEST, lambda one: None) == finished()
    assert [line["event"] for line in logged] == ["the progress could not be written"]
