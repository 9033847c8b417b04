"""The mapping of a cloud-config document → ordered steps.

Order: bootcmd, write_files, write_files with `defer: true`, runcmd. It is the order of cloud-init's modules
in its shipped cloud.cfg: bootcmd and write_files in the init stage, write_files_deferred and then
scripts_user, which runs what runcmd wrote, in the final stage. Unlike cloud-init, and like k0smotron, every
command has a shell of its own and the first one that fails ends the bootstrap.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap import encoding, permissions
from capra.bootstrap.location import Location, key_name, shown, yaml_kind
from capra.bootstrap.script import command_line
from capra.bootstrap.steps import RunCommand, WriteFile
from capra.bootstrap.strict_yaml import Number

FILE_KEYS = ("path", "content", "permissions", "owner", "encoding", "append", "defer")
TOP_KEYS = ("write_files", "bootcmd", "runcmd")
ASKS_NOTHING: Mapping[str, tuple[object, ...]] = {
    "package_update": (False,),
    "package_upgrade": (False,),
    "package_reboot_if_required": (False,),
    "manage_etc_hosts": (False,),
    "preserve_hostname": (True,),
    "resize_rootfs": (False,),
    "ntp": ({"enabled": False},),
    "growpart": ({"mode": "off"}, {"mode": False}),
}
"""Values that have cloud-init's modules do nothing (its 'Module reference'). Providers write them out."""


# Names as useradd makes them, numeric ids, and the dots, `@` and capitals of directory services.
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?(:[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?)?")
_TRUE = ("true", "1", "on", "yes")  # cloud-init, util.is_true
_FALSE = ("false", "0", "off", "no", "none", "")


def refuse_unsupported(document: Mapping[str, Any], subject: str) -> None:
    """Raises one InputError that names every key which asks for something that is not done yet."""
    found = [
        name
        for name, value in document.items()
        if name not in TOP_KEYS and not _asks_nothing(value) and not _is_off(name, value)
    ]
    files = document.get("write_files")
    for index, item in enumerate(files if isinstance(files, list) else ()):
        for name, value in item.items() if isinstance(item, dict) else ():
            if name not in FILE_KEYS and not _asks_nothing(value):
                found.append(f"write_files[{index}].{key_name(name)}")
    if found:
        near = [match for name in found for match in difflib.get_close_matches(name, TOP_KEYS, 1, 0.8)]
        hint = f"did you mean {', '.join(dict.fromkeys(near))}? " if near else ""
        raise Location(subject, ", ".join(found)).error(
            f"{hint}not supported yet; supported are {', '.join(TOP_KEYS)}; in write_files {', '.join(FILE_KEYS)}"
        )


def _asks_nothing(value: object) -> bool:
    return value is None or value in ([], {})


def _is_off(name: str, value: object) -> bool:
    """Neither does it. What is said when all is done (`final_message`) would reach a console that nobody reads."""
    if name == "final_message":
        return isinstance(value, str)
    # In Python, 0 is False and 1 is True.
    return any(type(value) is type(off) and value == off for off in ASKS_NOTHING.get(name, ()))


def files(document: Mapping[str, Any], subject: str) -> list[WriteFile]:
    """The files in the order in which they are written: deferred ones last."""
    items = _items(document, Location(subject, "write_files"))
    deferred = [_flag(item, "defer", place) if isinstance(item, dict) else False for place, item in items]
    written: list[WriteFile] = []
    size = 0
    for place, item in items:
        written.append(_file(item, place))
        size += len(written[-1].content)
        if size > encoding.MAX_CONTENT:
            raise place.error(f"makes the files larger than {encoding.MAX_CONTENT} bytes together")
    first = [file for file, last in zip(written, deferred, strict=True) if not last]
    return first + [file for file, last in zip(written, deferred, strict=True) if last]


def commands(document: Mapping[str, Any], key: str, subject: str) -> list[RunCommand]:
    """The commands under `bootcmd` or `runcmd`. Empty entries do nothing, as in cloud-init."""
    found = []
    for place, item in _items(document, Location(subject, key)):
        line = _command(item, place)
        if line.strip():
            found.append(RunCommand(line, source=place.field))
    return found


def _items(document: Mapping[str, Any], place: Location) -> list[tuple[Location, Any]]:
    """The items of a list with their places."""
    value = document.get(place.field)
    if _asks_nothing(value):
        return []
    if not isinstance(value, list):
        raise place.error(f"must be a list, but is {yaml_kind(value)}")
    return [(place.item(index), item) for index, item in enumerate(value)]


def _file(item: Any, place: Location) -> WriteFile:
    if not isinstance(item, dict):
        raise place.error(f"must be a mapping with a path and content, but is {yaml_kind(item)}")
    append = _flag(item, "append", place)
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


def _flag(item: Mapping[str, Any], name: str, place: Location) -> bool:
    """A boolean, or what cloud-init accepts as one; anything else is refused, not taken as false."""
    value = item.get(name)
    word = str(value).strip().lower() if isinstance(value, bool | int | str | None) else "?"
    if word not in _TRUE + _FALSE:
        raise place.key(name).error(f"must be true or false, but is {yaml_kind(value)}")
    return word in _TRUE


def _command(item: Any, place: Location) -> str:
    """The command line. A list is one command whose words reach it as they are."""
    if item is None:
        return ""
    if isinstance(item, str):
        return text(item, place)
    if not isinstance(item, list):
        raise place.error(f"must be text or a list of words, but is {yaml_kind(item)}; put it in quotes")
    return command_line(_word(word, place.item(index)) for index, word in enumerate(item))


def _word(value: Any, place: Location) -> str:
    """A word of a command in list form. A number must read as itself: cloud-init makes 420 of `0644`."""
    if isinstance(value, Number) and value.text == str(int(value)):
        return value.text
    return text(value, place)


def text(value: Any, place: Location, *, nul_allowed: bool = False) -> str:
    """The value, which must be text that can be encoded, and without NUL unless allowed."""
    if not isinstance(value, str):
        raise place.error(f"must be text, but is {yaml_kind(value)}; put it in quotes")
    if not nul_allowed and "\0" in value:
        raise place.error(f"has a NUL character at position {value.index(chr(0))}, which cannot be passed on")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise place.error("has half of a surrogate pair, which is no character")
    return value
