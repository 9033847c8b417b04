"""Long work in short pieces: between them, other tasks of the event loop get a turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

PIECE = 0.01
"""Seconds. The Lease and the probes must never wait for the work."""

Item = TypeVar("Item")


async def paced(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items. Others may change their source before the next one is fetched."""
    begun = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - begun > PIECE:
            await asyncio.sleep(0)
            begun = time.monotonic()
