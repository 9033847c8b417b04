"""What an object of an Ignition config holds, as the kind of value that the specification gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading.location import Location, shown, yaml_kind
from capra.bootstrap.reading.values import asks_nothing, listed
from capra.bootstrap.reading.values import text as checked

MAX_ID = 2**32 - 2
"""The highest id of a user or group: the next one means none (chown(2))."""

MAX_ITEMS = 4096
"""Of one list. A list of a thousand files is a document of a megabyte."""


@dataclass(frozen=True)
class JSONObject:
    """One object of the document, and where it stands."""

    place: Location
    values: Mapping[str, Any]
    constructs: Constructs

    def only(self, *known: str) -> None:
        """Refuses keys that are none of these, unless the user goes on without them."""
        for name, value in self.values.items():
            if name not in known and not _asks_nothing(value):
                self.constructs.refuse(self.place.key(name), f"is not supported; supported here are {', '.join(known)}")

    def refuse(self, name: str, problem: str) -> None:
        """The same for one key that the specification has, with the reason."""
        if not _asks_nothing(self.values.get(name)):
            self.constructs.refuse(self.place.key(name), problem)

    def is_asked(self, name: str) -> bool:
        """Whether the key has a value, and the user does not go on without it."""
        return not _asks_nothing(self.values.get(name)) and not self.constructs.ignores(self.place.key(name))

    def object(self, name: str) -> JSONObject:
        """The object at a key; without it an empty one."""
        value = self.values.get(name)
        place = self.place.key(name)
        if value is None:
            return JSONObject(place, {}, self.constructs)
        return _item(value, place, self.constructs)

    def objects(self, name: str) -> list[JSONObject]:
        """The objects of the list at a key."""
        return [_item(value, at, self.constructs) for at, value in self._list(name)]

    def texts(self, name: str) -> list[str]:
        """The texts of the list at a key."""
        return [checked(value, at) for at, value in self._list(name)]

    def text(self, name: str) -> str | None:
        """The text at a key."""
        value = self.values.get(name)
        return None if value is None else checked(value, self.place.key(name), nul_allowed=name == "contents")

    def flag(self, name: str) -> bool | None:
        """The boolean at a key."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.place.key(name).error(f"must be true or false, but is {yaml_kind(value)}")

    def number(self, name: str, highest: int) -> int | None:
        """The whole number at a key, from 0 to `highest`."""
        value, place = self.values.get(name), self.place.key(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise place.error(f"must be a whole number, but is {yaml_kind(value)}")
        if not 0 <= value <= highest:
            raise place.error(f"{shown(value)} is out of range: from 0 to {highest}")
        return value

    def _list(self, name: str) -> list[tuple[Location, Any]]:
        found = listed(self.values.get(name), self.place.key(name))
        if len(found) > MAX_ITEMS:
            raise self.place.key(name).error(f"has {len(found)} items; at most {MAX_ITEMS} are accepted")
        return found


def _asks_nothing(value: object) -> bool:
    """Providers write objects out that hold nothing but such objects: `security: {tls: {}}`."""
    return asks_nothing(value) or (isinstance(value, dict) and all(map(_asks_nothing, value.values())))


def _item(value: Any, place: Location, constructs: Constructs) -> JSONObject:
    if not isinstance(value, dict):
        raise place.error(f"must be an object, but is {yaml_kind(value)}")
    return JSONObject(place, value, constructs)


def refuse_repeated(found: list[tuple[str, Location]], what: str) -> None:
    """Ignition's lists have one item for each name. found: names, and where they stand."""
    first: dict[str, Location] = {}
    for name, place in found:
        if name in first:
            raise place.error(f"is the {what} of {first[name].field} too; the specification allows one of each")
        first[name] = place
