"""A clock that stands still until it is moved."""

from __future__ import annotations

from capra.testing.clock import FakeClock


def test_time_goes_by_when_a_test_says_so() -> None:
    clock = FakeClock(5.0)
    assert (clock(), clock()) == (5.0, 5.0)
    clock.advance(2.5)
    assert clock() == 7.5
