"""kopf itself, against a server of aiohttp's that stands for an API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from capra.controller.operator import only_watch, operate
from capra.controller.watching import SERVER_TIMEOUT
from capra.errors import Retry
from capra.kube.client.connection import Access
from capra.kube.client.resources import CORE_GROUP, Resource
from capra.model.machine import GROUP

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
    """Every list is empty. watches: those that are open. refused: paths whose watches are answered with 400."""

    def __init__(self) -> None:
        self.watches: dict[str, web.StreamResponse] = {}
        self.refused: set[str] = set()
        self.sent = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        if request.query.get("watch"):
            return await self._watch(request, plural)
        if request.path == "/api":
            return web.json_response({"versions": ["v1"]})
        if request.path == "/apis":
            return web.json_response({"groups": [_group(group, version) for group, version in RESOURCES if group]})
        for (group, version), found in RESOURCES.items():
            if request.path == (f"/apis/{group}/{version}" if group else "/api/v1"):
                return web.json_response({"resources": [_resource(*one) for one in found.items()]})
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        if plural in self.refused:
            return web.json_response({"kind": "Status", "code": 400}, status=400)
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
        await self.watches[plural].write(json.dumps({"type": kind, "object": {"metadata": metadata}}).encode() + b"\n")


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
        self._broken = asyncio.Event()

    async def begin(self) -> None:
        self.told.append("begin")

    async def end(self) -> None:
        self.told.append("end")

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
async def at_work() -> AsyncIterator[tuple[Server, Work, asyncio.Task[None]]]:
    """Everything is watched; all that was begun has ended afterwards."""
    server, work = Server(), Work()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    before = asyncio.all_tasks()
    async with TestServer(application) as served:

        async def access() -> Access:
            return Access(str(served.make_url("")).rstrip("/"))

        stands_for: Any = work
        working = asyncio.ensure_future(operate(stands_for, access, ""))
        async with asyncio.timeout(20):
            while len(server.watches) < KINDS and not working.done():
                await asyncio.sleep(0.01)
            yield server, work, working
            working.cancel()
            await asyncio.wait([working])
    await asyncio.sleep(0.1)
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert not left, left


async def test_every_event_is_told() -> None:
    async with at_work() as (server, work, _):
        await server.tell("remotemachines", "ADDED", "m")
        await server.tell("secrets", "MODIFIED", "s")
        await server.tell("machines", "DELETED", "n")
        async with asyncio.timeout(10):
            while len(work.told) < 4:
                await asyncio.sleep(0.01)
        assert work.told[0] == "begin"
        assert set(work.told[1:]) == {"+ RemoteMachine m", "+ Secret s", "- Machine n"}
    assert work.told[-1] == "end"


async def test_an_answer_that_is_not_expected_ends_it() -> None:
    """No watch goes on without the others: nobody would notice what the one would have told."""
    async with at_work() as (server, work, working):
        server.refused.add("clusters")
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
        server.cut("machines")
        async with asyncio.timeout(10):
            while not work.gaps or len(server.watches) < KINDS:
                await asyncio.sleep(0.01)
        assert work.gaps == 1
