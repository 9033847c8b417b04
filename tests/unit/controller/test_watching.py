"""What kopf's requests ask for, and what a gap between two of them shows, against a server of aiohttp's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestServer

from capra.controller import watching as module
from capra.controller.series import SERVER_TIMEOUT, SHORT_SECONDS, SLACK, Series
from capra.controller.watching import KEEP_ALIVE, LONGEST_WAIT, Watching
from capra.errors import Retry
from capra.kube.client.connection import ClientConfig
from tests.controlplane.pki import self_signed

SECRETS, MACHINES = "/api/v1/secrets", "/apis/g/v1/namespaces/default/remotemachines"
WATCH = f"{MACHINES}?watch=true"
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
            watches = Watching((), self._miss, self.refusals.append, lambda: self.now)
            async with watches.session(ClientConfig(str(server.make_url("")))).aiohttp_session as session:
                session._base_url = server.make_url("/")
                yield session

    async def watch(self, session: aiohttp.ClientSession, lasts: float, *, path: str = MACHINES) -> None:
        """One watch, to its end, after so many seconds."""
        async with session.get(f"{path}?watch=true") as response:
            self.now += lasts
            with contextlib.suppress(aiohttp.ClientPayloadError):
                await _read(response)


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


async def _cut(request: web.Request) -> web.StreamResponse:
    """The connection of the watch is lost."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"{}\n")
    assert request.transport is not None
    request.transport.abort()
    return response


