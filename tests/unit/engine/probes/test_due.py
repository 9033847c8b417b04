"""When a host is probed again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from capra.engine.probes.due import JITTER, next_probe


@given(st.floats(1, 1000), st.floats(0, 1000), st.floats(1, 3600), st.text(max_size=8))
def test_within_the_interval_and_not_much_earlier(last: float, passed: float, interval: float, uid: str) -> None:
    due = next_probe(last, last + passed, interval, uid)
    assert last + interval * (1 - JITTER) - 1e-6 <= due <= last + interval
    assert due == next_probe(last, last + passed, interval, uid)


def test_at_once_without_a_last_one_or_where_it_is_another_clocks() -> None:
    assert next_probe(0.0, 50.0, 300.0, "u") == 50.0
    assert next_probe(51.0, 50.0, 300.0, "u") == 50.0


def test_a_thousand_do_not_come_together() -> None:
    due = sorted(next_probe(1000.0, 1000.0, 300.0, f"uid-{number}") for number in range(1000))
    assert due[-1] - due[0] > 0.9 * JITTER * 300
    # In no second more than a few times their share.
    most = max(sum(second <= one < second + 1 for one in due) for second in range(1270, 1301))
    assert most < 3 * 1000 / (JITTER * 300)
