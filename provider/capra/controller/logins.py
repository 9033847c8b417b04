"""What kopf logs in with, again and again while the API server refuses it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from capra.errors import Retry
from capra.kube.client.connection import Access

LOGIN_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Seconds before what was refused a moment ago is tried again. A Pod's token is read anew after a minute."""

LASTED_SECONDS = 60.0
"""What was accepted for so long was not refused at once."""


class Logins:
    """What kopf logs in with. read: as it is now. give_up: told that all of it is refused."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Access]],
        give_up: Callable[[Retry], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._give_up = give_up
        self._clock = clock
        self._sleep = sleep
        self._last: Access | None = None
        self._given = -math.inf
        self._pauses = iter(LOGIN_PAUSES)

    async def next(self) -> Access:
        """The next. Waits while it is what was refused a moment ago; when that lasts, for the end of the work."""
        found = await self._read()
        if found != self._last or self._clock() - self._given > LASTED_SECONDS:
            self._pauses = iter(LOGIN_PAUSES)
        else:
            pause = next(self._pauses, None)
            if pause is None:
                self._give_up(Retry(f"{found.server} refuses the credentials (401 Unauthorized)"))
                await asyncio.Event().wait()
                raise AssertionError("nobody sets it")
            await self._sleep(pause)
            found = await self._read()
        self._last, self._given = found, self._clock()
        return found
