"""Long work lets others have their turn, and short work does not wait for them."""

from __future__ import annotations

import asyncio
import time

import pytest

from capra.kube.cache import pace


def _turns(seconds: float, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[int]]:
    """Walk through ten items that take so long each: the items, and those at which somebody else has run."""
    moments = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments) * seconds)
    seen: list[int] = []
    turns: list[int] = []

    async def other() -> None:
        while len(seen) < 10:
            turns.append(len(seen))
            await asyncio.sleep(0)

    async def walk() -> None:
        task = asyncio.ensure_future(other())
        await asyncio.sleep(0)
        async for item in pace.paced(range(10)):
            seen.append(item)
        await task

    asyncio.run(walk())
    return seen, turns


def test_others_have_a_turn_after_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, turns = _turns(pace.PIECE * 2, monkeypatch)
    assert seen == list(range(10))
    assert set(turns) >= set(range(1, 9))


def test_short_work_is_done_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, turns = _turns(pace.PIECE / 100, monkeypatch)
    assert seen == list(range(10))
    assert set(turns) == {0}
