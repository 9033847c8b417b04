"""What kopf logs in with, again and again while the API server refuses it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from capra.errors import Retry
from capra.kube.client.connection import ClientConfig
from capra.model.retry import LOGIN

ATTEMPTS = 7
"""Refusals in a row of the same credentials. The waits between them add up to more than a minute, after which a Pod's
token is read again."""

LASTED_SECONDS = 60.0
"""Seconds after which credentials count as accepted: a server that refuses them does so at once."""


class Logins:
    """Credentials for kopf. read: gets the newest. give_up: told when all are refused."""

    def __init__(
        self,
        read: Callable[[], Awaitable[ClientConfig]],
        give_up: Callable[[Retry], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._give_up = give_up
        self._clock = clock
        self._sleep = sleep
        self._last: ClientConfig | None = None
        self._given = -math.inf
        self._refusals = 0

    async def next(self) -> ClientConfig:
        """The next credentials. Waits where these were just refused; after ATTEMPTS refusals, gives up and waits until
        it is cancelled."""
        found = await self._read()
        if found != self._last or self._clock() - self._given > LASTED_SECONDS:
            self._refusals = 0
        else:
            self._refusals += 1
            if self._refusals == ATTEMPTS:
                self._give_up(Retry(f"{found.server} refuses the credentials (401 Unauthorized)"))
                await asyncio.Event().wait()
                raise AssertionError("nobody sets it")
            await self._sleep(LOGIN.after(self._refusals))
            found = await self._read()
        self._last, self._given = found, self._clock()
        return found
