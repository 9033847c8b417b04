"""An API server that misbehaves: a proxy before a real one, which answers what it is told to, and loses answers."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from .plane import ControlPlane

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host", "te"}


@dataclass
class Fault:
    """What happens to matching requests.

    method, path: regular expressions that must match from the start; path includes the query. status: answer this
    instead of asking the API server; 0: ask it, and lose its answer. times: to so many requests, then never again.
    """

    method: str
    path: str
    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0

    def matches(self, request: web.Request) -> bool:
        """It is to happen to this request."""
        if self.seen >= self.times:
            return False
        return bool(re.match(self.method, request.method) and re.match(self.path, request.path_qs))


class FaultyServer:
    """The proxy, in a thread of its own. Made by `faulty`. dropped: watches that were cut while they were open."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self.port = 0
        self.faults: list[Fault] = []
        self.dropped = 0
        self._watches: set[asyncio.Task[object]] = set()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faulty API server", daemon=True)

    @property
    def server(self) -> str:
        """Its address as a URL. It is plain http: whoever asks it must be on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, *faults: Fault) -> None:
        """From now on, these happen too; earlier ones first."""
        self.faults = [*self.faults, *faults]

    @property
    def watches(self) -> int:
        """How many are open."""
        return len(self._watches)

    def drop_watches(self) -> None:
        """Cut every watch that is open, in the middle of a line for all that the other side knows."""
        for task in list(self._watches):
            self._loop.call_soon_threadsafe(task.cancel)

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        connector = aiohttp.TCPConnector(ssl=False, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = int(runner.addresses[0][1])
            self._up.set()
            await self._stop.wait()
            await runner.cleanup()
        # aiohttp's connections close in the turns of the loop that follow.
        await asyncio.sleep(0.1)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault = next((fault for fault in self.faults if fault.matches(request)), None)
        if fault is not None:
            fault.seen += 1
            if fault.status:
                return _status(fault)
        kept = ((name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP)
        try:
            asked = self._session.request(
                request.method,
                f"{self._plane.server}{request.path_qs}",
                headers=CIMultiDict(kept),
                data=await request.read() or None,
                timeout=aiohttp.ClientTimeout(total=None, connect=5),
            )
            async with asked as answer:
                if fault is not None:
                    if not _is_watch(request):  # whose answer ends minutes later
                        await answer.read()
                    return _lost(request)
                return await self._pass_on(request, answer)
        except aiohttp.ClientError:
            return _lost(request)

    async def _pass_on(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        if not _is_watch(request):
            return web.Response(status=answer.status, headers=headers, body=await answer.read())
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watches.add(task)
        try:
            async for piece in answer.content.iter_any():
                await response.write(piece)
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        finally:
            self._watches.discard(task)
        return response


def _status(fault: Fault) -> web.Response:
    """As the API server says it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault.status, "message": "a fault"}
    return web.Response(
        status=fault.status, headers=fault.headers, body=json.dumps(body).encode(), content_type="application/json"
    )


def _is_watch(request: web.Request) -> bool:
    return "watch=true" in request.query_string or "watch=1" in request.query_string


def _lost(request: web.Request) -> web.Response:
    """The connection ends without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


@contextmanager
def faulty(plane: ControlPlane) -> Iterator[FaultyServer]:
    """A proxy before this control plane, as long as the context lasts."""
    made = FaultyServer(plane)
    made.start()
    try:
        yield made
    finally:
        made.stop()
