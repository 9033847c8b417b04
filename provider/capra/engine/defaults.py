"""What an engine without others to serve does at its ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from capra.engine.decisions import Run
from capra.engine.ports import _Result
from capra.model.observation import Observation


@asynccontextmanager
async def unbounded(observation: Observation, decision: Run) -> AsyncIterator[bool]:
    """There is always room."""
    yield False


async def at_once(work: Callable[[], _Result]) -> _Result:
    """At once, in this thread."""
    return work()
