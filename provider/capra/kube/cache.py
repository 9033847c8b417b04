"""What the controller knows of the cluster: the newest version seen of every object it watches.

Watches fill it, and so does every answer to a write: a step never sees less than what this process has written itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from capra.kube.resources import Raw, name_of, namespace_of, version_of

Place = tuple[str, str]
"""Namespace and name."""


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, dict[str, Raw]]] = defaultdict(lambda: defaultdict(dict))
        self._deleted: dict[tuple[str, str], int] = {}

    def put(self, kind: str, raw: Raw) -> bool:
        """Keep the object unless a newer version is known, or it has been deleted since. True when it was kept."""
        objects = self._objects[kind][namespace_of(raw)]
        known = objects.get(name_of(raw))
        uid = str(raw["metadata"].get("uid", ""))
        if (kind, uid) in self._deleted:
            return False
        if known is not None and version_of(known) > version_of(raw):
            return False
        objects[name_of(raw)] = raw
        return True

    def remove(self, kind: str, raw: Raw) -> None:
        """The object has been deleted; a later one of the same name stays."""
        uid = str(raw["metadata"].get("uid", ""))
        self._remember_deletion(kind, uid, version_of(raw))
        objects = self._objects[kind][namespace_of(raw)]
        known = objects.get(name_of(raw))
        if known is not None and known["metadata"].get("uid", "") == uid:
            del objects[name_of(raw)]

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        """One object."""
        return self._objects[kind][namespace].get(name)

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Raw]:
        """Every object of the kind, in one namespace or in all, by name."""
        namespaces = sorted(self._objects[kind]) if namespace is None else [namespace]
        for each in namespaces:
            objects = self._objects[kind][each]
            yield from (objects[name] for name in sorted(objects))

    def _remember_deletion(self, kind: str, uid: str, version: int) -> None:
        """An answer to a write may arrive after the deletion it was faster than. The last thousands are enough."""
        self._deleted[kind, uid] = version
        while len(self._deleted) > 10_000:
            del self._deleted[next(iter(self._deleted))]
