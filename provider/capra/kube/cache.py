"""What the controller knows of the cluster: the newest state seen of every object it watches.

Watches fill it, and so does every answer to a request: a step never sees less than what this process has
written.

What is newer is told by versions among events, and by the order in this process where a request was answered: an answer
is at least as new as all that was learnt before the request began, whatever its version. After etcd was restored from a
backup versions are lower than before; a list is the truth then, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from capra.kube.resources import Raw, name_of, namespace_of, version_of

Place = tuple[str, str]
"""Namespace and name."""

REMEMBERED = 10_000
"""Deletions: an answer to a write may arrive after the deletion it was faster than."""


class _Known(NamedTuple):
    """learnt: the turn at which it came here."""

    raw: Raw
    learnt: int


class Mark(NamedTuple):
    """A moment in this process, before a request. newest: the highest version of the kind by then."""

    turn: int
    newest: int


def _nobody() -> None:
    """Is told of nothing."""


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, dict[str, _Known]]] = defaultdict(lambda: defaultdict(dict))
        self._deleted: dict[tuple[str, str], int] = {}
        self._newest: dict[str, int] = {}
        self._turn = 0
        self.rewound: Callable[[], None] = _nobody
        """Told when a list is older than what was known before it was asked for: etcd was restored. A watch that goes
        on from a version that is still to come hears nothing until then."""

    def mark(self, kind: str) -> Mark:
        """The moment before a request."""
        return Mark(self._turn, self._newest.get(kind, 0))

    def put(self, kind: str, raw: Raw, asked: Mark | None = None) -> bool:
        """Keep the object unless something newer is known, or it has been deleted since. True when it was kept.
        asked: before the request whose answer it is; None for an event of a watch."""
        objects = self._objects[kind][namespace_of(raw)]
        known = objects.get(name_of(raw))
        deleted = self._deleted.get((kind, _uid(raw)))
        if deleted is not None:
            if asked is None or deleted > asked.turn:
                return False
            del self._deleted[kind, _uid(raw)]
        ordered = known is not None and asked is not None and known.learnt <= asked.turn
        if known is not None and not ordered and version_of(known.raw) > version_of(raw):
            return False
        self._turn += 1
        objects[name_of(raw)] = _Known(raw, self._turn)
        self._newest[kind] = max(self._newest.get(kind, 0), version_of(raw))
        return True

    def replace(self, kind: str, items: Iterable[Raw], version: int, asked: Mark) -> Iterator[Raw]:
        """Keep what a list says, and give what has changed or gone. version: the list's. What was learnt after the list
        was asked for stays if it is newer by its version."""
        if version < asked.newest:
            self._newest.clear()
            self.rewound()
        self._newest[kind] = max(self._newest.get(kind, 0), version)
        listed = list(items)
        found = {_uid(raw) for raw in listed}
        for known in [one for objects in self._objects[kind].values() for one in objects.values()]:
            made_since = known.learnt > asked.turn and version_of(known.raw) > version
            if _uid(known.raw) not in found and not made_since:
                self.remove(kind, known.raw)
                yield known.raw
        for raw in listed:
            known_raw = self.get(kind, namespace_of(raw), name_of(raw))
            if self.put(kind, raw, asked) and raw != known_raw:
                yield raw

    def remove(self, kind: str, raw: Raw) -> None:
        """The object has been deleted; a later one of the same name stays."""
        self._turn += 1
        self._deleted[kind, _uid(raw)] = self._turn
        while len(self._deleted) > REMEMBERED:
            del self._deleted[next(iter(self._deleted))]
        objects = self._objects[kind][namespace_of(raw)]
        known = objects.get(name_of(raw))
        if known is not None and _uid(known.raw) == _uid(raw):
            del objects[name_of(raw)]

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        """One object."""
        known = self._objects[kind][namespace].get(name)
        return known.raw if known is not None else None

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Raw]:
        """Every object of the kind, in one namespace or in all, by name."""
        namespaces = sorted(self._objects[kind]) if namespace is None else [namespace]
        for each in namespaces:
            objects = self._objects[kind][each]
            yield from (objects[name].raw for name in sorted(objects))


def _uid(raw: Raw) -> str:
    return str(raw["metadata"].get("uid", ""))
