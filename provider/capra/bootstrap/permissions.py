"""`write_files[].permissions` → four octal digits."""

from __future__ import annotations

import re

from capra.bootstrap.reading.location import Location, shown, yaml_kind
from capra.bootstrap.reading.strict_yaml import Number
from capra.bootstrap.steps import DEFAULT_FILE_MODE

_OCTAL = re.compile(r"(?:0[oO])?([0-7]{1,5})")
_HIGHEST = 0o7777


def mode(value: object, place: Location) -> str:
    """Text is octal, with or without `0o`; missing or empty is the default. A number is the mode itself, as
    in cloud-init (`decode_perms`): YAML's `0644` and `420` both are 0644. A decimal number that may well have
    been meant as octal digits (`644`, which cloud-init silently turns into 1204) is refused."""
    if value is None or value == "":
        return DEFAULT_FILE_MODE
    if isinstance(value, Number):
        bits = int(value)
        if not 0 <= bits <= _HIGHEST or not _written_as_meant(value):
            raise place.error(f"the number {shown(value.text)} is not clear as a mode; write it like '0644'")
        return f"{bits:04o}"
    if not isinstance(value, str):
        raise place.error(f"must be an octal mode in quotes, like '0644', but is {yaml_kind(value)}")
    match = _OCTAL.fullmatch(value.strip())
    if match is None or int(match[1], 8) > _HIGHEST:
        raise place.error(f"{shown(value)} is not an octal mode like '0644'")
    return f"{int(match[1], 8):04o}"


def _written_as_meant(number: Number) -> bool:
    """False for a decimal number that is no sensible mode, or whose digits are one when read as octal."""
    digits = number.text
    if digits.startswith("0"):
        return True
    return _sensible(number) and not (re.fullmatch("[0-7]+", digits) and _sensible(int(digits, 8)))


def _sensible(bits: int) -> bool:
    """The owner may read, the group may no more than the owner, others no more than the group."""
    owner, group, others = bits >> 6, bits >> 3 & 7, bits & 7
    return owner in (4, 5, 6, 7) and group & ~owner == 0 and others & ~group == 0
