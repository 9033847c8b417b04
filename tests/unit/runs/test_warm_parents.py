"""Which warm parent is asked, and when there is another one."""

from __future__ import annotations

import asyncio

import pytest

from capra.runs.warm import parents
from capra.runs.warm.parents import RETRY_PAUSE, WarmParents


class Parent:
    """Stands for one process."""

    comes_up = True
    started: list[Parent] = []  # noqa: RUF012  # emptied by the fixture

    def __init__(self, limit: int) -> None:
        self.grown = self.dead = self.closed = self.busy = self.asked = False
        self.forked = 0

    @property
    def alive(self) -> bool:
        return not self.dead

    async def start(self) -> bool:
        Parent.started.append(self)
        return Parent.comes_up

    async def fork(self) -> object | None:
        if self.dead:
            return None
        self.forked += 1
        return object()

    def end(self) -> None:
        self.dead = True

    async def retire(self) -> None:
        while self.asked and not self.dead:
            await asyncio.sleep(0)
        self.closed = True


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Parent, "comes_up", True)
    monkeypatch.setattr(Parent, "started", [])
    monkeypatch.setattr(parents, "WarmParent", Parent)


async def test_one_is_started_when_it_is_needed_and_ended_at_the_end() -> None:
    warm = WarmParents(1, count=1)
    assert Parent.started == []
    for _ in range(3):
        assert await warm.fork() is not None
    [one] = Parent.started
    assert one.forked == 3
    await warm.close()
    assert one.closed


async def test_several_take_turns() -> None:
    warm = WarmParents(1, count=2)
    await warm.fork()
    Parent.started[0].busy = True
    for _ in range(8):
        await warm.fork()
        await asyncio.sleep(0)
    assert min(one.forked for one in Parent.started) >= 3
    assert len(Parent.started) == 2
    await warm.close()


async def test_one_that_has_died_is_replaced() -> None:
    warm = WarmParents(1, count=1)
    await warm.fork()
    Parent.started[0].dead = True
    assert await warm.fork() is not None
    assert [one.forked for one in Parent.started] == [1, 1]
    await warm.close()


async def test_one_that_has_grown_is_replaced() -> None:
    warm = WarmParents(1, count=1)
    await warm.fork()
    Parent.started[0].grown = True
    await warm.fork()
    await warm.fork()
    await asyncio.sleep(0)
    assert [(one.forked, one.closed) for one in Parent.started] == [(2, True), (1, False)]
    await warm.close()


async def test_where_none_comes_up_nobody_tries_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    warm = WarmParents(1, count=1, clock=lambda: now)
    monkeypatch.setattr(Parent, "comes_up", False)
    for _ in range(3):
        assert await warm.fork() is None
    assert len(Parent.started) == 1
    now = RETRY_PAUSE
    monkeypatch.setattr(Parent, "comes_up", True)
    assert await warm.fork() is not None
    await warm.close()


@pytest.mark.parametrize("grown", [False, True], ids=["in use", "retiring"])
async def test_their_end_waits_for_no_fork(grown: bool) -> None:
    """A fork that is asked for may take half a minute."""
    warm = WarmParents(1, count=1)
    await warm.fork()
    [one] = Parent.started
    one.asked = True
    if grown:
        one.grown = True
        await warm.fork()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await warm.close()
    assert one.closed
