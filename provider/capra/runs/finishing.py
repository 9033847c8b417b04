"""Work that must come to its end, although its task is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def finish(work: Coroutine[None, None, None]) -> None:
    """Wait for work that takes a bounded time, however often this task is cancelled meanwhile: until it has ended, the
    worker may be at work, and only its last word proves what was sent. Raises CancelledError after that."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
