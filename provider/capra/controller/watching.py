"""The requests of kopf's watches: what is asked for of Secrets, and what a gap between two watches shows."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import aiohttp
import kopf

from capra.controller.series import Series
from capra.errors import Retry
from capra.kube.client.api import METADATA_ONLY
from capra.kube.client.connection import ClientConfig
from capra.kube.client.errors import without_password
from capra.kube.client.resources import SECRETS

LONGEST_EVENT = 2**24
"""Bytes of one event of a watch."""

RETRIED = frozenset({401, 403})
"""Refusals of a watch after which kopf asks again by itself, as after a failure of the server."""

LONGEST_WAIT = 60.0
"""The most seconds that an overloaded API server may ask us to wait."""

SILENCE_SECONDS = 30.0
"""Without a request for this long, a kind is unwatched: kopf does not know it."""

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
        self._unwatched = frozenset(kinds)
        self._kinds = self._unwatched
        self._complete = asyncio.Event()
        self._under_way: Counter[str] = Counter()
        self._heard: dict[str, float] = {"": clock()}
        self._missed = missed
        self._refused = refused
        self._clock = clock
        self._series: dict[str, Series] = {}

    def session(self, config: ClientConfig) -> kopf.AiohttpSession:
        """Connections to this API server, which kopf closes."""
        info = kopf.ConnectionInfo(
            server=config.server,
            ca_path=config.ca_file or None,
            insecure=not config.verify,
            token=config.token or None,
            certificate_path=config.certificate_file or None,
            private_key_path=config.key_file or None,
        )

        async def ask(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            request.server_hostname = config.tls_server_name or None
            return await self._ask(request, handler)

        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context(), socket_factory=_socket),
            headers=info.as_http_headers(),
            response_class=_Answer,
            middlewares=[ask],
            proxy=config.proxy or None,
        )
        return kopf.AiohttpSession(server=config.server, aiohttp_session=session)

    @contextlib.contextmanager
    def busy(self, kind: str = "") -> Iterator[None]:
        """Something is under way for this kind; if none is given, for all."""
        self._under_way[kind] += 1
        try:
            yield
        finally:
            self._under_way[kind] -= 1
            self._heard[kind] = self._clock()

    async def complete(self) -> None:
        """Wait until everything is watched. Raises Retry when some of it is not even asked for: kopf looks once for
        what the API server has, and goes on without what it has not found."""
        self._heard[""] = self._clock()
        while self._unwatched:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_SECONDS / 4):
                    await self._complete.wait()
            if silent := [kind for kind in sorted(self._unwatched) if self._silent(kind)]:
                problem = f"not watched: {', '.join(silent)}; the API server did not list them among its resources"
                raise Retry(problem)

    def _silent(self, kind: str) -> bool:
        """Nothing was asked for it, or for all kinds, for a while."""
        heard = max(self._heard[""], self._heard.get(kind, -math.inf))
        return not self._under_way[""] and not self._under_way[kind] and self._clock() - heard > SILENCE_SECONDS

    async def _ask(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """One request. What a Secret holds never comes into this process unless it is needed."""
        kind = request.url.path.rpartition("/")[2]
        watches = request.url.query.get("watch") == "true"
        if kind == SECRETS.plural:
            partial = "PartialObjectMetadata" if watches else "PartialObjectMetadataList"
            request.headers["Accept"] = METADATA_ONLY.format(kind=partial)
        with self.busy(kind if kind in self._kinds else ""):
            return await (self._watch(request, handler) if watches else self._list(request, handler))

    async def _list(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await _answer(request, handler)
        if response.status == 410 and "continue" in request.url.query:
            # The server has forgotten the list: on this error, kopf lists again.
            raise aiohttp.ClientPayloadError("the list has taken too long")
        return response

    async def _watch(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        path = request.url.path
        series = self._series.setdefault(path, Series(self._clock))
        await asyncio.sleep(series.pause())
        try:
            response = await _answer(request, handler)
        except (aiohttp.ClientError, TimeoutError):
            series.broken()
            raise
        if response.status == 200:
            response.content = _Lines(response.content, series)  # type: ignore[assignment]  # as much as kopf uses
            if not series.goes_on():
                self._missed()
            self._unwatched -= {path.rpartition("/")[2]}
            if not self._unwatched:
                self._complete.set()
            return response
        series.broken()
        if response.status < 500 and response.status not in RETRIED:
            # If one of kopf's watches fails, nobody ends the others. So the refusal is reported, and this one waits
            # until it is cancelled.
            self._refused(Retry(f"the watch {path} is answered with {response.status} {response.reason}"))
            await asyncio.Event().wait()
        return response


async def _answer(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """The answer, whole unless it is that of a watch.

    Every failure is a ClientConnectionError, after which kopf retries after a while. On others it would end, or retry
    without a pause; and it logs them with all that they hold, such as a proxy's password.
    """
    try:
        response = await handler(request)
        if response.status != 200 or request.url.query.get("watch") != "true":
            await response.read()
    except aiohttp.ClientError as error:
        # kopf logs in again at some errors of TLS, though the credentials are good.
        problem = without_password(error).replace("APPLICATION_DATA_AFTER_CLOSE_NOTIFY", "data after its end")
        raise aiohttp.ClientConnectionError(problem) from None
    if response.status == 429:
        # kopf would accept any Retry-After, however long.
        asked = response.headers.get("Retry-After", "")
        await asyncio.sleep(min(float(asked), LONGEST_WAIT) if asked.isascii() and asked.isdigit() else 0.0)
        raise aiohttp.ClientConnectionError("the API server has too much to do (429)")
    return response


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEP_ALIVE.items():
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


class _Lines:
    """What a watch sends, as long as each event is in bounds."""

    def __init__(self, content: aiohttp.StreamReader, series: Series) -> None:
        self._content = content
        self._series = series

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """The pieces. On the error, kopf begins the watch again."""
        begun = 0
        try:
            async for piece in self._content.iter_chunked(size):
                begun = len(piece) - end - 1 if (end := piece.rfind(b"\n")) >= 0 else begun + len(piece)
                if begun > LONGEST_EVENT:
                    raise aiohttp.ClientPayloadError(f"an event is longer than {LONGEST_EVENT} bytes")
                yield piece
            self._series.ended()
        finally:
            self._series.over()


class _Answer(aiohttp.ClientResponse):
    """The API server answers `null` for a list of metadata that holds nothing, which kopf does not expect."""

    async def json(self, **more: Any) -> Any:
        body = await super().json(**more)
        if isinstance(body, dict) and body.get("items", ()) is None:
            body["items"] = []
        return body
