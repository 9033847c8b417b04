"""One part of user data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading.location import Location, shown

MAX_PARTS = 256
"""Of one document, those of archives and of nested multipart documents included."""

LAUNCH_INDEX = "launch-index"
MERGE_HEADERS = ("merge-type", "x-merge-type")
MERGE_KEYS = ("merge_how", "merge_type")
"""How a part says for which instance it is, and in which way it is merged: headers, and keys of a document or an item
(cloud-init, 'Merging user-data sections')."""

_PLAIN = re.compile(r"[\w.+/-]{1,60}")


@dataclass(frozen=True)
class Part:
    """text: decoded. place: `part[2]`; without a field for a document that is one part. type: its media type in lower
    case; empty where it has none. filename: as given, or empty. headers: others that cloud-init reads, by their name in
    lower case (`merge-type`, `launch-index`)."""

    text: str
    place: Location
    type: str = ""
    filename: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """Its file name, for the beginning of a message; empty without one."""
        return f"{shown(self.filename)} " if self.filename and self.filename.isprintable() else ""


def shown_type(type: str) -> str:
    """A media type as it may be shown."""
    return type if _PLAIN.fullmatch(type) else "a media type that is not a plain one"


def tell_launch_index(headers: Mapping[str, str], place: Location, constructs: Constructs) -> None:
    """cloud-init drops a part whose launch index is not that of the instance; a host has none, and takes all."""
    if "launch-index" in headers:
        constructs.tell(place.key("launch-index"), "is not looked at: a host has no launch index, and takes every part")
