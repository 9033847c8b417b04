"""Events: each told once, and counted when it is told again."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from capra.engine.told.announce import NORMAL, WARNING, Announcement
from capra.errors import Retry
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import Raw, Resource
from capra.kube.stores import events
from capra.kube.stores.events import SAME_FOR, EventRecorder

FAILED = Announcement(WARNING, "BootstrapFailed", "no room")


def _object(name: str = "m", uid: str = "u") -> Raw:
    metadata = {"name": name, "namespace": "n", "uid": uid, "resourceVersion": "1"}
    return {"apiVersion": "g/v1", "kind": "RemoteMachine", "metadata": metadata}


class Server:
    """What it was asked for."""

    def __init__(self) -> None:
        self.events: dict[str, Raw] = {}
        self.fails: list[Exception] = []

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)

    async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
        self._fail()
        self.events[body["metadata"]["name"]] = body
        return body

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw) -> Raw:
        self._fail()
        if name not in self.events:
            raise MissingError("gone", reason="NotFound")
        self.events[name] = {**self.events[name], **body}
        return self.events[name]


class Site:
    """A recorder, its server, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.server = Server()
        server: Any = self.server
        self.recorder = EventRecorder(server, lambda: self.now)

    @property
    def told(self) -> list[tuple[str, str, int]]:
        return [(one["involvedObject"]["name"], one["reason"], one["count"]) for one in self.server.events.values()]


async def test_the_same_is_counted() -> None:
    site = Site()
    for _ in range(3):
        await site.recorder.record(_object(), FAILED)
        site.now += 10
    await site.recorder.record(_object(), Announcement(NORMAL, "BootstrapSucceeded", "done"))
    await site.recorder.record(_object(), Announcement(WARNING, "BootstrapFailed", "another cause"))
    await site.recorder.record(_object("m", "another"), FAILED)
    assert site.told == [
        ("m", "BootstrapFailed", 3),
        ("m", "BootstrapSucceeded", 1),
        ("m", "BootstrapFailed", 1),
        ("m", "BootstrapFailed", 1),
    ]
    first = next(iter(site.server.events.values()))
    assert (first["firstTimestamp"], first["lastTimestamp"]) == ("1970-01-01T00:16:40Z", "1970-01-01T00:17:00Z")


async def test_one_that_has_gone_or_is_old_is_made_anew() -> None:
    site = Site()
    await site.recorder.record(_object(), FAILED)
    site.server.events.clear()
    await site.recorder.record(_object(), FAILED)
    assert site.told == [("m", "BootstrapFailed", 1)]
    site.now += SAME_FOR
    await site.recorder.record(_object(), FAILED)
    assert site.told == [("m", "BootstrapFailed", 1)] * 2


async def test_an_event_that_cannot_be_written_is_logged() -> None:
    site = Site()
    site.server.fails = [Retry("no answer"), Retry("no answer")]
    with capture_logs() as logged:
        await site.recorder.record(_object(), FAILED)
        await site.recorder.record(_object(), FAILED)
    assert [line["event"] for line in logged] == ["an event could not be written"] * 2
    await site.recorder.record(_object(), FAILED)
    assert site.told == [("m", "BootstrapFailed", 1)]


async def test_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "REMEMBERED", 2)
    site = Site()
    for name in ("a", "b", "c", "a", "c"):
        await site.recorder.record(_object(name, name), FAILED)
    again = [("a", "BootstrapFailed", 1)] * 2
    assert sorted(site.told) == [*again, ("b", "BootstrapFailed", 1), ("c", "BootstrapFailed", 2)]
