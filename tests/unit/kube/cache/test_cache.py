"""What is newer: by versions among events, by the order in this process where a request was answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from capra.kube.cache.cache import Cache
from capra.kube.cache.sync import refresh, watch_secrets
from capra.kube.client.errors import DeniedError
from capra.kube.client.resources import REMOTE_MACHINES, SECRETS, Raw
from tests.support.virtual_time import run_in_virtual_time

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


class Server:
    """Answers lists in turn; watches end at once."""

    def __init__(self, *answers: Raw) -> None:
        self.answers = list(answers)
        self.lists = 0

    async def list(self, *_: Any, **__: Any) -> Raw:
        self.lists += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[tuple[str, Raw]]:
        await asyncio.sleep(0)
        yield "BOOKMARK", answer(50)


def answer(version: int, *items: Raw) -> Raw:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items) or None}


async def test_others_have_a_turn_after_each_object_that_is_told() -> None:
    turns, told = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    server: Any = Server(answer(50, *(seen(number + 1, f"m-{number}") for number in range(20))))
    await refresh(server, Cache(), REMOTE_MACHINES, "", lambda *_: told.append(turns))
    counting.cancel()
    await asyncio.wait([counting])
    assert len(told) == len(set(told)) == 20


async def test_refresh() -> None:
    cache, told = known(seen(50), seen(60, "gone")), []
    server: Any = Server(answer(9, seen(8)))
    version = await refresh(server, cache, REMOTE_MACHINES, "", lambda _, raw: told.append(raw["metadata"]["name"]))
    assert version == "9"
    assert versions(cache) == {"m": 8}
    assert sorted(told) == ["gone", "m"]


@pytest.mark.parametrize("ends", ["at once", "with an error", "refused"])
def test_a_watch_that_is_lost_again_and_again_is_begun_ever_more_rarely(
    ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time all Secrets are listed, and whoever is told reads everything again."""

    class Short(Server):
        async def watch(self, *_: Any, **__: Any) -> AsyncIterator[tuple[str, Raw]]:
            await asyncio.sleep(0)
            if ends == "refused":
                raise DeniedError("no")
            if ends == "with an error":
                yield "ERROR", {"code": 410}

    async def test() -> list[float]:
        monkeypatch.setattr("capra.kube.cache.sync.time", SimpleNamespace(monotonic=asyncio.get_running_loop().time))
        server: Any = Short(answer(50))
        told: list[float] = []
        watching = asyncio.ensure_future(
            watch_secrets(server, Cache(), "", lambda *_: None, lambda: told.append(asyncio.get_running_loop().time()))
        )
        await asyncio.sleep(600)
        watching.cancel()
        await asyncio.wait([watching])
        assert server.lists == len(told) + 1
        return told

    told = run_in_virtual_time(test())
    assert told[:6] == [2, 6, 14, 30, 62, 122]
    assert len(told) == 13


def test_a_watch_that_has_lasted_is_begun_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lasting(Server):
        async def watch(self, *_: Any, **__: Any) -> AsyncIterator[tuple[str, Raw]]:
            await asyncio.sleep(100)
            yield "BOOKMARK", answer(50)

    async def test() -> int:
        monkeypatch.setattr("capra.kube.cache.sync.time", SimpleNamespace(monotonic=asyncio.get_running_loop().time))
        server: Any = Lasting(answer(50))
        watching = asyncio.ensure_future(watch_secrets(server, Cache(), "", lambda *_: None))
        await asyncio.sleep(1015)
        watching.cancel()
        await asyncio.wait([watching])
        return int(server.lists)

    assert run_in_virtual_time(test()) == 10


async def test_a_watch_that_ends_early_begins_with_a_list() -> None:
    """The next API server may go on from another state: its list tells, and whoever waits for that is told."""
    cache, lost = Cache(), asyncio.Event()
    server: Any = Server(answer(50, seen(50)), answer(9, seen(8, "old")))
    rewound: list[str] = []
    cache.rewound = lambda: rewound.append("rewound")
    watching = asyncio.ensure_future(watch_secrets(server, cache, "", lambda *_: None, lost.set))
    async with asyncio.timeout(10):
        await lost.wait()
    watching.cancel()
    await asyncio.wait([watching])
    assert [raw["metadata"]["name"] for raw in cache.all(SECRETS.kind)] == ["old"]
    assert rewound == ["rewound"]


@pytest.mark.parametrize("namespace", [None, "default"])
def test_objects_are_given_by_name(namespace: str | None) -> None:
    cache = known(seen(1, "b"), seen(2, "a"))
    assert [raw["metadata"]["name"] for raw in cache.all(KIND, namespace)] == ["a", "b"]
    assert cache.get(KIND, "default", "c") is None
