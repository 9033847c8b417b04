"""The requests of kopf's watches: what is asked for of Secrets, and what a gap between two watches shows."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import aiohttp
import kopf

from capra.errors import Retry
from capra.kube.client.api import METADATA_ONLY
from capra.kube.client.connection import Access
from capra.kube.client.resources import SECRETS

SERVER_TIMEOUT = 300
"""Seconds after which the API server ends a watch, so that a silent loss is noticed."""

SLACK = 5.0
"""Seconds by which a watch may be shorter, and in which the next one follows."""

LONGEST_EVENT = 2**24
"""Bytes of one event of a watch."""

RETRIED = frozenset({401, 403, 429})
"""Refusals of a watch after which kopf asks again by itself, as after a failure of the server."""

SHORT_SECONDS = 1.0
"""A watch that ends sooner is begun anew after a pause."""

PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 16.0
"""That pause doubles with each such watch in a row."""

SILENCE_SECONDS = 30.0
"""Without a request, in which something is not watched: kopf does not know of it."""

KEEP_ALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""A connection whose other end is gone is noticed after a minute: a watch itself sends nothing."""


class Watching:
    """Sessions for kopf.

    kinds: the plurals of what is to be watched. missed: told when something may have gone unnoticed. refused: told why
    nothing can be watched any more. clock: monotonic, seconds.
    """

    def __init__(
        self,
        kinds: Iterable[str],
        missed: Callable[[], None],
        refused: Callable[[Retry], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unwatched = set(kinds)
        self._complete = asyncio.Event()
        self._requests = 0
        self._missed = missed
        self._refused = refused
        self._clock = clock
        self._series: dict[str, _Series] = {}

    def session(self, access: Access) -> kopf.AiohttpSession:
        """Connections to this API server, which kopf closes."""
        info = kopf.ConnectionInfo(
            server=access.server,
            ca_path=access.ca_file or None,
            insecure=not access.verify,
            token=access.token or None,
            certificate_path=access.certificate_file or None,
            private_key_path=access.key_file or None,
        )

        async def ask(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            request.server_hostname = access.tls_server_name or None
            return await self._ask(request, handler)

        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context(), socket_factory=_socket),
            headers=info.as_http_headers(),
            response_class=_Answer,
            middlewares=[ask],
            proxy=access.proxy or None,
        )
        return kopf.AiohttpSession(server=access.server, aiohttp_session=session)

    async def complete(self) -> None:
        """Wait until everything is watched. Raises Retry when some of it is not even asked for any more: kopf looks
        once for what the API server has."""
        while self._unwatched:
            before = self._requests
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._complete.wait()
            if self._unwatched and self._requests == before:
                names = ", ".join(sorted(self._unwatched))
                raise Retry(f"not watched: {names}; the API server did not list them among its resources")

    async def _ask(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """One request. What a Secret holds never comes into this process unless it is needed."""
        self._requests += 1
        watches = request.url.query.get("watch") == "true"
        if request.url.path.endswith(f"/{SECRETS.plural}"):
            kind = "PartialObjectMetadata" if watches else "PartialObjectMetadataList"
            request.headers["Accept"] = METADATA_ONLY.format(kind=kind)
        return await self._watch(request, handler) if watches else await handler(request)

    async def _watch(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        path = request.url.path
        series = self._series.setdefault(path, _Series(self._clock))
        await asyncio.sleep(series.pause())
        try:
            response = await handler(request)
        except Exception:
            series.broken()
            raise
        if response.status == 200:
            response.content = _Lines(response.content, series.ended)  # type: ignore[assignment]  # what kopf uses
            if not series.goes_on():
                self._missed()
            self._unwatched.discard(path.rpartition("/")[2])
            if not self._unwatched:
                self._complete.set()
            return response
        series.broken()
        if response.status < 500 and response.status not in RETRIED:
            # A watch of kopf's that fails leaves the others behind, which then nobody ends: this one waits for its end.
            self._refused(Retry(f"the watch {path} is answered with {response.status} {response.reason}"))
            await asyncio.Event().wait()
        return response


class _Series:
    """The watches of one path, one after the other.

    The API server may have been started on another state unless a watch has ended when its time was over, and the next
    one began at once. What was deleted meanwhile is not told then; nor is what was deleted before the first one.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = self._ended_well = -math.inf
        self._pause = 0.0

    def pause(self) -> float:
        """Seconds to wait before the next one is asked for."""
        short = self._clock() - self._began < SHORT_SECONDS
        self._pause = min(max(2 * self._pause, PAUSE_SECONDS), LONGEST_PAUSE_SECONDS) if short else 0.0
        return self._pause

    def goes_on(self) -> bool:
        """One begins. True when nothing can have gone unnoticed between it and the one before."""
        now = self._clock()
        unbroken = now - self._ended_well < SLACK
        self._began, self._ended_well = now, -math.inf
        return unbroken

    def ended(self) -> None:
        """The API server has ended it."""
        now = self._clock()
        if now - self._began > SERVER_TIMEOUT - SLACK:
            self._ended_well = now

    def broken(self) -> None:
        """The next one could not be had."""
        self._ended_well = -math.inf


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEP_ALIVE.items():
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


class _Lines:
    """What a watch tells, while each event is within bounds. ended: told that the API server has ended it."""

    def __init__(self, content: aiohttp.StreamReader, ended: Callable[[], None]) -> None:
        self._content = content
        self._ended = ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """The pieces. At the error, kopf begins the watch anew."""
        begun = 0
        async for piece in self._content.iter_chunked(size):
            begun = len(piece) - end - 1 if (end := piece.rfind(b"\n")) >= 0 else begun + len(piece)
            if begun > LONGEST_EVENT:
                raise aiohttp.ClientPayloadError(f"an event is longer than {LONGEST_EVENT} bytes")
            yield piece
        self._ended()


class _Answer(aiohttp.ClientResponse):
    """The API server answers `null` for a list of metadata that holds nothing, which kopf does not expect."""

    async def json(self, **more: Any) -> Any:
        body = await super().json(**more)
        if isinstance(body, dict) and body.get("items", ()) is None:
            body["items"] = []
        return body
