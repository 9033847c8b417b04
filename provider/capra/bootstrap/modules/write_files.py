"""cloud-init's module `write_files`, and `write_files_deferred` for what has `defer: true`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap import permissions
from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading import encoding
from capra.bootstrap.reading.location import Location, key_name, shown, yaml_kind
from capra.bootstrap.reading.values import asks_nothing, flag, items, text
from capra.bootstrap.steps import WriteFile

KEYS = ("write_files",)
FILE_KEYS = ("path", "content", "permissions", "owner", "encoding", "append", "defer")

# Names as useradd makes them, numeric ids, and the dots, `@` and capitals of directory services.
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?(:[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?)?")


def files(document: Mapping[str, Any], constructs: Constructs, subject: str) -> tuple[list[WriteFile], list[WriteFile]]:
    """The files to write at once, and the deferred ones, each in order. One whose content comes from a `source` that is
    ignored is not written."""
    written: tuple[list[WriteFile], list[WriteFile]] = ([], [])
    size = 0
    for place, item in items(document, Location(subject, "write_files")):
        if isinstance(item, dict) and not asks_nothing(item.get("source")) and "content" not in item:
            constructs.tell(place, "is not written: its content comes from `source`, which is ignored")
            continue
        file = _file(item, place)
        written[flag(item, "defer", place)].append(file)
        size += len(file.content)
        if size > encoding.MAX_CONTENT:
            raise place.error(f"makes the files larger than {encoding.MAX_CONTENT} bytes together")
    return written


def unsupported(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[str]:
    """The paths of keys that a file may not have."""
    value, place = document.get("write_files"), Location(subject, "write_files")
    found = []
    for index, item in enumerate(value if isinstance(value, list) else ()):
        for name, given in item.items() if isinstance(item, dict) else ():
            at = place.item(index).key(name)
            if name not in FILE_KEYS and not asks_nothing(given) and not constructs.ignores(at):
                found.append(f"write_files[{index}].{key_name(name)}")
    return found


def _file(item: Any, place: Location) -> WriteFile:
    if not isinstance(item, dict):
        raise place.error(f"must be a mapping with a path and content, but is {yaml_kind(item)}")
    append = flag(item, "append", place)
    # cloud-init would set 0644 here too, and so open a private file to everybody.
    keep_mode = append and item.get("permissions") in (None, "")
    return WriteFile(
        path=_path(item.get("path"), place.key("path")),
        content=_content(item, place),
        mode="" if keep_mode else permissions.mode(item.get("permissions"), place.key("permissions")),
        owner=_owner(item.get("owner"), place.key("owner")),
        append=append,
        source=place.field,
    )


LIKE_A_PATH = re.compile(r"(?=.{1,40}$)[\w.-]+(/[\w.-]+)+")


def _path(value: Any, place: Location) -> str:
    if value is None or value == "":
        raise place.error("is missing: give the absolute path of the file")
    path = text(value, place)
    if not path.startswith("/"):
        # In damaged YAML this may be anything, content as well: only what looks like a path is shown.
        what = f"{shown(path)} is" if LIKE_A_PATH.fullmatch(path) else "is"
        raise place.error(f"{what} not an absolute path: it must start with /")
    if posixpath.basename(path) in ("", ".", ".."):
        raise place.error(f"{shown(path)} names a directory, not a file")
    return path


def _content(item: Mapping[str, Any], place: Location) -> bytes:
    name = item.get("encoding")
    name = text("" if name is None else name, place.key("encoding"))
    if not encoding.known(name):
        known = ", ".join(encoding.KNOWN)
        raise place.key("encoding").error(f"{shown(name)} is not known; known are {known}")
    value, at = item.get("content"), place.key("content")
    if value is None:
        return b""  # cloud-init: for an empty file the content may be left out
    if not isinstance(value, bytes):
        value = text(value, at, nul_allowed=True).encode()
    try:
        return encoding.decode(value, name)
    except encoding.Unreadable as error:
        raise at.error(f"the encoding is {shown(name)}, but {error}") from None


def _owner(value: Any, place: Location) -> str:
    """`user` or `user:group`; missing or empty means the user that the run becomes (cloud-init: root)."""
    if value is None or value == "":
        return ""
    owner = ":".join(part.strip() for part in text(value, place).split(":"))
    if not _OWNER.fullmatch(owner):
        raise place.error(f"{shown(value)} is not an owner like 'user' or 'user:group'")
    return owner
