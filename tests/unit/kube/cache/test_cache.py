"""What is newer: by versions among events, by the order in this process where a request was answered."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from capra.kube.cache import cache as cache_module
from capra.kube.cache import entry_state
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.client.resources import Raw

KIND = "RemoteMachine"


def seen(version: int, name: str = "m", uid: str = "", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "v", "kind": KIND, "metadata": metadata, "spec": spec}


def versions(cache: Cache) -> dict[str, int]:
    return {raw["metadata"]["name"]: int(raw["metadata"]["resourceVersion"]) for raw in cache.all(KIND)}


def known(*raws: Raw) -> Cache:
    cache = Cache()
    for raw in raws:
        assert cache.put(KIND, raw)
    return cache


def listed(cache: Cache, version: int, *items: Raw) -> list[str]:
    """A list that was asked for just now; the names of what it has changed."""
    asked = cache.mark(KIND)
    return [raw["metadata"]["name"] for raw in cache.replace(KIND, items, version, asked)]


def test_an_older_event_is_passed_over() -> None:
    cache = known(seen(7))
    assert not cache.put(KIND, seen(6))
    assert cache.put(KIND, seen(8))
    cache.remove(KIND, seen(8))
    assert not cache.put(KIND, seen(9))
    assert cache.put(KIND, seen(9, uid="another"))
    assert versions(cache) == {"m": 9}


def test_a_list_is_the_truth_whatever_its_version() -> None:
    """etcd was restored: lower versions, objects that are gone, and one that had been deleted is there again."""
    cache = known(seen(5000), seen(5001, "gone"), seen(4000, "back"), seen(600, "same"))
    cache.remove(KIND, seen(5002, "back"))
    told: list[str] = []
    cache.rewound = lambda: told.append("rewound")
    changed = listed(cache, 900, seen(800), seen(700, "back"), seen(600, "same"))
    assert sorted(changed) == ["back", "gone", "m"]
    assert versions(cache) == {"m": 800, "back": 700, "same": 600}
    assert told == ["rewound"]
    # What is written and seen from now on counts as ever.
    assert cache.put(KIND, seen(901))
    assert not cache.put(KIND, seen(850))
    assert not cache.put(KIND, seen(902, "gone"))
    assert listed(cache, 903, seen(901), seen(700, "back"), seen(600, "same")) == []
    assert told == ["rewound"]


def test_a_list_of_another_kind_tells_no_second_time() -> None:
    cache = known(seen(5000))
    cache.put("Machine", seen(5001))
    told: list[str] = []
    cache.rewound = lambda: told.append("rewound")
    for kind in (KIND, "Machine"):
        list(cache.replace(kind, [], 10, cache.mark(kind)))
    assert told == ["rewound"]
    assert versions(cache) == {}


def test_what_was_written_while_a_list_was_read_stays() -> None:
    cache = known(seen(5), seen(6, "deleted"))
    asked = cache.mark(KIND)
    began = cache.mark(KIND)
    assert cache.put(KIND, seen(12), began)  # an answer to our own write
    assert cache.put(KIND, seen(13, "made"))  # an event
    cache.remove(KIND, seen(14, "deleted"))
    assert list(cache.replace(KIND, [seen(5), seen(6, "deleted")], 10, asked)) == []
    assert versions(cache) == {"m": 12, "made": 13}
    # The next list, asked for after that, decides.
    assert listed(cache, 15, seen(12)) == ["made"]


def test_an_event_that_came_late_does_not_outlive_the_list() -> None:
    """It was learnt while the list was read, but the list is newer by its version and lacks the object."""
    cache = Cache()
    asked = cache.mark(KIND)
    cache.put(KIND, seen(7))
    assert [raw["metadata"]["name"] for raw in cache.replace(KIND, [], 10, asked)] == ["m"]
    assert versions(cache) == {}


def test_an_answer_is_newer_than_what_was_known_before_it_was_asked_for() -> None:
    """A write to a restored etcd, or a read after a conflict: its version is lower, and it counts."""
    cache = known(seen(5000))
    asked = cache.mark(KIND)
    assert not cache.put(KIND, seen(900))
    assert cache.put(KIND, seen(900), asked)
    assert versions(cache) == {"m": 900}


def test_an_answer_that_was_overtaken_is_passed_over() -> None:
    cache = known(seen(5))
    asked = cache.mark(KIND)
    cache.put(KIND, seen(9))
    assert not cache.put(KIND, seen(7), asked)
    cache.remove(KIND, seen(10))
    assert not cache.put(KIND, seen(7), asked)
    assert versions(cache) == {}


@pytest.mark.parametrize("namespace", [None, "default"])
def test_objects_are_given_by_name(namespace: str | None) -> None:
    cache = known(seen(1, "b"), seen(2, "a"))
    assert [raw["metadata"]["name"] for raw in cache.all(KIND, namespace)] == ["a", "b"]
    assert cache.get(KIND, "default", "c") is None


@pytest.mark.parametrize(
    ("module", "name", "by"),
    [(cache_module, "traits", By.POOL), (entry_state, "shared_traits", By.STATE)],
    ids=["its-own", "others'"],
)
def test_an_object_that_nobody_can_read_keeps_none_from_the_others(
    module: ModuleType, name: str, by: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = getattr(module, name)

    def read(*arguments: Any) -> Any:
        (raw,) = [one for one in arguments if isinstance(one, dict)]
        if raw["metadata"]["name"] == "odd":
            raise TypeError("nobody has thought of this")
        return sound(*arguments)

    monkeypatch.setattr(module, name, read)
    cache, kind = Cache(), "PooledRemoteMachine"
    for item in ("odd", "sound"):
        assert cache.put(kind, seen(1, item, pool="p"))
    assert [raw["metadata"]["name"] for raw in cache.all(kind)] == ["odd", "sound"]
    assert list(cache.numbers(kind, by).values()) == [1]


def test_an_object_that_cannot_be_read_any_more_keeps_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, host = known(seen(1, address="192.0.2.1")), ("192.0.2.1", 22)

    def left(namespace: str, place: object) -> None:
        raise AssertionError(f"{place} in {namespace} is free")

    cache.left = left
    monkeypatch.setattr(cache_module, "traits", lambda *_: (_ for _ in ()).throw(TypeError))
    assert cache.put(KIND, seen(2, address="192.0.2.1"))
    assert cache.number(KIND, "default", By.PLACE, host) == 1