async def _silent(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _refused(status: int) -> Answer:
    return lambda request: web.json_response({}, status=status)


WHOLE, SOON = float(SERVER_TIMEOUT), SLACK / 2


@pytest.mark.parametrize(
    ("lasts", "end", "between", "later", "gap"),
    [
        (WHOLE, None, None, SOON, False),
        (WHOLE / 2 + 10, None, None, SOON, True),
        (WHOLE, None, None, 2 * SLACK, True),
        (WHOLE, _cut, None, SOON, True),
        (WHOLE, None, _refused(500), SOON, True),
        (WHOLE, None, _refused(401), SOON, True),
        (WHOLE, None, _silent, SOON, True),
    ],
    ids=["whole", "early", "late", "cut", "failed", "no login", "refused"],
)
async def test_only_a_watch_that_ended_in_its_time_and_went_on_at_once_leaves_no_gap(
    lasts: float, end: Answer | None, between: Answer | None, later: float, gap: bool
) -> None:
    asked = Asked()
    stream = asked.answer
    async with asked.session() as session:
        asked.answer = end or stream
        await asked.watch(session, lasts)
        asked.missed = 0
        if between is not None:
            asked.answer = between
            with contextlib.suppress(aiohttp.ClientError):
                await asked.watch(session, 0)
        asked.answer = stream
        asked.now += later
        await asked.watch(session, lasts)
        assert asked.missed == gap


async def test_the_first_watch_of_a_path_is_a_gap() -> None:
    """What was deleted between Capra's list and kopf's is told by nobody."""
    asked = Asked()
    async with asked.session() as session:
        await session.get(MACHINES)
        assert asked.missed == 0
        await asked.watch(session, WHOLE)
        assert asked.missed == 1
        await asked.watch(session, WHOLE, path=SECRETS)
        assert asked.missed == 2


async def test_an_answer_that_is_not_retried_ends_the_work() -> None:
    asked = Asked(_refused(400))
    async with asked.session() as session:
        waiting = asyncio.ensure_future(asked.watch(session, 0))
        async with asyncio.timeout(10):
            while not asked.refusals:
                await asyncio.sleep(0.01)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert [str(refusal) for refusal in asked.refusals] == [f"the watch {MACHINES} is answered with 400 Bad Request"]


async def test_watches_that_end_at_once_are_begun_anew_after_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the list takes that kopf reads between them."""
    asked = Asked()
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        asked.now += seconds
        await sleep(0)

    async with asked.session() as session:
        monkeypatch.setattr(asyncio, "sleep", pause)
        for _ in range(8):
            await asked.watch(session, 0)
            asked.now += 5
        assert pauses == [0, 0.5, 1, 2, 4, 8, 16, 16]
        await asked.watch(session, SHORT_SECONDS)
        await asked.watch(session, 0)
        assert pauses[-1] == 0


async def test_a_watch_that_is_broken_off_by_whoever_reads_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at an ERROR among its events: what is older than the API server keeps."""

    async def stays(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{}\n")
        await over.wait()
        return response

    over = asyncio.Event()
    monkeypatch.setattr(Series, "over", lambda series: over.set())
    async with Asked(stays).session() as session, session.get(WATCH) as response:
        async for piece in response.content.iter_chunked(2**20):
            assert piece
            break
        async with asyncio.timeout(5):
            await over.wait()


@pytest.mark.parametrize(
    ("status", "path"), [(0, MACHINES), (0, WATCH), (200, MACHINES), (503, MACHINES), (503, WATCH), (403, WATCH)]
)
async def test_failures_are_such_that_kopf_asks_again_after_a_while(status: int, path: str) -> None:
    """At other errors of aiohttp's it ends, or begins anew without a pause. status: of an answer that is cut."""
    answer = partial(_short, status=status) if status else _silent
    async with Asked(answer).session() as session:
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await session.get(path)
        assert type(caught.value) is aiohttp.ClientConnectionError


async def _short(request: web.Request, status: int) -> web.StreamResponse:
    """The connection is lost in the middle of the body."""
    response = web.StreamResponse(status=status, headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


async def test_a_list_whose_pages_are_forgotten_is_begun_anew() -> None:
    """Not the page that was refused: its token will never be known again."""
    async with Asked(_refused(410)).session() as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            await session.get(f"{MACHINES}?limit=250&continue=token")
        assert (await session.get(MACHINES)).status == 410


@pytest.mark.parametrize(
    ("given", "waited"), [("7", 7.0), ("100000", LONGEST_WAIT), ("", 0.0), ("-1", 0.0), ("soon", 0.0)]
)
async def test_an_api_server_that_has_too_much_to_do_is_waited_for(
    given: str, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async with Asked(lambda request: web.Response(status=429, headers={"Retry-After": given})).session() as session:
        monkeypatch.setattr(asyncio, "sleep", pause)
        with pytest.raises(aiohttp.ClientConnectionError, match="429"):
            await session.get(MACHINES)
    assert pauses[0] == waited


async def _gateway_timeout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy whose API server is away."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection ends while TLS begins."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("proxy", [_gateway_timeout, _closes])
async def test_behind_a_proxy_an_api_server_that_is_away_is_waited_for(proxy: Any) -> None:
    """And the password of the proxy is not told."""
    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = ClientConfig("https://api.example.org:6443", proxy=f"http://user:s3kret-word@127.0.0.1:{port}")
    async with server, Watching((), lambda: None, lambda error: None).session(config).aiohttp_session as session:
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await session.get("https://api.example.org:6443/api")
    assert type(caught.value) is aiohttp.ClientConnectionError
    assert "s3kret" not in repr(caught.value) + str(caught.value.__cause__)
    assert caught.value.__suppress_context__


def _made(now: list[float]) -> Watching:
    return Watching(("a", "b"), lambda: None, lambda error: None, lambda: now[0])


@pytest.mark.parametrize("busy", ["a", ""], ids=["its own", "for all"])
async def test_what_is_under_way_is_not_missing(busy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow: a list that is not answered, a login that waits."""
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.04)
    now = [0.0]
    watching = _made(now)
    watching._unwatched = frozenset({"a"})
    with watching.busy(busy):
        waiting = asyncio.ensure_future(watching.complete())
        await asyncio.sleep(0.02)
        now[0] = 1000.0
        await asyncio.sleep(0.1)
        assert not waiting.done()
    await asyncio.sleep(0.05)
    assert not waiting.done()
    now[0] += 1.0
    with pytest.raises(Retry, match="not watched: a;"):
        await waiting


async def test_what_others_ask_for_does_not_hide_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.04)
    now = [0.0]
    watching = _made(now)

    async def others() -> None:
        while True:
            with watching.busy("b"):
                now[0] += 0.01
                await asyncio.sleep(0)

    asking = asyncio.ensure_future(others())
    with pytest.raises(Retry, match="not watched: a;"):
        await asyncio.wait_for(watching.complete(), 10)
    asking.cancel()


async def test_a_connection_is_kept_alive() -> None:
    """A watch only listens: nothing else would tell that the other end is gone."""

    async def stays(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await over.wait()
        return response

    over = asyncio.Event()
    async with Asked(stays).session() as session, session.get(WATCH) as response:
        assert response.connection is not None
        assert response.connection.transport is not None
        made = response.connection.transport.get_extra_info("socket")
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert {option: made.getsockopt(socket.IPPROTO_TCP, option) for option in KEEP_ALIVE} == KEEP_ALIVE
        over.set()


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

    async with Asked(stream).session() as session, session.get(WATCH) as response:
        if long:
            with pytest.raises(aiohttp.ClientPayloadError, match="an event is longer than 100000 bytes"):
                await _read(response)
        else:
            assert await _read(response) == 300 * (len(event) + 1)


async def _read(response: aiohttp.ClientResponse) -> int:
    return sum([len(piece) async for piece in response.content.iter_chunked(2**20)])


async def test_the_way_leads_through_the_proxy() -> None:
    asked: list[str] = []

    async def pass_on(request: web.BaseRequest) -> web.Response:
        asked.append(str(request.url))
        return web.json_response({})

    async with RawTestServer(pass_on) as server:
        access = ClientConfig("http://api.example.org:8001", proxy=str(server.make_url("")))
        made = Watching((), lambda: None, lambda error: None).session(access)
        async with made.aiohttp_session as session, session.get(f"{made.server}/api") as response:
            assert response.status == 200
    assert asked == ["http://api.example.org:8001/api"]


@pytest.mark.parametrize("name", ["kubernetes", "another.example.org"])
async def test_the_api_server_is_known_by_the_name_that_the_kubeconfig_says(name: str, tmp_path: Path) -> None:
    """It may be reached by an address that is not in its certificate."""
    certificate = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response()

    server = RawTestServer(answer, scheme="https")
    await server.start_server(ssl=context)
    try:
        access = ClientConfig(str(server.make_url("")), ca_file=str(certificate.certificate), tls_server_name=name)
        async with Watching((), lambda: None, lambda error: None).session(access).aiohttp_session as session:
            if name == "kubernetes":
                assert (await session.get(server.make_url("/api"))).status == 200
            else:
                with pytest.raises(aiohttp.ClientConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
                    await session.get(server.make_url("/api"))
    finally:
        await server.close()
