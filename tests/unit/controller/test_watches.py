"""What the controller does with what the API server tells: nothing holds its loop up, nothing goes unheard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import kopf
import pytest

from capra.controller import operator
from capra.controller.controller import Controller
from capra.controller.dependents import dependents
from capra.controller.operator import operate
from capra.controller.serving.metrics import Metrics
from capra.engine.decisions import Bootstrap
from capra.errors import Retry
from capra.kube.client.resources import REMOTE_MACHINES, SECRETS, ObjectKey, Raw
from capra.model.machine import MachineKey
from capra.settings import ControllerSettings
from capra.testing import FakeRunner
from tests.unit.kube.pool_examples import machine

KEY = ObjectKey("RemoteMachine", "default", "m")


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


class Kopf:
    """Stands for kopf. error: what one of its tasks ends with, soon."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.ended: list[str] = []

    async def spawn_tasks(self, **_: Any) -> list[asyncio.Task[None]]:
        return [asyncio.ensure_future(work) for work in (self._watch("watches"), self._watch("others"), self._fail())]

    async def _watch(self, name: str) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            self.ended.append(name)

    async def _fail(self) -> None:
        await asyncio.sleep(0.01 if self.error else 1000)
        if self.error:
            raise self.error


def made(count: int = 0) -> Controller:
    server: Any = Server(count)
    return Controller(ControllerSettings(namespace="default"), server, FakeRunner(), Metrics())


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

    synchronization = works._synchronization
    monkeypatch.setattr(synchronization, "_changed", lambda *_: seen.append(turns))
    monkeypatch.setattr(synchronization, "_resources", (REMOTE_MACHINES,))
    synchronization._now.set()
    async with running(count()), running(synchronization.run()):
        async with asyncio.timeout(30):
            while len(seen) < 40:
                await asyncio.sleep(0)
    # Once since each is new, once more since all are looked at.
    assert len(seen) == len(set(seen)) == 40


def test_what_runs_is_ended_for_its_own_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has gone and another one has its name, when somebody is told of the first one's deletion."""
    works = made()
    interrupted: list[ObjectKey] = []
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


async def test_the_work_ends_when_etcd_was_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that goes on from a version that is still to come hears nothing: whoever starts anew knows of none."""
    works, watches = made(), Kopf()
    monkeypatch.setattr(kopf, "spawn_tasks", watches.spawn_tasks)
    working = asyncio.ensure_future(operate(works, _nobody, "default"))
    await asyncio.sleep(0.01)
    assert not working.done()
    works.cache.rewound()
    with pytest.raises(Retry, match="the API server has gone back to an older state"):
        await working
    assert sorted(watches.ended) == ["others", "watches"]


async def test_the_work_ends_when_kopf_does(monkeypatch: pytest.MonkeyPatch) -> None:
    works, watches = made(), Kopf(RuntimeError("an answer that nobody expects"))
    monkeypatch.setattr(kopf, "spawn_tasks", watches.spawn_tasks)
    with pytest.raises(Retry, match=r"the watches have ended: .*an answer that nobody expects"):
        await operate(works, _nobody, "default")
    assert sorted(watches.ended) == ["others", "watches"]


async def test_the_work_ends_when_its_queue_does(monkeypatch: pytest.MonkeyPatch) -> None:
    works, watches = made(), Kopf()

    async def defect() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(kopf, "spawn_tasks", watches.spawn_tasks)
    monkeypatch.setattr(works.queue, "run", defect)
    monkeypatch.setattr(works._synchronization, "first", lambda: asyncio.sleep(0))
    await works.begin()
    with pytest.raises(RuntimeError, match="a defect"):
        await operate(works, _nobody, "default")
    await works.end()
    assert sorted(watches.ended) == ["others", "watches"]


def test_all_that_is_looked_at_is_watched() -> None:
    """Each by one handler, in one line."""
    selectors = [handler.selector for handler in operator.registry._watching.get_all_handlers()]
    kinds = {selector.plural or selector.any_name for selector in selectors if selector is not None}
    assert kinds == {"remotemachines", "pooledremotemachines", "remoteclusters", "machines", "clusters", "secrets"}
    assert len(selectors) == len(kinds)


async def test_whoever_ends_it_again_does_not_hurry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is ended removes its private files first."""
    works, over = made(), asyncio.Event()
    told: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await over.wait()
            told.append("tidied up")

    monkeypatch.setattr(works.queue, "run", work)
    monkeypatch.setattr(works._synchronization, "first", lambda: asyncio.sleep(0))
    await works.begin()
    await asyncio.sleep(0)
    ending = []
    for _ in range(2):
        ending.append(asyncio.ensure_future(works.end()))
        await asyncio.sleep(0.01)
    over.set()
    await asyncio.wait(ending)
    assert told == ["tidied up"]


async def test_an_object_that_cannot_be_understood_holds_no_other_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process would end at it, again and again."""
    works = made()

    def fails(cache: Any, kind: str, raw: Raw) -> Any:
        if raw["metadata"]["name"] == "m-1":
            raise ValueError("no machine")
        return dependents(cache, kind, raw)

    monkeypatch.setattr("capra.controller.controller.dependents", fails)
    for number in range(3):
        works.seen(REMOTE_MACHINES, machine(f"m-{number}", f"uid-{number}"), deleted=False)
    names = {key.name for key in works.queue._due}
    assert names == {"m-0", "m-1", "m-2"}
    works.seen(SECRETS, {"metadata": {"name": "m-1", "namespace": "default", "uid": "s"}}, deleted=False)
    looked_at = {(key.kind, key.name) for key in works.queue._due}
    assert looked_at == {*(("RemoteMachine", name) for name in names), ("Secret", "m-1")}


async def test_what_is_ended_before_it_has_read_everything_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    works, over = made(), asyncio.Event()
    monkeypatch.setattr(works._synchronization, "first", over.wait)
    beginning = asyncio.ensure_future(works.begin())
    await asyncio.sleep(0)
    await works.end()
    over.set()
    await beginning
    assert works._tasks == []


async def test_a_first_reading_is_alive_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a large cluster the lists alone take more than a minute."""
    works = made()
    works.queue.turned_at -= 1000
    assert (works.alive, works.ready) == (True, False)
    monkeypatch.setattr(works._synchronization, "first", lambda: asyncio.sleep(0))
    monkeypatch.setattr(works.queue, "run", asyncio.Event().wait)
    await works.begin()
    assert (works.alive, works.ready) == (False, False)
    await works.end()
