"""What a document holds, as the kind of value that is asked for; anything else is an error with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.bootstrap.reading.location import Location, yaml_kind
from capra.bootstrap.reading.strict_yaml import Number

_TRUE = ("true", "1", "on", "yes")  # cloud-init, util.is_true
_FALSE = ("false", "0", "off", "no", "none", "")


def asks_nothing(value: object) -> bool:
    """Whether it is empty: cloud-init's modules do nothing then."""
    return value is None or value in ([], {})


def text(value: Any, place: Location, *, nul_allowed: bool = False) -> str:
    """The value, which must be text that can be encoded, and without NUL unless allowed."""
    if not isinstance(value, str):
        raise place.error(f"must be text, but is {yaml_kind(value)}; put it in quotes")
    if not nul_allowed and "\0" in value:
        raise place.error(f"has a NUL character at position {value.index(chr(0))}, which cannot be passed on")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise place.error("has half of a surrogate pair, which is no character")
    return value


def line(value: Any, place: Location) -> str:
    """Text of one line, without control characters."""
    found = text(value, place)
    if not found.isprintable():
        raise place.error("must be one line without control characters")
    return found


def flag(item: Mapping[str, Any], name: str, place: Location) -> bool:
    """A boolean, or what cloud-init accepts as one; anything else is refused, not taken as false."""
    return truth(item.get(name), place.key(name))


def truth(value: Any, place: Location) -> bool:
    """The same of a value by itself; None is false."""
    word = str(value).strip().lower() if isinstance(value, bool | int | str | None) else "?"
    if word not in _TRUE + _FALSE:
        raise place.error(f"must be true or false, but is {yaml_kind(value)}")
    return word in _TRUE


def switched(item: Mapping[str, Any], name: str, default: bool, place: Location) -> bool:
    """The same, where a value that is missing or null is the default."""
    return default if item.get(name) is None else flag(item, name, place)


def names(value: Any, place: Location) -> list[tuple[Location, str]]:
    """The names in a list, or in text with commas between them, each with its place; empty ones are left out."""
    if isinstance(value, str):
        return [(place, name.strip()) for name in text(value, place).split(",") if name.strip()]
    return [(at, name) for at, item in listed(value, place) if (name := line(item, at).strip())]


def items(document: Mapping[str, Any], place: Location) -> list[tuple[Location, Any]]:
    """The items of the list at a key of the document's top, with their places. place: that of the key."""
    return listed(document.get(place.field), place)


def listed(value: Any, place: Location) -> list[tuple[Location, Any]]:
    """The items of a list with their places; an empty value has none."""
    if asks_nothing(value):
        return []
    if not isinstance(value, list):
        raise place.error(f"must be a list, but is {yaml_kind(value)}")
    return [(place.item(index), item) for index, item in enumerate(value)]


def mapping(value: Any, place: Location, what: str) -> Mapping[str, Any]:
    """The value, which must be a mapping. what: what it is to hold, for the message."""
    if not isinstance(value, dict):
        raise place.error(f"must be a mapping with {what}, but is {yaml_kind(value)}")
    return value


def written(value: Any, place: Location) -> str:
    """Text, or a number as it was written (`07`)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value.text if isinstance(value, Number) else str(value)
    return text(value, place)
