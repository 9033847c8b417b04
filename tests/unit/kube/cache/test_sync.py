"""Whole lists: what they change, and when they are read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from capra.kube.cache.cache import Cache
from capra.kube.cache.sync import Synchronization, refresh
from capra.kube.client.errors import DeniedError
from capra.kube.client.resources import REMOTE_MACHINES, SECRETS, Raw
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.kube.cache.test_cache import known, seen, versions


class Server:
    """Answers lists in turn."""

    def __init__(self, *answers: Raw) -> None:
        self.answers = list(answers)
        self.lists = 0

    async def list(self, *_: Any, **__: Any) -> Raw:
        self.lists += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def answer(version: int, *items: Raw) -> Raw:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items) or None}


async def test_others_have_a_turn_after_each_object_that_is_told() -> None:
    turns, told = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    server: Any = Server(answer(50, *(seen(number + 1, f"m-{number}") for number in range(20))))
    await refresh(server, Cache(), REMOTE_MACHINES, "", lambda *_: told.append(turns))
    counting.cancel()
    await asyncio.wait([counting])
    assert len(told) == len(set(told)) == 20


async def test_refresh() -> None:
    cache, told = known(seen(50), seen(60, "gone")), []
    server: Any = Server(answer(9, seen(8)))
    version = await refresh(server, cache, REMOTE_MACHINES, "", lambda _, raw: told.append(raw["metadata"]["name"]))
    assert version == "9"
    assert versions(cache) == {"m": 8}
    assert sorted(told) == ["gone", "m"]


class Dated(Server):
    """Notes when Secrets are listed, which come first."""

    def __init__(self, *answers: Raw, refused: bool = False) -> None:
        super().__init__(*answers)
        self.refused = refused
        self.times: list[float] = []

    async def list(self, resource: Any, *_: Any, **__: Any) -> Raw:
        if resource == SECRETS:
            self.times.append(asyncio.get_running_loop().time())
        if self.refused:
            raise DeniedError("no")
        return await super().list()

    async def preferred_version(self, group: str) -> str:
        return "v1beta2"


def synchronization(server: Any, period: float = 10_000.0, cache: Cache | None = None) -> Synchronization:
    return Synchronization(server, cache or Cache(), (), namespace="", period=period, changed=lambda *_: None)


def read(server: Dated, seconds: float, gaps: float, period: float = 10_000.0) -> list[float]:
    """When everything is read within so many seconds. gaps: seconds from one gap between watches to the next."""

    async def test() -> list[float]:
        made = synchronization(server, period)
        running = asyncio.ensure_future(made.run())
        loop = asyncio.get_running_loop()
        while loop.time() < seconds:
            made.missed()
            await asyncio.sleep(gaps)
        running.cancel()
        await asyncio.wait([running])
        return server.times

    return run_in_virtual_time(test())


def test_watches_that_are_lost_again_and_again_are_followed_ever_more_rarely() -> None:
    """Each time everything is read."""
    times = [round(at) for at in read(Dated(answer(50)), 600, 0.1)]
    assert times[:6] == [2, 6, 14, 30, 62, 122]
    assert len(times) == 13


def test_a_watch_that_has_lasted_is_followed_soon() -> None:
    times = read(Dated(answer(50)), 1000, 100)
    assert times == [2 + 100 * number for number in range(10)]


def test_several_watches_that_are_lost_at_once_are_one_gap() -> None:
    async def test() -> int:
        server = Dated(answer(50))
        made = synchronization(server)
        running = asyncio.ensure_future(made.run())
        for _ in range(6):
            made.missed()
        await asyncio.sleep(100)
        running.cancel()
        await asyncio.wait([running])
        return len(server.times)

    assert run_in_virtual_time(test()) == 1


def test_what_cannot_be_read_is_read_again() -> None:
    assert read(Dated(answer(50), refused=True), 20, 1000)[:4] == [2, 7, 12, 17]


def test_everything_is_read_from_time_to_time() -> None:
    times = read(Dated(answer(50)), 100, 1000, period=30.0)
    assert times[:3] == [2, 32, 62]


async def test_a_gap_shows_that_etcd_was_restored() -> None:
    """The next API server may go on from another state: its list tells."""
    cache = Cache()
    server = Dated(answer(50, seen(50)), answer(9, seen(8, "old")))
    rewound: list[str] = []
    cache.rewound = lambda: rewound.append("rewound")
    made = synchronization(server, cache=cache)
    await refresh(server, cache, SECRETS, "", lambda *_: None)  # type: ignore[arg-type]  # stands for the real one
    made._now.set()
    running = asyncio.ensure_future(made.run())
    async with asyncio.timeout(10):
        while [raw["metadata"]["name"] for raw in cache.all(SECRETS.kind)] != ["old"]:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert rewound == ["rewound"]


async def test_one_kind_that_cannot_be_read_does_not_keep_what_is_gone_of_another() -> None:
    """Secrets come first, and their list may be refused, or too long."""

    class Refusing(Server):
        async def list(self, resource: Any = None, *_: Any, **__: Any) -> Raw:
            if resource == SECRETS:
                raise DeniedError("no")
            return await super().list()

    cache = Cache()
    server: Any = Refusing(answer(50))
    cache.put(REMOTE_MACHINES.kind, seen(40, "gone"))
    made = Synchronization(server, cache, (REMOTE_MACHINES,), namespace="", period=9.0, changed=lambda *_: None)
    made._now.set()
    running = asyncio.ensure_future(made.run())
    async with asyncio.timeout(10):
        while list(cache.all(REMOTE_MACHINES.kind)):
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


async def test_the_first_reading_waits_for_the_crds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capra.kube.cache.sync.FAILURE_PAUSE", 0.01)
    server: Any = Dated(answer(50), refused=True)
    made = Synchronization(
        *(server, Cache(), (REMOTE_MACHINES,)),
        namespace="",
        period=10_000.0,
        changed=lambda *_: None,
    )
    reading = asyncio.ensure_future(made.first())
    async with asyncio.timeout(10):
        while len(server.times) < 3:
            await asyncio.sleep(0)
        assert not reading.done()
        server.refused = False
        await reading
    assert [one.plural for one in made._resources] == ["remotemachines", "machines", "clusters"]
