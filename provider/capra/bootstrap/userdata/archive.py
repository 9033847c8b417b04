"""A cloud-config archive: a YAML list of parts (cloud-init, 'User-data formats', and `_explode_archive` of its
user_data.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.bootstrap.reading import strict_yaml
from capra.bootstrap.reading.encoding import utf8
from capra.bootstrap.reading.location import Location, yaml_kind
from capra.bootstrap.reading.values import text as checked
from capra.bootstrap.userdata.kinds import first_line_says
from capra.bootstrap.userdata.parts import LAUNCH_INDEX, MERGE_HEADERS, MERGE_KEYS, Part

_KEYS = ("content", "type", "filename")
_HEADERS = (LAUNCH_INDEX, *MERGE_HEADERS, *MERGE_KEYS)
"""Keys that cloud-init makes headers of, and reads. Those that it does not read say nothing."""

_WITHOUT_TYPE = "text/cloud-config"


def parts_of_archive(part: Part) -> list[Part]:
    """Its parts: `part[N]`; of an archive that is a part itself `part[M][N]`. Raises InputError."""
    found = strict_yaml.load_list(part.text, part.place)
    if not found:
        raise part.place.error("is an empty archive: there is nothing to do")
    outer = part.place if part.place.field else part.place.key("part")
    return [_item(item, outer.item(index)) for index, item in enumerate(found)]


def _item(item: Any, place: Location) -> Part:
    if isinstance(item, str):
        item = {"content": item}
    if not isinstance(item, dict):
        raise place.error(f"must be text, or a mapping with content, type and filename, but is {yaml_kind(item)}")
    for key in item:
        if key not in (*_KEYS, *_HEADERS):
            raise place.key(key).error(f"is not known; known are {', '.join((*_KEYS, *_HEADERS))}")
    content = _content(item.get("content"), place.key("content"))
    type = _text(item, "type", place).strip().lower()
    if not type and first_line_says(content) is None:
        type = _WITHOUT_TYPE
    headers = {key: _header(item[key], place.key(key)) for key in _HEADERS if item.get(key) is not None}
    return Part(content, place, type, _text(item, "filename", place), headers)


def _content(value: Any, place: Location) -> str:
    if isinstance(value, bytes):
        text = utf8(value)
        if text is None:
            raise place.error("is binary data, which no kind of part is")
        return text
    return checked("" if value is None else value, place, nul_allowed=True)


def _text(item: Mapping[str, Any], name: str, place: Location) -> str:
    value = item.get(name)
    return checked("" if value is None else value, place.key(name))


def _header(value: Any, place: Location) -> str:
    if isinstance(value, int | str):
        return str(value)
    raise place.error(f"must be text or a number, but is {yaml_kind(value)}; another way to merge is not supported")
