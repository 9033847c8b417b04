"""The requests of kopf's watches: what is asked for of Secrets, and what a gap between two watches shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import kopf

from capra.errors import Retry
from capra.kube.client.api import METADATA_ONLY
from capra.kube.client.connection import Access
from capra.kube.client.resources import SECRETS

SERVER_TIMEOUT = 300
"""Seconds after which the API server ends a watch, so that a silent loss is noticed."""

LONGEST_EVENT = 2**24
"""Bytes of one event of a watch."""

RETRIED = frozenset({401, 403, 429})
"""Refusals of a watch after which kopf asks again by itself, as after a failure of the server."""


class Watching:
    """Sessions for kopf. missed: told when something may have gone unnoticed. refused: told why nothing can be watched
    any more."""

    def __init__(
        self,
        missed: Callable[[], None],
        refused: Callable[[Retry], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._missed = missed
        self._refused = refused
        self._clock = clock
        self._began: dict[str, float] = {}

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
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            response_class=_Answer,
            middlewares=[self._ask],
        )
        return kopf.AiohttpSession(server=access.server, aiohttp_session=session)

    async def _ask(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """One request. What a Secret holds never comes into this process unless it is needed."""
        watches = request.url.query.get("watch") == "true"
        if request.url.path.endswith(f"/{SECRETS.plural}"):
            kind = "PartialObjectMetadata" if watches else "PartialObjectMetadataList"
            request.headers["Accept"] = METADATA_ONLY.format(kind=kind)
        response = await handler(request)
        if watches and response.status == 200:
            response.content = _Lines(response.content)  # type: ignore[assignment]  # as much of it as kopf uses
            self._follow(request.url.path)
        elif watches and response.status < 500 and response.status not in RETRIED:
            # A watch of kopf's that fails leaves the others behind, which then nobody ends: this one waits for its end.
            self._refused(Retry(f"the watch {request.url.path} is answered with {response.status} {response.reason}"))
            await asyncio.Event().wait()
        return response

    def _follow(self, path: str) -> None:
        """A watch begins. When the one before was lost before its time, the API server may have been started on another
        state, and what was deleted meanwhile is not told."""
        before, now = self._began.get(path), self._clock()
        self._began[path] = now
        if before is not None and now - before < SERVER_TIMEOUT / 2:
            self._missed()


class _Lines:
    """What a watch tells, while each event is within bounds."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

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


class _Answer(aiohttp.ClientResponse):
    """The API server answers `null` for a list of metadata that holds nothing, which kopf does not expect."""

    async def json(self, **more: Any) -> Any:
        body = await super().json(**more)
        if isinstance(body, dict) and body.get("items", ()) is None:
            body["items"] = []
        return body
