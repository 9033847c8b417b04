"""Modes of files: octal digits in quotes, or a number that nobody can misread."""

from __future__ import annotations

import pytest

from capra.bootstrap.permissions import mode
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.strict_yaml import Number
from capra.errors import InputError


def number(text: str, value: int) -> Number:
    """A number, as YAML has read it."""
    made = Number(value)
    made.text = text
    return made


PLACE = Location("data", "write_files[0].permissions")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((None, "0644"), ("", "0644"), ("644", "0644"), ("0o600", "0600"), (" 0755 ", "0755"), ("4755", "4755")),
        *((number("0644", 0o644), "0644"), (number("420", 420), "0644"), (number("0o600", 0o600), "0600")),
    ],
)
def test_a_mode_becomes_four_octal_digits(given: object, expected: str) -> None:
    assert mode(given, PLACE) == expected


@pytest.mark.parametrize("given", [number("644", 644), number("-1", -1), "rw-r--r--", "0888", "77777", ["0644"], True])
def test_what_may_be_misread_is_refused_by_its_place(given: object) -> None:
    with pytest.raises(InputError) as raised:
        mode(given, PLACE)
    assert raised.value.field == "write_files[0].permissions"
