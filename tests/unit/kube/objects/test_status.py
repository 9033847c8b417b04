"""A status is written only where it would change something."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.objects.status import changes, moment
from capra.model.status import timestamp


@pytest.mark.parametrize(
    ("current", "wanted", "changed"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2, "b": None}, {"a": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {}),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
    ],
)
def test_what_a_merge_patch_would_change(
    current: dict[str, Any], wanted: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert changes(current, wanted) == changed


def test_times_are_those_of_the_api() -> None:
    assert timestamp(0.9) == "1970-01-01T00:00:00Z"
    assert moment("1970-01-01T00:01:00Z") == 60.0
    assert moment(timestamp(1e9)) == 1e9


@pytest.mark.parametrize("text", [None, 7, "", "yesterday"])
def test_what_is_no_time_is_long_ago(text: object) -> None:
    assert moment(text) == 0.0
