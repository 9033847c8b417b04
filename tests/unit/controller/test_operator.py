"""kopf itself, against a server of aiohttp's that stands for an API server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from capra.controller import logins, operator, watching
from capra.controller.operator import only_watch, operate
from capra.controller.series import SERVER_TIMEOUT
from capra.errors import Retry
from capra.kube.client.connection import ClientConfig
from capra.kube.client.resources import CORE_GROUP, Resource
from capra.model.machine import GROUP
from capra.model.retry import RetryPolicy

RESOURCES = {
    ("", "v1"): {"secrets": "Secret", "namespaces": "Namespace", "events": "Event"},
    (GROUP, "v1beta2"): {
        "remotemachines": "RemoteMachine",
        "pooledremotemachines": "PooledRemoteMachine",
        "remoteclusters": "RemoteCluster",
    },
    (CORE_GROUP, "v1beta2"): {"machines": "Machine", "clusters": "Cluster"},
}
KINDS = 6


class Server:
    """Every list is empty. watches: those that are open. refused: plurals whose watches are answered so. unknown: a
    plural that is not listed among the resources. tokens: those that are let in; all when empty."""

    def __init__(self) -> None:
        self.unknown = ""
        self.tokens: set[str] = set()
        self.logins: list[str] = []
        self.watches: dict[str, web.StreamResponse] = {}
        self.refused: dict[str, int] = {}
        self.sent = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens and token not in self.tokens:
            self.logins.append(token)
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        if request.query.get("watch"):
            return await self._watch(request, plural)
        if request.path == "/api":
            return web.json_response({"versions": ["v1"]})
        if request.path == "/apis":
            return web.json_response({"groups": [_group(group, version) for group, version in RESOURCES if group]})
        for (group, version), found in RESOURCES.items():
            if request.path == (f"/apis/{group}/{version}" if group else "/api/v1"):
                return web.json_response(
                    {"resources": [_resource(*one) for one in found.items() if one[0] != self.unknown]}
                )
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        if plural in self.refused:
            status = self.refused[plural]
            return web.json_response({"kind": "Status", "code": status}, status=status)
        response = self.watches[plural] = web.StreamResponse()
        await response.prepare(request)
        try:
            await asyncio.sleep(1000)
        finally:
            del self.watches[plural]
        return response

    def cut(self, plural: str) -> None:
        """The connection of a watch is lost."""
        request = self.watches[plural]._req
        assert request is not None
        assert request.transport is not None
        request.transport.abort()

    async def tell(self, plural: str, kind: str, name: str) -> None:
        """An event of a watch."""
        self.sent += 1
        metadata = {"name": name, "namespace": "default", "uid": name, "resourceVersion": str(self.sent + 1)}
        await self.say(plural, {"type": kind, "object": {"metadata": metadata}})

    async def say(self, plural: str, event: dict[str, Any]) -> None:
        await self.watches[plural].write(json.dumps(event).encode() + b"\n")


def _group(group: str, version: str) -> dict[str, Any]:
    known = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [known], "preferredVersion": known}


def _resource(plural: str, kind: str) -> dict[str, Any]:
    verbs = ["list", "watch", "get", "patch"]
    return {"name": plural, "kind": kind, "singularName": kind.lower(), "namespaced": True, "verbs": verbs}


class Work:
    """Stands for the controller."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.gaps = 0
        self.complete = False
        self.may_begin = asyncio.Event()
        self.may_begin.set()
        self._broken = asyncio.Event()

    async def begin(self) -> None:
        await self.may_begin.wait()
        self.told.append("begin")

    async def end(self) -> None:
        if "end" not in self.told:
            self.told.append("end")

    def watched(self) -> None:
        self.complete = True

    def seen(self, resource: Resource, raw: Any, *, deleted: bool) -> None:
        self.told.append(f"{'-' if deleted else '+'} {resource.kind} {raw['metadata']['name']}")

    def missed(self) -> None:
        self.gaps += 1

    async def broken(self) -> BaseException:
        await self._broken.wait()
        return self._error

    def give_up(self, error: BaseException) -> None:
        self._error = error
        self._broken.set()


@asynccontextmanager
async def at_work(
    server: Server | None = None, token: str = "", abandons: bool = False
) -> AsyncIterator[tuple[Server, Work, asyncio.Task[None]]]:
    """Everything is watched that the server has; all that was begun has ended afterwards. abandons: kopf ends by
    itself, and leaves tasks behind, which end with the process."""
    server, work = server or Server(), Work()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    before = asyncio.all_tasks()
    async with TestServer(application) as served:

        async def access() -> ClientConfig:
            return ClientConfig(str(served.make_url("")).rstrip("/"), token=token)

        stands_for: Any = work
        working = asyncio.ensure_future(operate(stands_for, access, ""))
        async with asyncio.timeout(20):
            while len(server.watches) < KINDS - bool(server.unknown) and not working.done() and not server.logins:
                await asyncio.sleep(0.01)
            try:
                yield server, work, working
            finally:
                working.cancel()
                await asyncio.wait([working])
            left = {task for task in asyncio.all_tasks() - before if _is_left_alone(task)}
            assert bool(left) == abandons, left
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
    await asyncio.sleep(0.1)
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert not left, left


def _is_left_alone(task: asyncio.Task[Any]) -> bool:
    """A watch, or a look at what the API server has: what these have begun ends with them."""
    return task.get_name().startswith("watcher for ") or "scanning.py" in repr(task)


