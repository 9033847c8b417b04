"""Probes in virtual time: how often, how many at once, and what becomes of one whose entry changes meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from capra.controller.reconcilers.probe import Probes
from capra.controller.serving.metrics import Metrics
from capra.engine.ports import ProgressListener
from capra.engine.told.announce import Announcement
from capra.kube.cache.cache import Cache
from capra.kube.cache.writer import Writer
from capra.kube.client.resources import ENTRIES, HOLDER, UNREACHABLE, Raw, annotations_of
from capra.kube.objects.silent import dump_silence
from capra.model.machine import HostKeyPolicy
from capra.model.run import RunRequest, RunResult
from capra.settings import ControllerSettings
from capra.testing.runner import finished, unreachable
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.kube.pool_examples import entry
from tests.unit.kube.store_world import NOW, StoreWorld

INTERVAL = 300.0


@pytest.fixture(autouse=True)
def _virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    time = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time() if running() else 0.0)
    monkeypatch.setattr("capra.controller.queue.time", time)


def running() -> bool:
    """A loop runs: a queue may be made before that."""
    with contextlib.suppress(RuntimeError):
        return bool(asyncio.get_running_loop())
    return False


class Events:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def record(self, raw: Raw, announcement: Announcement) -> None:
        self.reasons.append(announcement.reason)


class ProbingWorld(StoreWorld):
    """A store, and probes of its entries. seconds: how long one takes. dead: entries whose hosts do not answer. begun:
    the names and times of those that have begun; most: how many there were at once."""

    def __init__(
        self,
        *raws: Raw,
        interval: float = INTERVAL,
        seconds: float = 1.0,
        concurrency: int = 8,
        policy: HostKeyPolicy = HostKeyPolicy.ACCEPT_NEW,
    ) -> None:
        super().__init__(cache=Cache(probes=interval > 0))
        self.seconds, self.dead, self.begun, self.now, self.most = seconds, set[str](), list[tuple[str, float]](), 0, 0
        self.events, self.metrics = Events(), Metrics()
        given = ControllerSettings(probe_interval=interval, probe_concurrency=concurrency, host_key_policy=policy)
        server: Any = self.server
        events: Any = self.events
        self.probes = Probes(
            self.cache,
            Writer(server, self.cache),
            self.entries,
            events,
            self,
            lambda: NOW + asyncio.get_running_loop().time(),
            self.metrics,
            given,
        )
        self.cache.taken = self.probes.end
        for raw in raws:
            self.put(raw)

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """A port `Runner`."""
        assert request.probe
        self.begun.append((request.key.name, asyncio.get_running_loop().time()))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        return unreachable() if request.key.name in self.dead else finished(findings=[], facts={})

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Every entry has been looked at, and probes run."""
        for raw in list(self.cache.all(ENTRIES)):
            self.probes.plan(raw)
        task = asyncio.ensure_future(self.probes.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def status(self, name: str = "e") -> dict[str, Any]:
        return dict(self.get(ENTRIES, name)["status"])


def test_once_in_an_interval_and_not_much_more_often() -> None:
    async def work() -> None:
        world = ProbingWorld(entry("e"), entry("f"))
        async with world.at_work():
            await asyncio.sleep(10 * INTERVAL)
        for name in ("e", "f"):
            times = [when for one, when in world.begun if one == name]
            assert 10 <= len(times) <= 12
            gaps = [after - before for before, after in pairwise(times)]
            assert all(0.9 * INTERVAL - 1 <= gap <= INTERVAL + 1 for gap in gaps)
        assert world.metrics.registry.get_sample_value("capra_probes_total", {"result": "fit"}) == len(world.begun)
        assert world.events.reasons == []

    run_in_virtual_time(work())


def test_a_host_whose_key_nobody_knows_is_not_contacted_where_keys_are_to_be_pinned() -> None:
    async def work() -> None:
        world = ProbingWorld(entry("e"), policy=HostKeyPolicy.STRICT)
        async with world.at_work():
            await asyncio.sleep(20)
        reachable = next(one for one in world.status()["conditions"] if one["type"] == "Reachable")
        assert (reachable["status"], reachable["reason"]) == ("False", "HostKeyNotPinned")
        assert world.begun == []

    run_in_virtual_time(work())


def test_so_many_at_once() -> None:
    async def work() -> None:
        world = ProbingWorld(*(entry(f"e-{number}") for number in range(30)), concurrency=4)
        async with world.at_work():
            await asyncio.sleep(20)
        assert (world.most, len(world.begun)) == (4, 30)

    run_in_virtual_time(work())


def test_without_an_interval_none() -> None:
    async def work() -> None:
        world = ProbingWorld(entry("e"), interval=0.0)
        async with world.at_work():
            await asyncio.sleep(3 * INTERVAL)
        assert world.begun == []

    run_in_virtual_time(work())


def test_what_somebody_has_or_is_left_alone_is_not_probed() -> None:
    async def work() -> None:
        managed = entry("managed", annotations={"cluster.x-k8s.io/managed-by": "others"})
        paused = entry("paused", annotations={"cluster.x-k8s.io/paused": ""})
        world = ProbingWorld(entry("held", holder="m/uid-m/uid-held"), managed, paused)
        async with world.at_work():
            await asyncio.sleep(3 * INTERVAL)
        assert world.begun == []

    run_in_virtual_time(work())


def test_a_probe_ends_when_its_entry_is_promised_and_tells_nothing() -> None:
    async def work() -> None:
        world = ProbingWorld(entry("e"), seconds=100.0)
        async with world.at_work():
            await asyncio.sleep(1)
            assert world.now == 1
            with world.cache.promised(world.get(ENTRIES, "e")):
                await asyncio.sleep(1)
                assert world.now == 0
            # Nothing came of it: it is probed in the next interval.
            await asyncio.sleep(INTERVAL + 200)
            assert len(world.begun) == 2
            assert world.status()["lastProbeTime"]
            # By the watch, as when another process has taken it.
            world.seconds = 1000.0
            await asyncio.sleep(INTERVAL)
            assert world.now == 1
            raw = world.get(ENTRIES, "e")
            metadata = {**raw["metadata"], "annotations": {HOLDER: "m/uid-m/uid-e"}}
            world.put({**raw, "metadata": metadata})
            await asyncio.sleep(1)
            assert world.now == 0

    run_in_virtual_time(work())


def test_what_was_found_of_another_host_is_not_told() -> None:
    async def work() -> None:
        world = ProbingWorld(entry("e", metadata={"generation": 1}), seconds=10.0)
        world.dead.add("e")
        async with world.at_work():
            await asyncio.sleep(5)
            raw = world.get(ENTRIES, "e")
            world.put({**raw, "metadata": {**raw["metadata"], "generation": 2}})
            world.seconds = 1.0
            await asyncio.sleep(6)
            assert world.status() == {}
            await asyncio.sleep(4)
            assert [one["observedGeneration"] for one in world.status()["conditions"]] == [2, 2]

    run_in_virtual_time(work())


def test_others_write_meanwhile() -> None:
    async def work() -> None:
        world = ProbingWorld(entry("e"), seconds=1.0)
        async with world.at_work():
            await asyncio.sleep(0.5)
            # Not heard of yet: the first write is refused.
            raw = world.get(ENTRIES, "e")
            world.server.put({**raw, "metadata": {**raw["metadata"], "labels": {"rack": "1"}}})
            await asyncio.sleep(2)
        assert world.status()["lastProbeTime"]
        assert world.get(ENTRIES, "e")["metadata"]["labels"] == {"rack": "1"}

    run_in_virtual_time(work())


def test_what_changes_is_announced_once_and_a_host_that_answers_loses_its_mark() -> None:
    async def work() -> None:
        silent = entry("e")
        silent["metadata"]["annotations"][UNREACHABLE] = dump_silence(silent, NOW, "no route")
        world = ProbingWorld(silent)
        world.dead.add("e")
        async with world.at_work():
            await asyncio.sleep(3 * INTERVAL)
            assert world.events.reasons == ["HostUnreachable"]
            assert UNREACHABLE in annotations_of(world.get(ENTRIES, "e"))
            assert world.status()["state"] == "Unavailable"
            world.dead.clear()
            await asyncio.sleep(INTERVAL + 2)
            assert world.events.reasons == ["HostUnreachable", "HostFit"]
            assert UNREACHABLE not in annotations_of(world.get(ENTRIES, "e"))
            assert world.status()["state"] == "Available"
            assert "message" not in world.status()

    run_in_virtual_time(work())
