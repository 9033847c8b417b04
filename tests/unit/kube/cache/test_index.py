"""Objects are found by what they have in common, in order, and no longer when they have gone."""

from __future__ import annotations

import pytest

from capra.kube.cache.index import Index, Trait, read_traits
from capra.kube.cache.known import By

POOL = Trait(By.POOL, "p")


def test_objects_with_the_same_value_come_in_order() -> None:
    index = Index()
    index.set("Kind", "n", "b", frozenset({Trait(By.POOL, "p", "2")}))
    index.set("Kind", "n", "a", frozenset({Trait(By.POOL, "p", "2")}))
    index.set("Kind", "n", "c", frozenset({Trait(By.POOL, "p", "1")}))
    index.set("Kind", "other", "d", frozenset({POOL}))
    assert [name for _, name in index.find("Kind", "n", By.POOL, "p")] == ["c", "a", "b"]
    assert index.find("Kind", "n", By.SECRET, "p") == ()
    assert sorted(index.sizes("Kind", By.POOL)) == [("n", "p", 3), ("other", "p", 1)]


def test_what_has_changed_is_told() -> None:
    index = Index()
    assert index.set("Kind", "n", "a", frozenset({POOL})) == {POOL}
    moved = Trait(By.POOL, "q")
    assert index.set("Kind", "n", "a", frozenset({moved})) == {POOL, moved}
    assert index.set("Kind", "n", "a", frozenset({moved})) == frozenset()
    assert index.find("Kind", "n", By.POOL, "p") == ()
    assert index.set("Kind", "n", "a", frozenset()) == {moved}
    assert index.of("Kind", "n", "a") == frozenset()
    assert list(index.sizes("Kind", By.POOL)) == []


def test_an_object_that_cannot_be_read_keeps_nobody_from_the_others() -> None:
    def broken() -> frozenset[Trait]:
        raise KeyError("metadata")

    assert read_traits("Kind", ("n", "a"), frozenset({POOL}), broken) == {POOL}
    assert read_traits("Kind", ("n", "a"), frozenset(), lambda: frozenset({POOL})) == {POOL}


@pytest.mark.parametrize("value", ["x", ("192.0.2.1", 22)])
def test_any_value_that_can_be_a_key_is_found(value: object) -> None:
    index = Index()
    index.set("Kind", "n", "a", frozenset({Trait(By.PLACE, value)}))
    assert len(index.find("Kind", "n", By.PLACE, value)) == 1