async def test_every_event_is_told() -> None:
    async with at_work() as (server, work, _):
        await server.tell("remotemachines", "ADDED", "m")
        await server.tell("secrets", "MODIFIED", "s")
        await server.tell("machines", "DELETED", "n")
        await _soon(lambda: len(work.told) >= 4)
        assert work.told[0] == "begin"
        assert set(work.told[1:]) == {"+ RemoteMachine m", "+ Secret s", "- Machine n"}
    assert work.told[-1] == "end"


async def test_an_answer_that_is_not_expected_ends_it() -> None:
    """No watch goes on without the others: nobody would notice what the one would have told."""
    async with at_work() as (server, work, working):
        server.refused["clusters"] = 400
        server.cut("clusters")
        with pytest.raises(Retry, match=r"the watch \S+/clusters is answered with 400 Bad Request"):
            await working
        assert work.told == ["begin", "end"]


async def test_what_breaks_ends_it() -> None:
    async with at_work() as (_, work, working):
        work.give_up(Retry("broken"))
        with pytest.raises(Retry, match="broken"):
            await working
        assert work.told == ["begin", "end"]


def test_a_watch_that_hears_nothing_lasts_as_long_as_the_api_server_lets_it() -> None:
    """Begun anew before that, it would be a gap."""
    settings = kopf.OperatorSettings()
    only_watch(settings)
    assert settings.watching.inactivity_timeout > SERVER_TIMEOUT
    assert settings.watching.client_timeout is not None
    assert settings.watching.client_timeout > SERVER_TIMEOUT


async def test_a_watch_that_is_cut_is_a_gap() -> None:
    async with at_work() as (server, work, _):
        await _soon(lambda: work.complete)
        assert work.gaps == KINDS  # the first watches: what was deleted before each of them is told by nobody
        server.cut("machines")
        await _soon(lambda: work.gaps > KINDS)
        assert work.gaps == KINDS + 1


async def _soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_kind_that_is_not_found_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """kopf looks once, and would go on without it."""
    monkeypatch.setattr(watching, "SILENCE_SECONDS", 1.0)
    server = Server()
    server.unknown = "remoteclusters"
    async with at_work(server) as (_, work, working):
        assert not work.complete
        with pytest.raises(Retry, match="not watched: remoteclusters; the API server did not list them"):
            await working
        assert work.told == ["begin", "end"]


async def test_a_watch_that_is_refused_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(operator, "WATCH", RetryPolicy(0.2, 0.2))
    server = Server()
    server.refused["remoteclusters"] = 403

    async def allow() -> None:
        await asyncio.sleep(2.5)
        assert len(server.watches) == KINDS - 1
        server.refused.clear()

    allowing = asyncio.ensure_future(allow())
    async with at_work(server) as (_, work, _):
        await allowing
        await _soon(lambda: work.complete)


async def test_an_error_among_the_events_ends_it() -> None:
    async with at_work(abandons=True) as (server, work, working):
        await server.say("machines", {"type": "ERROR", "object": {"kind": "Status", "code": 500}})
        with pytest.raises(Retry, match=r"the watches have ended: .*Error in the watch-stream"):
            await working
        assert work.told == ["begin", "end"]


async def test_credentials_that_are_refused_are_not_tried_without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "LOGIN", RetryPolicy(1.0, 1.0))
    monkeypatch.setattr(watching, "SILENCE_SECONDS", 0.4)  # a login that waits is no silence
    monkeypatch.setattr(logins, "ATTEMPTS", 3)
    server = Server()
    server.tokens = {"new"}
    async with at_work(server, "old", abandons=True) as (_, work, working):
        with pytest.raises(Retry, match=r"http\S+ refuses the credentials \(401 Unauthorized\)"):
            await working
        assert work.told == ["begin", "end"]
    assert 3 <= len(server.logins) <= 6  # two of kopf's tasks ask at once


async def test_the_work_ends_although_the_watches_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decided meanwhile, and whoever has started it is told that it has not ended."""
    monkeypatch.setattr(operator, "END_SECONDS", 0.2)
    over = asyncio.Event()

    async def stubborn() -> None:
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    async def spawn(**_: Any) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(stubborn())]

    async def access() -> ClientConfig:
        raise AssertionError("nobody asks")

    monkeypatch.setattr(kopf, "spawn_tasks", spawn)
    work: Any = Work()
    working = asyncio.ensure_future(operate(work, access, ""))
    await asyncio.sleep(0.1)
    assert work.told == []
    working.cancel()
    await asyncio.wait([working])
    over.set()
    await asyncio.sleep(0)
    assert work.told == ["end"]
    with pytest.raises(Retry, match=r"the work has not ended in 0\.2 s"):
        await working


@pytest.mark.parametrize("turns", range(4))
async def test_what_is_cancelled_while_it_begins_leaves_nothing_behind(turns: int) -> None:
    async def access() -> ClientConfig:
        raise AssertionError("nobody asks")

    before = asyncio.all_tasks()
    work: Any = Work()
    work.may_begin.clear()
    working = asyncio.ensure_future(operate(work, access, ""))
    for _ in range(turns):
        await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait([working])
    await asyncio.sleep(0.1)
    assert not asyncio.all_tasks() - before
    assert work.told[-1:] == (["end"] if turns else [])
