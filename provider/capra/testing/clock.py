"""A clock that a test moves."""

from __future__ import annotations


class FakeClock:
    """A port `Clock`. now: seconds since the epoch; it stands still until `advance`."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time now."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds
