"""The pauses between attempts."""

from __future__ import annotations

from itertools import islice

from capra.model.retry import RetryPolicy

POLICY = RetryPolicy(5, 300)


def test_pauses_double_up_to_the_longest() -> None:
    assert [POLICY.after(failures) for failures in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]


def test_one_failure_is_the_least_and_any_number_is_taken() -> None:
    assert POLICY.after(0) == POLICY.after(-1) == 5
    assert POLICY.after(10**6) == 300


def test_a_series_has_no_end() -> None:
    """kopf takes the pauses of a request from it."""
    assert list(islice(POLICY, 8)) == [POLICY.after(failures) for failures in range(1, 9)]
    assert not hasattr(POLICY, "__len__")
