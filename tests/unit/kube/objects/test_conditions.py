"""Conditions merged into those that stand there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.kube.objects.conditions import merge
from capra.model.status import Condition

OWNED = frozenset({"Ready", "Paused"})
BEFORE, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"


def standing(kind: str, status: str = "True", reason: str = "Ready", **more: Any) -> dict[str, Any]:
    values = {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": BEFORE}
    return {**values, "observedGeneration": 3, **more}


FOREIGN = {"type": "Somebody", "status": "True", "severity": "Info"}


def test_nothing_changed() -> None:
    existing = [standing("Ready"), FOREIGN]
    assert merge(existing, [Condition("Ready", "True", "Ready")], OWNED, NOW, 3) == existing


def test_the_first_ones() -> None:
    made = merge([], [Condition("Ready", "False", "Waiting", "for it")], OWNED, NOW, 0)
    values = {"type": "Ready", "status": "False", "reason": "Waiting", "message": "for it"}
    assert made == [{**values, "lastTransitionTime": NOW}]


@pytest.mark.parametrize(
    ("wanted", "since"),
    [
        pytest.param(Condition("Ready", "True", "Other"), BEFORE, id="another reason"),
        pytest.param(Condition("Ready", "True", "Ready", "told"), BEFORE, id="another message"),
        pytest.param(Condition("Ready", "False", "Ready"), NOW, id="another status"),
    ],
)
def test_only_another_status_is_a_transition(wanted: Condition, since: str) -> None:
    (made,) = merge([standing("Ready")], [wanted], OWNED, NOW, 3)
    assert made["lastTransitionTime"] == since
    assert (made["status"], made["reason"], made["message"]) == (wanted.status, wanted.reason, wanted.message)


def test_a_new_generation_was_looked_at() -> None:
    (made,) = merge([standing("Ready")], [Condition("Ready", "True", "Ready")], OWNED, NOW, 4)
    assert made == standing("Ready", observedGeneration=4)


def test_one_of_ours_that_does_not_hold_any_more_is_removed() -> None:
    existing = [standing("Paused"), FOREIGN, standing("Ready")]
    assert merge(existing, [Condition("Ready", "True", "Ready")], OWNED, NOW, 3) == [FOREIGN, standing("Ready")]


def test_everyone_keeps_their_place() -> None:
    existing = [standing("Ready"), FOREIGN]
    wanted = [Condition("Paused", "False", "NotPaused"), Condition("Ready", "False", "Waiting")]
    assert [one["type"] for one in merge(existing, wanted, OWNED, NOW, 3)] == ["Ready", "Somebody", "Paused"]


def test_one_of_ours_that_stands_there_twice() -> None:
    existing = [standing("Ready"), standing("Ready", "False")]
    assert merge(existing, [Condition("Ready", "True", "Ready")], OWNED, NOW, 3) == [standing("Ready")]


def test_one_without_a_time_gets_it() -> None:
    existing = [{"type": "Ready", "status": "True"}]
    assert merge(existing, [Condition("Ready", "True", "Ready")], OWNED, NOW, 3) == [
        standing("Ready", lastTransitionTime=NOW)
    ]


kinds = st.sampled_from(["Ready", "Paused", "Somebody", "Else"])
conditions = st.lists(
    st.builds(standing, kinds, st.sampled_from(["True", "False"]), observedGeneration=st.integers(1, 3)), max_size=5
)
told = st.lists(st.builds(Condition, st.sampled_from(sorted(OWNED)), st.sampled_from(["True", "False"]), st.just("R")))


@given(conditions, told)
def test_always(existing: list[dict[str, Any]], wanted: list[Condition]) -> None:
    merged = merge(existing, wanted, OWNED, NOW, 3)
    assert merge(merged, wanted, OWNED, "2026-03-03T00:00:00Z", 3) == merged
    assert [one for one in merged if one["type"] not in OWNED] == [one for one in existing if one["type"] not in OWNED]
    assert {one["type"]: one["status"] for one in merged if one["type"] in OWNED} == {
        condition.type: condition.status for condition in wanted
    }
