"""Several cloud-config documents → one mapping, as cloud-init merges them where nothing else is said.

Its default there is `dict(replace)+list()+str()` (cloudinit/handlers/cloud_config.py): a key that stands in a later
document replaces the whole value of an earlier one, lists included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading import strict_yaml
from capra.bootstrap.reading.document import leading_lines
from capra.bootstrap.reading.location import Location
from capra.bootstrap.userdata.parts import MERGE_HEADERS, MERGE_KEYS, Part, tell_launch_index

_DEFAULT = "dict(replace)+list()+str()"


class CloudConfigs:
    """The documents so far, merged."""

    def __init__(self, constructs: Constructs) -> None:
        self._constructs = constructs
        self._merged: dict[str, Any] = {}
        self._places: dict[str, Location] = {}

    @property
    def merged(self) -> Mapping[str, Any]:
        """All of them as one."""
        return self._merged

    def add(self, part: Part) -> None:
        """One more, which counts more than those before it. Raises InputError."""
        text = part.text
        if leading_lines(text) == text:
            problem = "holds only comments: there is nothing to do" if text.strip() else "is empty"
            raise part.place.error(problem)
        tell_launch_index(part.headers, part.place, self._constructs)
        document = strict_yaml.load_mapping(text, part.place)
        if not part.place.field:
            self._merged = document  # by itself: its keys are all that it may ask for
            return
        for name in (*MERGE_HEADERS, *MERGE_KEYS):
            self._check_merge(part.headers.get(name), part.place.key(name))
        for name in MERGE_KEYS:
            self._check_merge(document.pop(name, None), part.place.key(name))
        if document.pop("launch-index", None) is not None:
            tell_launch_index({"launch-index": ""}, part.place, self._constructs)
        for key, value in document.items():
            self._set(key, value, part.place)

    def _set(self, key: str, value: Any, place: Location) -> None:
        if key in self._merged and self._merged[key] not in (None, [], {}, value):
            self._constructs.tell(
                self._places[key].key(key), f"is replaced by that of {place.field}, as cloud-init does"
            )
        self._merged[key], self._places[key] = value, place

    def _check_merge(self, how: object, place: Location) -> None:
        if how in (None, "", [], {}):
            return
        if not isinstance(how, str) or "".join(how.split()).lower() != _DEFAULT:
            self._constructs.refuse(
                place,
                f"asks for another way to merge than {_DEFAULT}, which is not supported: put what belongs together"
                " into one part",
            )
