"""Places of mistakes are named without giving a secret away."""

from __future__ import annotations

import pytest

from capra.bootstrap.reading.location import Location, key_name, shown, yaml_kind


def test_a_place_names_the_way_to_it() -> None:
    place = Location("data").key("write_files").item(2).key("permissions")
    assert place.field == "write_files[2].permissions"
    error = place.error("is wrong")
    assert (error.subject, error.field, error.reason) == ("data", "write_files[2].permissions", "InvalidBootstrapData")


def test_a_key_that_is_no_name_may_be_a_secret() -> None:
    assert key_name("K10abc::server:token") == key_name(7) == "(a key that is not a plain name)"
    assert key_name("write_files") == "write_files"


def test_a_long_value_is_told_by_its_length() -> None:
    assert shown("/etc/motd") == "'/etc/motd'"
    assert shown("x" * 100) == "a value of 100 characters"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "empty"),
        (True, "true or false"),
        (1.5, "a number"),
        ([], "a list"),
        (b"", "binary data"),
        ((), "a tuple"),
    ],
)
def test_kinds_are_told_in_words(value: object, kind: str) -> None:
    assert yaml_kind(value) == kind
