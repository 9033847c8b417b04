"""Waits end for a reason: nothing moved for as long as was said, or the process is gone; never because of the load."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support import waiting
from tests.support.waiting import Wait, holds_soon, wait_until, wait_until_async


@dataclass
class Machine:
    """A clock that moves by itself, and a load."""

    now: float = 0.0
    share: float = 1.0
    step: float = 0.5

    def clock(self) -> float:
        self.now += self.step
        return self.now

    def wait(self, seconds: float = 10.0, **more: object) -> Wait:
        return Wait("it is there", seconds, clock=self.clock, share=lambda: self.share, **more)  # type: ignore[arg-type]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_what_holds_is_given_back(machine: Machine) -> None:
    answers = iter([None, "", "yes"])
    assert wait_until(lambda: next(answers), machine.wait(), 0) == "yes"


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 10, 11), (0.5, 20, 21), (0.25, 40, 41)])
def test_a_loaded_machine_has_more_time(machine: Machine, share: float, least: float, most: float) -> None:
    machine.share = share
    with pytest.raises(AssertionError, match="it is there"):
        wait_until(lambda: False, machine.wait(10), 0)
    assert least <= machine.now <= most + machine.step


def test_the_time_is_limited_under_any_load(machine: Machine) -> None:
    machine.share = 0.0
    with pytest.raises(AssertionError):
        wait_until(lambda: False, machine.wait(10), 0)
    assert machine.now <= 10 * waiting.LIMIT + 2


def test_progress_gives_new_time_and_not_for_ever(machine: Machine) -> None:
    def lines() -> Iterator[int]:
        yield from range(20)
        while True:
            yield 20

    log = lines()
    with pytest.raises(AssertionError, match=r"the last 10 s without any progress"):
        wait_until(lambda: False, machine.wait(10, progress=lambda: next(log)), 0)
    # A look each second for 20 s, and then ten without any.
    assert 28 < machine.now < 33


def test_progress_without_end_ends(machine: Machine) -> None:
    with pytest.raises(AssertionError):
        wait_until(lambda: False, machine.wait(10, progress=lambda: machine.now), 0)
    assert machine.now < 10 * waiting.LIMIT + 2


def test_what_is_gone_is_not_waited_for(machine: Machine) -> None:
    def check() -> None:
        raise RuntimeError("it has ended with status 3")

    with pytest.raises(RuntimeError, match="status 3"):
        wait_until(lambda: False, machine.wait(10, check=check), 0)
    assert machine.now < 2


def test_the_message_tells_what_and_how_it_was(machine: Machine) -> None:
    with pytest.raises(KeyError, match="it is there") as caught:
        wait_until(lambda: False, machine.wait(10, tell=lambda: "the end of its log", error=KeyError), 0)
    assert "load" in str(caught.value)
    assert "the end of its log" in str(caught.value)


async def test_the_same_in_an_event_loop(machine: Machine) -> None:
    answers: Iterator[int] = iter([0, 0, 7])

    async def holds() -> int:
        return next(answers)

    assert await wait_until_async(holds, machine.wait(), 0) == 7
    answers = itertools.repeat(0)
    with pytest.raises(AssertionError):
        await wait_until_async(holds, machine.wait(), 0)


async def test_what_is_no_coroutine_in_an_event_loop() -> None:
    answers = iter([0, 0, 7])
    assert await holds_soon(lambda: next(answers), "seven", pause=0) == 7
    with pytest.raises(AssertionError, match="eight"):
        await holds_soon(lambda: False, "eight", seconds=0.01)


def test_the_share_of_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    told = {0.0: 1.0, 2.0: 1.0, 4.0: 0.5, 8.0: 0.25, 1000.0: waiting.SMALLEST_SHARE}
    for load, expected in told.items():
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert waiting.share() == expected
