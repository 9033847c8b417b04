"""Who may read what the diagnostics port serves."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable

import structlog

from capra.errors import CapraError
from capra.kube.client.reviews import Verdict

CACHE_SECONDS = 10.0
"""How long an answer of the API server is believed. A scrape comes every 15 seconds or so."""

CACHE_ENTRIES = 100
OK, UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = 0, 401, 403, 503
_STATUS = {Verdict.ALLOWED: OK, Verdict.UNKNOWN: UNAUTHORIZED, Verdict.FORBIDDEN: FORBIDDEN}

Review = Callable[[str, str], Awaitable[Verdict]]
"""Asks the API server: token and path. Raises CapraError when there is no answer."""

log = structlog.get_logger(__name__)


class Access:
    """Answers for bearer tokens, believed for a short time. Tokens are kept as digests only."""

    def __init__(self, review: Review, clock: Callable[[], float] = time.monotonic) -> None:
        self._review = review
        self._clock = clock
        self._known: dict[bytes, tuple[int, float]] = {}
        self._asking = asyncio.Lock()

    async def refusal(self, authorization: str, path: str) -> int:
        """0 when the request may be served, else its HTTP status: 401, 403, or 503 when nobody can tell.

        authorization: the request's header.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        # RFC 6750 has tokens of ASCII; what is not even UTF-8 comes as surrogates, which cannot be encoded.
        if scheme.lower() != "bearer" or not token or not token.isascii():
            return UNAUTHORIZED
        key = hashlib.sha256(f"{path}\0{token}".encode()).digest()
        # One question at a time: a flood of wrong tokens must not become a flood of requests to the API server.
        async with self._asking:
            status, until = self._known.get(key, (OK, 0.0))
            if self._clock() < until:
                return status
            try:
                status = _STATUS[await self._review(token, path)]
            except CapraError as error:
                log.warning("cannot tell whether a client may read the diagnostics", error=str(error))
                return UNAVAILABLE
            if len(self._known) >= CACHE_ENTRIES:
                self._known.clear()
            self._known[key] = (status, self._clock() + CACHE_SECONDS)
            return status
