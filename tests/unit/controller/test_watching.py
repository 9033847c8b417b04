"""What kopf's requests ask for, and what a gap between two of them shows, against a server of aiohttp's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from capra.controller import watching as module
from capra.controller.watching import SERVER_TIMEOUT, Watching
from capra.errors import Retry
from capra.kube.client.connection import Access

SECRETS, MACHINES = "/api/v1/secrets", "/apis/g/v1/namespaces/default/remotemachines"
Answer = Callable[[web.Request], Any]


class Asked:
    """A session over a server that answers as it is told. asked: path and Accept of each request. missed: gaps."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or (lambda request: web.json_response({"items": None}))
        self.asked: list[tuple[str, str]] = []
        self.missed = 0
        self.refusals: list[Retry] = []
        self.now = 0.0

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers["Accept"]))
        answered = self.answer(request)
        return await answered if asyncio.iscoroutine(answered) else answered

    def _miss(self) -> None:
        self.missed += 1

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        async with TestServer(application) as server:
            watches = Watching(self._miss, self.refusals.append, lambda: self.now)
            async with watches.session(Access(str(server.make_url("")))).aiohttp_session as session:
                session._base_url = server.make_url("/")
                yield session


async def test_of_secrets_only_the_metadata_is_asked_for() -> None:
    asked = Asked()
    async with asked.session() as session:
        for path in (SECRETS, f"{SECRETS}?watch=true", "/api/v1/namespaces/a/secrets", MACHINES):
            async with session.get(path) as response:
                assert response.status == 200
    accepted = [accept.partition(";g=")[0].rpartition("as=")[2] for _, accept in asked.asked]
    assert accepted == ["PartialObjectMetadataList", "PartialObjectMetadata", "PartialObjectMetadataList", "*/*"]


async def test_an_empty_list_of_metadata_is_a_list() -> None:
    async with Asked().session() as session, session.get(SECRETS) as response:
        assert await response.json() == {"items": []}


@pytest.mark.parametrize(
    ("lasted", "status", "gaps"), [(1, 200, 1), (SERVER_TIMEOUT, 200, 0), (1, 500, 0)], ids=["lost", "over", "refused"]
)
async def test_a_watch_that_was_lost_before_its_time_is_a_gap(lasted: float, status: int, gaps: int) -> None:
    """A list, another watch, and one that is refused are none."""
    asked = Asked()
    async with asked.session() as session:
        for path in (f"{MACHINES}?watch=true", MACHINES, f"{SECRETS}?watch=true"):
            await session.get(path)
        assert asked.missed == 0
        asked.now += lasted
        asked.answer = lambda request: web.json_response({}, status=status)
        await session.get(f"{MACHINES}?watch=true")
        assert asked.missed == gaps


@pytest.mark.parametrize("long", [False, True])
async def test_an_event_has_a_bound(monkeypatch: pytest.MonkeyPatch, long: bool) -> None:
    """Of events within it, there may be any number."""
    monkeypatch.setattr(module, "LONGEST_EVENT", 100_000)
    event = json.dumps({"object": "x" * 1_000}).encode()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(300):
            await response.write(event + (b"" if long else b"\n"))
        return response

    async with Asked(stream).session() as session, session.get(f"{MACHINES}?watch=true") as response:
        if long:
            with pytest.raises(aiohttp.ClientPayloadError, match="an event is longer than 100000 bytes"):
                await _read(response)
        else:
            assert await _read(response) == 300 * (len(event) + 1)


async def _read(response: aiohttp.ClientResponse) -> int:
    return sum([len(piece) async for piece in response.content.iter_chunked(2**20)])
