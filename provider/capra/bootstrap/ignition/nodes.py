"""Files, directories and links of `storage` as the specification has them, each one value."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from capra.bootstrap.ignition.fields import MAX_ID, JSONObject, refuse_repeated
from capra.bootstrap.ignition.resource import Budget, Remote, read_resource
from capra.bootstrap.reading.location import Location, shown

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
_KERNEL = ("/proc", "/sys", "/dev")
_OF_THE_SYSTEM = re.compile(
    "/(bin|boot|dev|etc|home|lib|lib32|lib64|libx32|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)"
)
"""Directories of the Filesystem Hierarchy Standard (3.0, 3.2), and what the kernel has there. Some are links on hosts
with a merged /usr."""
_MAX_APPENDED = 256
_MAX_PATH = 4095
"""Bytes, without the one at the end (PATH_MAX of Linux)."""


@dataclass(frozen=True)
class FileNode:
    """path: absolute, in one form. owner: as chown(1) takes it, or empty. overwrite: what stands there is removed."""

    path: str
    owner: str
    overwrite: bool
    place: Location

    @property
    def depth(self) -> int:
        """How many directories it is below the root."""
        return self.path.count("/")


@dataclass(frozen=True)
class File(FileNode):
    """content: None where what is there is kept. appended: fragments, in order. mode: octal, or empty for the
    default."""

    content: bytes | Remote | None
    appended: tuple[bytes, ...]
    mode: str


@dataclass(frozen=True)
class Directory(FileNode):
    """mode: octal, or empty for 0755, or that of the one that is there."""

    mode: str


@dataclass(frozen=True)
class Link(FileNode):
    """target: as it stands in the link. hard: of the file itself."""

    target: str
    hard: bool


def read_nodes(storage: JSONObject, budget: Budget, *, unique: bool) -> list[FileNode]:
    """Directories, files and links, each in the order of their list. Raises InputError."""
    found: list[FileNode] = [_directory(item) for item in storage.objects("directories")]
    found += [_file(item, budget) for item in storage.objects("files")]
    links = [_link(item) for item in storage.objects("links")]
    found += links
    if unique:
        refuse_repeated([(node.path, node.place) for node in found], "path")
    if links:
        _refuse_below_links(found, {link.path: link for link in links})
    return found


def _refuse_below_links(nodes: list[FileNode], links: dict[str, Link]) -> None:
    for node in nodes:
        path = node.path
        while (path := posixpath.dirname(path)) != "/":
            if path in links:
                raise node.place.key("path").error(f"leads through {links[path].place.field}, which is a link")


def _file(item: JSONObject, budget: Budget) -> File:
    item.only("path", "overwrite", "contents", "append", "mode", "user", "group")
    content = read_resource(item.object("contents"), budget)
    fragments = item.objects("append")
    if len(fragments) > _MAX_APPENDED:
        raise item.place.key("append").error(f"has more than {_MAX_APPENDED} items")
    appended = [_fragment(fragment, budget) for fragment in fragments]
    if appended and isinstance(content, Remote):
        raise item.place.key("append").error(
            "is not supported for a file that is fetched: put its content into a data URL"
        )
    overwrite = bool(item.flag("overwrite"))
    if overwrite and content is None:
        raise item.place.key("overwrite").error("needs contents: their source is missing")
    mode = _mode(item, special=False)
    return File(_path(item, replaces=True), _owner(item), overwrite, item.place, content, tuple(appended), mode)


def _fragment(item: JSONObject, budget: Budget) -> bytes:
    content = read_resource(item, budget)
    if isinstance(content, Remote):
        place = item.place.key("source")
        raise place.error("is not fetched from anywhere: put the fragment into a data URL")
    return content or b""


def _directory(item: JSONObject) -> Directory:
    item.only("path", "overwrite", "mode", "user", "group")
    overwrite = bool(item.flag("overwrite"))
    return Directory(_path(item, replaces=overwrite), _owner(item), overwrite, item.place, _mode(item, special=True))


def _link(item: JSONObject) -> Link:
    item.only("path", "overwrite", "target", "hard", "user", "group")
    hard, target = bool(item.flag("hard")), item.text("target")
    place = item.place.key("target")
    if not target:
        raise place.error("is missing")
    _check_text(target, place)
    if hard and not target.startswith("/"):
        raise place.error(f"{shown(target)} must be an absolute path, since the link is a hard one")
    return Link(
        _path(item, replaces=True), "" if hard else _owner(item), bool(item.flag("overwrite")), item.place, target, hard
    )


def _path(item: JSONObject, *, replaces: bool) -> str:
    """replaces: what stands there is to go."""
    path, place = item.text("path"), item.place.key("path")
    if not path:
        raise place.error("is missing: give an absolute path")
    _check_text(path, place)
    if not path.startswith("/") or path.startswith("//") or posixpath.normpath(path) != path or path == "/":
        raise place.error(f"{shown(path)} is not an absolute path without `.`, `..` and further slashes")
    if any(f"{path}/".startswith(f"{kernel}/") for kernel in _KERNEL):
        raise place.error(f"{shown(path)} is the kernel's: use sysctl.d or udev's rules")
    if replaces and _OF_THE_SYSTEM.fullmatch(path):
        raise place.error(
            f"{shown(path)} is a directory of the system, which nothing takes the place of: give a path below"
        )
    return path


def _check_text(path: str, place: Location) -> None:
    if _CONTROL.search(path):
        raise place.error("has a control character")
    if len(path.encode()) > _MAX_PATH:
        raise place.error(f"is longer than {_MAX_PATH} bytes")


def _owner(item: JSONObject) -> str:
    user, group = _id_or_name(item.object("user")), _id_or_name(item.object("group"))
    return f"{user}:{group}" if group else user


def _id_or_name(item: JSONObject) -> str:
    item.only("id", "name")
    number, name = item.number("id", MAX_ID), item.text("name")
    if number is not None and name:
        raise item.place.error("has an id and a name: give one of them")
    if name and not _OWNER.fullmatch(name):
        raise item.place.key("name").error(f"{shown(name)} is no name of a user or group")
    return name or ("" if number is None else str(number))


def _mode(item: JSONObject, *, special: bool) -> str:
    mode = item.number("mode", 0o7777)
    if mode is None:
        return ""
    if mode > 0o777 and not special:
        item.constructs.refuse(
            item.place.key("mode"),
            f"{mode} is {mode:04o}, with bits that Ignition does not set for a file: modes are decimal, 0644 is 420",
        )
        mode &= 0o777
    return f"{mode:04o}"
