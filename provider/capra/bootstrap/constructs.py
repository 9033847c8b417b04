"""What a document asks for that is not carried out: refused by its path, unless the user wants to go on without it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from capra.bootstrap.reading.location import Location

_INDEX = re.compile(r"\[\d+\]")


class Constructs:
    """Collects what is told of a document's constructs while it is read.

    ignored: paths that the user goes on without: `ntp`, `write_files[0].source`, `storage.disks`; a path without
    indices counts for every item (`write_files.source`), and a path for everything below it.
    """

    def __init__(self, ignored: Iterable[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._matched: set[str] = set()
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What is told, in order: each sentence begins with the path."""
        unmatched = sorted(self._ignored - self._matched)
        return tuple(
            dict.fromkeys([*self._notes, *(f"{name} is to be ignored, and is not there" for name in unmatched)])
        )

    def tell(self, place: Location, what: str) -> None:
        """Accepted, and not done. what: a sentence about the path, without content of the document."""
        self._notes.append(f"{place.field} {what}")

    def ignores(self, place: Location) -> bool:
        """Whether the user goes on without it; then it is told."""
        if not self._is_ignored(place.field):
            return False
        self.tell(place, "is ignored, as the machine says")
        return True

    def refuse(self, place: Location, problem: str) -> None:
        """Raises InputError for a construct that is not supported, unless the user goes on without it."""
        if not self.ignores(place):
            raise place.error(problem)

    def _is_ignored(self, path: str) -> bool:
        matched = {
            name
            for one in (path, _INDEX.sub("", path))
            for name in self._ignored
            if one == name or (one.startswith(name) and one[len(name)] in ".[")
        }
        self._matched |= matched
        return bool(matched)
