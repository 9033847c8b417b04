"""How a config is merged into another (Ignition, 'Operator notes': Config merging; config/merge/merge.go).

The child's values win. Items of a list with the same key are merged in the parent's place, the child's others come
after. Fragments of `append` are joined. Files, directories and links share their keys: a child's takes the parent's
place, whatever it is.
"""

from __future__ import annotations

from typing import Any

_KEYS = {
    "storage.files": "path",
    "storage.directories": "path",
    "storage.links": "path",
    "storage.disks": "device",
    "storage.filesystems": "device",
    "storage.raid": "name",
    "storage.luks": "name",
    "systemd.units": "name",
    "systemd.units.dropins": "name",
    "passwd.users": "name",
    "passwd.groups": "name",
}
"""By the path of a list, what tells its items apart. Lists of texts are told apart by the texts."""

_JOINED = ("storage.files.append",)
_NODES = ("files", "directories", "links")


def merged(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    """The child merged into the parent; neither is changed."""
    parent = dict(parent)
    storage, other = parent.get("storage"), child.get("storage")
    if isinstance(storage, dict) and isinstance(other, dict):
        parent["storage"] = _without(storage, other)
    return _objects(parent, child, "")


def _without(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    """The parent's storage, without nodes of which the child has another kind."""
    result = dict(parent)
    for kind in _NODES:
        taken = {path for other in _NODES if other != kind for path in _names(child.get(other), "path")}
        if isinstance(items := parent.get(kind), list):
            result[kind] = [item for item in items if _name(item, "path") not in taken]
    return result


def _names(items: Any, key: str) -> list[str]:
    return [name for item in (items if isinstance(items, list) else ()) if (name := _name(item, key)) is not None]


def _name(item: Any, key: str) -> str | None:
    """What tells an item from others; None where it is wrong, which is found later."""
    name = item.get(key) if isinstance(item, dict) and key else item
    return name if isinstance(name, str) else None


def _objects(parent: dict[str, Any], child: dict[str, Any], path: str) -> dict[str, Any]:
    result = dict(parent)
    for key, value in child.items():
        at = f"{path}.{key}" if path else key
        old = parent.get(key)
        if value is None:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = _objects(old, value, at)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = [*old, *value] if at in _JOINED else _lists(old, value, at)
        else:
            result[key] = value
    return result


def _lists(parent: list[Any], child: list[Any], path: str) -> list[Any]:
    key = _KEYS.get(path, "")
    waiting = {name: item for item in child if (name := _name(item, key)) is not None}
    known = set(_names(parent, key))
    result = []
    for item in parent:
        name = _name(item, key)
        other = waiting.get(name) if name is not None else None
        both = isinstance(item, dict) and isinstance(other, dict)
        result.append(_objects(item, other or {}, path) if both else item if other is None else other)
    return result + [item for item in child if _name(item, key) is None or _name(item, key) not in known]
