"""Who has logged in to the page: random ids, in memory only."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

LIFETIME = 3600
"""Seconds after which a login expires, used or not."""

MOST = 1000
"""Sessions at once. The oldest goes where there are more."""


@dataclass(frozen=True)
class _Session:
    token: str = field(repr=False)
    until: float


class Sessions:
    """Bearer tokens by the id that a browser has in its cookie. Ids are kept as digests; the tokens themselves are
    kept, so that each request is checked against the token's rights now. clock: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, _Session] = OrderedDict()

    def begin(self, token: str) -> str:
        """A new session; its id, 32 random bytes in base64."""
        self._forget_old()
        while len(self._known) >= MOST:
            self._known.popitem(last=False)
        name = secrets.token_urlsafe(32)
        self._known[_digest(name)] = _Session(token, self._clock() + LIFETIME)
        return name

    def token(self, name: str) -> str:
        """The session's token; empty if there never was one, or it has ended."""
        self._forget_old()
        session = self._known.get(_digest(name))
        return session.token if session is not None else ""

    def end(self, name: str) -> None:
        """The session has ended."""
        self._known.pop(_digest(name), None)

    def _forget_old(self) -> None:
        now = self._clock()
        while self._known and next(iter(self._known.values())).until <= now:
            self._known.popitem(last=False)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
