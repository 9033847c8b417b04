"""The watches of one path, one after another: whether anything may have been missed between two of them."""

from __future__ import annotations

import math
from collections.abc import Callable

from capra.model.retry import SHORT_WATCH

SERVER_TIMEOUT = 300
"""Seconds after which the API server ends a watch, so that a silent loss is noticed."""

SLACK = 5.0
"""Seconds: how much earlier a watch may end, and how soon the next one must begin."""

SHORT_SECONDS = 1.0
"""After a watch that has lasted for less, the next one waits."""


class Series:
    """The watches of one path. clock: monotonic, seconds.

    Nothing was missed only if a watch has lasted for its whole time and the next one began at once. Otherwise the API
    server may have been restarted from another state. What was deleted in the gap is then not reported, nor is what was
    deleted before the first watch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = self._ended_well = -math.inf
        self._short = 0

    def pause(self) -> float:
        """Seconds to wait before the next one is asked for."""
        return SHORT_WATCH.after(self._short) if self._short else 0.0

    def goes_on(self) -> bool:
        """A watch begins. True when nothing can have been missed since the one before."""
        now = self._clock()
        unbroken = now - self._ended_well < SLACK
        self._began, self._ended_well = now, -math.inf
        return unbroken

    def ended(self) -> None:
        """The API server has ended it."""
        now = self._clock()
        if now - self._began > SERVER_TIMEOUT - SLACK:
            self._ended_well = now

    def over(self) -> None:
        """It is over, however it has ended."""
        self._short = self._short + 1 if self._clock() - self._began < SHORT_SECONDS else 0

    def broken(self) -> None:
        """The next one could not begin."""
        self._ended_well = -math.inf
