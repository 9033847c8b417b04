"""Values of a document as the kind that is asked for, or an error with their place."""

from __future__ import annotations

import pytest

from capra.bootstrap.reading import values
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.strict_yaml import Number
from capra.errors import InputError

PLACE = Location("data", "key")


@pytest.mark.parametrize(
    ("given", "truth"), [(True, True), ("on", True), ("1", True), (None, False), ("No", False), (0, False)]
)
def test_truth_is_told_as_cloud_init_tells_it(given: object, truth: bool) -> None:
    assert values.truth(given, PLACE) is truth
    assert values.flag({"name": given}, "name", PLACE) is truth


@pytest.mark.parametrize("given", ["maybe", [], 2, {}])
def test_what_is_neither_true_nor_false_is_refused(given: object) -> None:
    with pytest.raises(InputError, match="must be true or false"):
        values.truth(given, PLACE)


def test_only_what_is_missing_has_the_default() -> None:
    assert values.switched({}, "name", True, PLACE)
    assert values.switched({"name": None}, "name", True, PLACE)
    assert not values.switched({"name": ""}, "name", True, PLACE)


def test_names_come_from_a_list_or_from_text_with_commas() -> None:
    assert [name for _, name in values.names("a, b,,", PLACE)] == ["a", "b"]
    assert [(at.field, name) for at, name in values.names(["a", " ", "b"], PLACE)] == [("key[0]", "a"), ("key[2]", "b")]


@pytest.mark.parametrize(
    ("given", "problem"),
    [(7, "must be text, but is a number"), ("a\0b", "NUL character at position 1"), ("\ud800", "surrogate pair")],
)
def test_text_can_be_passed_on(given: object, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        values.text(given, PLACE)


def test_a_number_is_taken_as_it_was_written() -> None:
    number = Number(7)
    number.text = "07"
    assert values.written(number, PLACE) == "07"
    assert values.written(7, PLACE) == "7"
    assert values.written("x", PLACE) == "x"
    with pytest.raises(InputError):
        values.written(True, PLACE)


def test_a_line_has_no_control_characters() -> None:
    assert values.line("a b", PLACE) == "a b"
    with pytest.raises(InputError, match="one line"):
        values.line("a\nb", PLACE)


def test_lists_and_mappings() -> None:
    assert values.listed(None, PLACE) == values.listed({}, PLACE) == []
    assert [at.field for at, _ in values.items({"key": ["a", "b"]}, PLACE)] == ["key[0]", "key[1]"]
    with pytest.raises(InputError, match="must be a list"):
        values.listed("a", PLACE)
    with pytest.raises(InputError, match="must be a mapping with a name, but is text"):
        values.mapping("a", PLACE, "a name")
