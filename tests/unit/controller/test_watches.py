"""What the controller does with what the API server tells: nothing holds its loop up, nothing goes unheard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from capra.controller import controller, handlers
from capra.controller.controller import Controller
from capra.controller.serving.metrics import Metrics
from capra.engine.decide import Bootstrap
from capra.kube.client.resources import REMOTE_MACHINES, Key, Raw
from capra.model.machine import MachineKey
from capra.settings import ControllerSettings
from capra.testing import FakeRunner
from tests.unit.kube.pool_examples import machine

KEY = Key("RemoteMachine", "default", "m")


class Server:
    """Answers lists of RemoteMachines, each time with another version of each; nothing else exists."""

    def __init__(self, count: int) -> None:
        self.count, self.lists = count, 0

    async def list(self, resource: Any, *_: Any, **__: Any) -> Raw:
        self.lists += 1
        names = [f"m-{number}" for number in range(self.count)] if resource == REMOTE_MACHINES else []
        items = [machine(name, f"uid-{name}") for name in names]
        for raw in items:
            raw["metadata"]["resourceVersion"] = str(self.lists)
        return {"metadata": {"resourceVersion": str(self.lists)}, "items": items}


async def _nobody() -> Any:
    raise AssertionError("nobody is asked")


def made(count: int = 0) -> Controller:
    server: Any = Server(count)
    return Controller(ControllerSettings(namespace="default"), server, _nobody, FakeRunner(), Metrics())


@contextlib.asynccontextmanager
async def running(work: Any) -> AsyncIterator[asyncio.Task[Any]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_others_have_a_turn_after_each_object_of_a_whole_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each object is compared with all the others of its namespace: hundreds in one turn would stop everything else."""
    works, turns, seen = made(count=20), 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(works, "_changed", lambda *_: seen.append(turns))
    works._sync_now.set()
    async with running(count()), running(works._resync((REMOTE_MACHINES,))):
        async with asyncio.timeout(30):
            while len(seen) < 40:
                await asyncio.sleep(0)
    # Once since each is new, once more since all are looked at.
    assert len(seen) == len(set(seen)) == 40


def test_what_runs_is_ended_for_its_own_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has gone and another one has its name, when somebody is told of the first one's deletion."""
    works = made()
    interrupted: list[Key] = []
    works._machines._runs[MachineKey("default", "m")] = Bootstrap()
    monkeypatch.setattr(works.queue, "interrupt", interrupted.append)
    deleting, following = machine(), machine(uid="uid-new")
    deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    works.cache.put("RemoteMachine", following)
    works._changed(REMOTE_MACHINES, deleting)
    assert interrupted == []
    works.cache.remove("RemoteMachine", following)
    works.cache.put("RemoteMachine", deleting)
    works._changed(REMOTE_MACHINES, deleting)
    assert interrupted == [KEY]


async def test_every_watch_begins_anew_when_etcd_was_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes on from a version that is still to come hears nothing, that of Secrets as little as kopf's."""
    works, began, ended = made(), [], []

    def watching(what: str) -> Any:
        async def watch(*_: Any) -> None:
            began.append(what)
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append(what)

        return watch

    monkeypatch.setattr(handlers, "watch", watching("kopf"))
    monkeypatch.setattr(controller, "watch_secrets", watching("Secrets"))
    async with running(works._watch((REMOTE_MACHINES,))):
        await asyncio.sleep(0.01)
        assert sorted(began) == ["Secrets", "kopf"]
        works.cache.rewound()
        await asyncio.sleep(0.01)
        assert sorted(ended) == ["Secrets", "kopf"]
        assert sorted(began[2:]) == ["Secrets", "kopf"]
    assert len(ended) == 4


async def test_a_watch_that_ends_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    works, ended = made(), asyncio.Event()

    async def defect(*_: Any) -> None:
        raise RuntimeError("a defect")

    async def others(*_: Any) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.set()

    monkeypatch.setattr(handlers, "watch", others)
    monkeypatch.setattr(controller, "watch_secrets", defect)
    with pytest.raises(RuntimeError, match="a defect"):
        await works._watch((REMOTE_MACHINES,))
    assert ended.is_set()
