"""The JSON of an Ignition config, read strictly and within bounds."""

from __future__ import annotations

import json
import re
from typing import Any

from capra.bootstrap.reading.location import Location, key_name
from capra.bootstrap.reading.strict_yaml import MAX_CHARACTERS

MAX_DEPTH = 32
MAX_DIGITS = 20

MAX_VALUES = 200_000

_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[\[\]{},]', re.DOTALL)
"""Strings, to pass over them, brackets and commas."""


class _Repeated(ValueError):
    """A key stands twice in one object. The message is the key as it may be shown."""


def load(text: str, place: Location) -> dict[str, Any]:
    """The object at the top. Raises InputError, whose message holds nothing of the content."""
    if len(text) > MAX_CHARACTERS:
        raise place.error(f"is {len(text)} characters long; at most {MAX_CHARACTERS} are accepted")
    _check_size(text, place)
    problem = ""
    try:
        found = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_int=_whole, parse_float=_fraction
        )
    except _Repeated as error:
        problem = f"has the key {error} twice in one object"
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError:
        problem = "is not valid JSON: a number cannot be read"
    if problem:
        raise place.error(problem)
    if not isinstance(found, dict):
        raise place.error("must be a JSON object")
    return found


def _check_size(text: str, place: Location) -> None:
    """Python's parser recurses, and a short text may hold very many values."""
    depth = 0
    for count, found in enumerate(_STRUCTURE.finditer(text)):
        sign = found[0]
        if count > MAX_VALUES:
            raise place.error(f"has more than {MAX_VALUES} values")
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise place.error(f"is nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Repeated(key_name(key))
            seen.add(key)
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError
    return int(digits)


def _fraction(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise ValueError
    return float(digits)


def _no_number(_: str) -> float:
    raise ValueError
