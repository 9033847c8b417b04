"""How often the same credentials are tried."""

from __future__ import annotations

import asyncio

from capra.controller.logins import ATTEMPTS, LASTED_SECONDS, Logins
from capra.errors import Retry
from capra.kube.client.connection import ClientConfig


class Refused:
    """Time passes only while it pauses. token: what is read now."""

    def __init__(self) -> None:
        self.now, self.token = 0.0, "a"
        self.pauses: list[float] = []
        self.given_up: list[Retry] = []
        self.logins = Logins(self._read, self.given_up.append, lambda: self.now, self._sleep)

    async def _read(self) -> ClientConfig:
        return ClientConfig("https://api.example.org", token=self.token)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


async def test_what_is_refused_again_and_again_is_given_up() -> None:
    refused = Refused()
    for _ in range(ATTEMPTS):
        assert (await refused.logins.next()).token == "a"
    assert refused.pauses == [1, 2, 4, 8, 16, 32]
    assert sum(refused.pauses) > 60  # seconds until a Pod's token is read anew
    waiting = asyncio.ensure_future(refused.logins.next())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    assert [str(error) for error in refused.given_up] == [
        "https://api.example.org refuses the credentials (401 Unauthorized)"
    ]
    waiting.cancel()


async def test_what_is_new_is_tried_at_once() -> None:
    refused = Refused()
    for token in ("a", "b", "c", "d"):
        refused.token = token
        assert (await refused.logins.next()).token == token
    assert not refused.pauses


async def test_what_was_accepted_for_long_is_tried_at_once() -> None:
    refused = Refused()
    for _ in range(2 * ATTEMPTS):
        await refused.logins.next()
        refused.now += LASTED_SECONDS + 1
    assert not refused.pauses
    assert not refused.given_up
