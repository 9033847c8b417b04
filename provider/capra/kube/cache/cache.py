"""What the controller knows of the cluster: the newest state seen of every object it watches.

Watches fill it, and so does every answer to a request: a reconciliation never sees less than what this process has
written.

Among events, versions tell what is newer; for the answer to a request, the order in this process does: an answer
is at least as new as all that was learnt before the request began, whatever its version. After etcd was restored from a
backup, versions are lower than before; even then, a list is the truth.

What is looked for again and again is found by an index (`By`), which follows every change here, and nowhere else. What
an object itself says is one part of it (`traits`); what other objects make of a pool's entry, above all its state, is
the other (`entry_state`), updated when one of those changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from capra.kube.cache import entry_state
from capra.kube.cache.choosing.choosing import Choosing
from capra.kube.cache.index import Index, Trait, read_traits
from capra.kube.cache.known import AT_THE_HOST, FREE, SHARED, TO_BE_HAD, By
from capra.kube.cache.traits import WatchFilter, traits
from capra.kube.client.resources import ENTRIES, MACHINES, SECRETS, Raw, name_of, namespace_of, version_of
from capra.kube.objects import places

NamespacedName = tuple[str, str]
"""Namespace and name."""

REMEMBERED = 10_000
"""Deletions: the answer to a write may arrive after word of a later deletion."""


class _Known(NamedTuple):
    """learnt: the turn at which it came here."""

    raw: Raw
    learnt: int


class Mark(NamedTuple):
    """A moment in this process, before a request. newest: the highest version of the kind by then."""

    turn: int
    newest: int


def _nobody(*told: object) -> None:
    """Does nothing about it."""


class Cache:
    """Objects by kind, namespace and name, and by other traits. watch_filter: those without this label
    neither wait nor are handed out. probes: see `Known`."""

    def __init__(self, watch_filter: WatchFilter = None, *, probes: bool = False) -> None:
        self._watch_filter = watch_filter
        self.probes = probes
        self._objects: dict[str, dict[NamespacedName, _Known]] = defaultdict(dict)
        self._own, self._shared = Index(), Index()
        """What objects say themselves; what other objects have a say in."""
        self.choosing = Choosing(self)
        self._promised: set[NamespacedName] = set()
        self._deleted: dict[tuple[str, str], int] = {}
        self._newest: dict[str, int] = {}
        self._turn = 0
        self.rewound: Callable[[], None] = _nobody
        """Told when a list is older than what was known before it was asked for: etcd was restored."""
        self.left: Callable[[str, places.Place], None] = _nobody
        """Told the namespace and the host that a machine or an entry no longer has or uses."""
        self.freed: Callable[[str, str], None] = _nobody
        """Told the namespace and the pool of an entry that becomes available; not of a promise that came to nothing."""
        self.taken: Callable[[str, str], None] = _nobody
        """Told the namespace and the name of an entry that was free, and is not any more."""

    def mark(self, kind: str) -> Mark:
        """The moment before a request."""
        return Mark(self._turn, self._newest.get(kind, 0))

    def put(self, kind: str, raw: Raw, asked: Mark | None = None) -> bool:
        """Keep the object unless something newer is known, or it has been deleted since. True when it was kept.
        asked: before the request that it answers; None for an event of a watch."""
        raw = _lean(raw)
        objects, place = self._objects[kind], _place(raw)
        known = objects.get(place)
        deleted = self._deleted.get((kind, _uid(raw)))
        if deleted is not None:
            if asked is None or deleted > asked.turn:
                return False
            del self._deleted[kind, _uid(raw)]
        ordered = known is not None and asked is not None and known.learnt <= asked.turn
        if known is not None and not ordered and version_of(known.raw) > version_of(raw):
            return False
        self._turn += 1
        objects[place] = _Known(raw, self._turn)
        self._newest[kind] = max(self._newest.get(kind, 0), version_of(raw))
        # Not by its version: an etcd that was restored may count from an earlier number.
        if known is None or known.raw != raw:
            before = self._own.of(kind, *place) or frozenset({Trait(By.NAMESPACE, "")})
            self._find_by(kind, place, read_traits(kind, place, before, lambda: traits(kind, raw, self._watch_filter)))
        return True

    def replace(self, kind: str, items: Iterable[Raw], version: int, asked: Mark) -> Iterator[Raw]:
        """Keep what a list says; yield what has changed or gone. version: the list's. What was learnt after the list
        was asked for stays if it is newer by its version."""
        return filter(None, self.replacing(kind, items, version, asked))

    def replacing(self, kind: str, items: Iterable[Raw], version: int, asked: Mark) -> Iterator[Raw | None]:
        """The same, one object at a time, None for one that has not changed. Others may change the cache between one
        and the next."""
        if version < asked.newest:
            self._newest.clear()
            self.rewound()
        self._newest[kind] = max(self._newest.get(kind, 0), version)
        listed = [_lean(raw) for raw in items]
        found = {_uid(raw) for raw in listed}
        for place in list(self._objects[kind]):
            known = self._objects[kind].get(place)
            gone = known is not None and _uid(known.raw) not in found
            if known is not None and gone and not (known.learnt > asked.turn and version_of(known.raw) > version):
                self.remove(kind, known.raw)
                yield known.raw
            else:
                yield None
        for raw in listed:
            known_raw = self.get(kind, namespace_of(raw), name_of(raw))
            yield raw if self.put(kind, raw, asked) and raw != known_raw else None

    def remove(self, kind: str, raw: Raw) -> None:
        """The object has been deleted; a later one of the same name stays."""
        self._turn += 1
        self._deleted[kind, _uid(raw)] = self._turn
        while len(self._deleted) > REMEMBERED:
            del self._deleted[next(iter(self._deleted))]
        known = self._objects[kind].get(_place(raw))
        if known is not None and _uid(known.raw) == _uid(raw):
            del self._objects[kind][_place(raw)]
            self._find_by(kind, _place(raw), frozenset())

    @contextmanager
    def promised(self, entry: Raw) -> Iterator[None]:
        """Nobody else is offered this entry meanwhile."""
        place = _place(entry)
        self._promised.add(place)
        self._share(place)
        try:
            yield
        finally:
            self._promised.discard(place)
            self._share(place)

    def is_promised(self, entry: Raw) -> bool:
        """Somebody is about to take this entry."""
        return _place(entry) in self._promised

    def is_free(self, entry: Raw) -> bool:
        """Nothing but the state of its host may keep this entry from being handed out."""
        return any(trait.by in FREE for trait in self.standing(entry))

    def standing(self, entry: Raw) -> frozenset[Trait]:
        """See known.Known."""
        return self._shared.of(ENTRIES, *_place(entry))

    def _find_by(self, kind: str, place: NamespacedName, its: frozenset[Trait]) -> None:
        """The object is found by these from now on, and so are the entries of pools that it has a say in."""
        changed = self._own.set(kind, *place, its)
        if kind in {MACHINES, "Machine"}:
            owned = self._own.find(MACHINES, place[0], By.OWNER, place[1]) if kind == "Machine" else [("", place[1])]
            for _, name in owned:
                self.choosing.machine_changed(place[0], name, self._own.of(MACHINES, place[0], name))
        names = set()
        if kind == ENTRIES:
            names.add(place[1])
        elif kind == MACHINES:
            names |= self._names(place[0], By.HOLDER_NAME, place[1])
        elif kind == SECRETS.kind and changed:
            names |= self._names(place[0], By.SECRET, place[1])
        for trait in changed:
            if trait.by in AT_THE_HOST:
                names |= self._names(place[0], By.PLACE, trait.value)
            if trait.by in AT_THE_HOST and trait not in its:
                self.left(place[0], cast(places.Place, trait.value))
            if trait.by is By.DOMAIN and trait not in its:  # domains may count no more in this pool
                self.freed(place[0], str(trait.value))
        gained = {trait for name in names for trait in self._share((place[0], name))}
        for pool in {str(trait.value) for trait in gained if trait.by in TO_BE_HAD}:
            self.freed(place[0], pool)

    def _names(self, namespace: str, by: By, value: Hashable) -> set[str]:
        return {name for _, name in self._own.find(ENTRIES, namespace, by, value)}

    def _share(self, place: NamespacedName) -> frozenset[Trait]:
        """Index the entry by what others have a say in. Returns the traits by which it was not found before."""
        raw = self.get(ENTRIES, *place)
        its: frozenset[Trait] = frozenset()
        if raw is not None:
            its = read_traits(ENTRIES, place, its, lambda: entry_state.shared_traits(self, raw, self._watch_filter))
        if place in self._promised:
            its = frozenset(trait for trait in its if trait.by is By.STATE)
        changed = self._shared.set(ENTRIES, *place, its)
        self.choosing.entry_changed(*place, raw, its)
        if {trait.by for trait in changed - its} & FREE and not {trait.by for trait in its} & FREE:
            self.taken(*place)
        return changed & its

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        """One object."""
        known = self._objects[kind].get((namespace, name))
        return known.raw if known is not None else None

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Raw]:
        """Every object of the kind, in one namespace or in all, by name."""
        every = sorted({name for name, _, _ in self._own.sizes(kind, By.NAMESPACE)})
        for each in every if namespace is None else [namespace]:
            yield from self.by(kind, each, By.NAMESPACE, "")

    def by(self, kind: str, namespace: str, by: By, value: Hashable) -> Iterator[Raw]:
        """See known.Known."""
        objects = self._objects[kind]
        for _, name in self._index(by).find(kind, namespace, by, value):
            yield objects[namespace, name].raw

    def number(self, kind: str, namespace: str, by: By, value: Hashable) -> int:
        """See known.Known."""
        return len(self._index(by).find(kind, namespace, by, value))

    def numbers(self, kind: str, by: By) -> Mapping[tuple[str, Any], int]:
        """How many there are, by namespace and value."""
        return {(namespace, value): number for namespace, value, number in self._index(by).sizes(kind, by)}

    def _index(self, by: By) -> Index:
        return self._shared if by in SHARED else self._own


def _uid(raw: Raw) -> str:
    return str(raw["metadata"].get("uid", ""))


def _place(raw: Raw) -> NamespacedName:
    return namespace_of(raw), name_of(raw)


def _lean(raw: Raw) -> Raw:
    """The object without `managedFields`, which are half of it, and which nobody asks for."""
    if "managedFields" not in raw["metadata"]:
        return raw
    return {**raw, "metadata": {name: value for name, value in raw["metadata"].items() if name != "managedFields"}}
