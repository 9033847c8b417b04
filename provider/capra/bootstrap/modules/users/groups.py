"""`groups` of cloud-config: a list, a mapping, or text with commas → groups with their members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from capra.bootstrap.accounts import account_name
from capra.bootstrap.reading.location import Location, yaml_kind
from capra.bootstrap.reading.values import asks_nothing, names

MAX_NAMES = 256
"""Groups, users, and names in one list. Nobody means more, and each is a step."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Group:
    """members: names of users, added to those that the group has."""

    place: Location
    name: str
    members: tuple[str, ...] = ()


def account_names(value: Any, place: Location) -> list[str]:
    """Names in a list or in text with commas, each once, in order."""
    return list(dict.fromkeys(account_name(name, at) for at, name in bounded(names(value, place), place)))


def bounded(found: list[_T], place: Location) -> list[_T]:
    """The list, which must not be longer than MAX_NAMES."""
    if len(found) > MAX_NAMES:
        raise place.error(f"has {len(found)} entries; at most {MAX_NAMES} are accepted")
    return found


def groups(value: Any, place: Location) -> list[Group]:
    """The groups in order. A group that is given again gets the members of both, as in cloud-init."""
    members: dict[str, list[str]] = {}
    places: dict[str, Location] = {}
    for at, name, given in bounded(list(_entries(value, place)), place):
        group = account_name(name, at)
        places.setdefault(group, at)
        members.setdefault(group, []).extend(account_names(given, at))
    return [Group(places[name], name, tuple(dict.fromkeys(given))) for name, given in members.items()]


def _entries(value: Any, place: Location) -> Iterator[tuple[Location, Any, Any]]:
    """Place, name and members of each."""
    if asks_nothing(value):
        return
    if isinstance(value, str):
        yield from ((at, name, None) for at, name in names(value, place))
    elif isinstance(value, dict):
        yield from ((place.key(name), name, given) for name, given in value.items())
    elif isinstance(value, list):
        for index, item in enumerate(value):
            at = place.item(index)
            if isinstance(item, dict):
                yield from ((at.key(name), name, given) for name, given in item.items())
            else:
                yield (at, item, None)
    else:
        raise place.error(f"must be a list of names, or a mapping of names to members, but is {yaml_kind(value)}")
