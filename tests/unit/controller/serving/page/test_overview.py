"""What the overview shows of which objects, a part at a time."""

from __future__ import annotations

import pytest

from capra.controller.serving.page.overview import PART, page_overview
from tests.support import fleet


@pytest.mark.parametrize(("asked", "number", "rows"), [(1, 1, PART), (3, 3, 5), (0, 1, PART), (99, 3, 5), (2, 2, PART)])
def test_a_part_has_a_hundred_rows_and_the_last_the_rest(asked: int, number: int, rows: int) -> None:
    shown = page_overview((fleet.machine(one) for one in range(205)), (), {"machines": asked}).machines
    assert (shown.number, shown.last, shown.total, len(shown.rows)) == (number, 3, 205, rows)


def test_failures_of_all_parts_are_counted_and_come_first() -> None:
    shown = page_overview((fleet.machine(one) for one in range(205)), (), {})
    assert (shown.machines.failed, shown.machines.waiting) == (21, 20)
    assert {line.phase for line in shown.machines.rows[:21]} == {"Failed"}
    assert {line.phase for line in shown.machines.rows[21:41]} == {"Bootstrapping"}


def test_hosts_of_all_pools_stand_together() -> None:
    entries = [fleet.entry(number, namespace) for namespace in ("b", "a") for number in range(8)]
    shown = page_overview((), entries, {})
    places = [(line.namespace, line.name) for line in shown.hosts.rows[:4]]
    assert places == [("a", "rack-1-6"), ("a", "rack-1-7"), ("b", "rack-1-6"), ("b", "rack-1-7")]
    assert [(pool.namespace, pool.name, pool.counts["Reserved"]) for pool in shown.pools.rows] == [
        ("a", "rack-1", 5),
        ("b", "rack-1", 5),
    ]
    assert shown.pools.failed == 2


def test_nothing_is_a_part_too() -> None:
    shown = page_overview((), (), {})
    assert (shown.machines.rows, shown.machines.number, shown.machines.last) == ((), 1, 1)
    assert shown.summary == "0 of 0 machines failed, 0 of 0 hosts failed"


def test_one_is_not_many() -> None:
    assert page_overview([fleet.machine(3)], [], {}).summary == "1 of 1 machine failed, 0 of 0 hosts failed"
