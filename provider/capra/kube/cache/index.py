"""Finds objects by what they have in common. It knows names, not objects."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

import structlog

from capra.kube.cache.known import By

log = structlog.get_logger(__name__)


class Trait(NamedTuple):
    """What an object is found by. order: objects with the same value come in this order, then by name."""

    by: By
    value: Hashable
    order: str = ""


def read_traits(
    kind: str, place: tuple[str, str], otherwise: frozenset[Trait], read: Callable[[], frozenset[Trait]]
) -> frozenset[Trait]:
    """What an object is found by; `otherwise` where it says something unforeseen, which must not keep anybody
    from learning of the others. place: namespace and name."""
    try:
        return read()
    except Exception:
        log.exception("an object says what cannot be read", kind=kind, namespace=place[0], name=place[1])
        return otherwise


class Index:
    """Names of objects by kind, namespace and trait. A query costs as much as its answer is long."""

    def __init__(self) -> None:
        self._traits: dict[tuple[str, str, str], frozenset[Trait]] = {}
        self._names: dict[tuple[str, By], dict[tuple[str, Hashable], list[tuple[str, str]]]] = defaultdict(dict)

    def of(self, kind: str, namespace: str, name: str) -> frozenset[Trait]:
        """The traits of an object; none for one that is not known."""
        return self._traits.get((kind, namespace, name), frozenset())

    def set(self, kind: str, namespace: str, name: str, traits: frozenset[Trait]) -> frozenset[Trait]:
        """The traits of an object from now on; none for one that is gone. Returns those that have come or gone."""
        key = (kind, namespace, name)
        before = self._traits.get(key, frozenset())
        for trait in before - traits:
            self._drop(kind, namespace, name, trait)
        for trait in traits - before:
            insort(self._names[kind, trait.by].setdefault((namespace, trait.value), []), (trait.order, name))
        if traits:
            self._traits[key] = traits
        else:
            self._traits.pop(key, None)
        return before ^ traits

    def _drop(self, kind: str, namespace: str, name: str, trait: Trait) -> None:
        places = self._names[kind, trait.by]
        names = places[namespace, trait.value]
        del names[bisect_left(names, (trait.order, name))]
        if not names:
            del places[namespace, trait.value]

    def find(self, kind: str, namespace: str, by: By, value: Hashable) -> Sequence[tuple[str, str]]:
        """Order and name of each object with this value."""
        return self._names[kind, by].get((namespace, value), ())

    def sizes(self, kind: str, by: By) -> Iterator[tuple[str, Hashable, int]]:
        """Namespace, value and number of objects, of every value that there is."""
        for (namespace, value), names in self._names[kind, by].items():
            yield namespace, value, len(names)
