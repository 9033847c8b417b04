"""Writes events. One that repeats another about the same object is counted, as in Kubernetes' own recorder."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from capra.engine.ports import Clock
from capra.engine.told.announce import Announcement
from capra.errors import CapraError
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import EVENTS, Raw, name_of, namespace_of
from capra.model.status import timestamp

COMPONENT = "capra"
REMEMBERED = 4096
"""Events that are remembered, as client-go's recorder does (events_cache.go)."""

SAME_FOR = 3000.0
"""Seconds in which repeats are counted. The API server keeps an event for an hour after its last change by default."""

log = structlog.get_logger(__name__)
_Key = tuple[str, Announcement]


@dataclass(frozen=True)
class _Known:
    """An event that was written. at: when it was counted last."""

    name: str
    count: int
    at: float


class EventRecorder:
    """Writes events. A failure to write one is logged and never raised: it is no reason to stop."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: OrderedDict[_Key, _Known] = OrderedDict()

    async def record(self, raw: Raw, announcement: Announcement) -> None:
        """Tell of this object."""
        key, now = (str(raw["metadata"]["uid"]), announcement), self._clock()
        known = self._known.pop(key, None)
        try:
            if known is not None and now - known.at < SAME_FOR and await self._count(raw, known, now):
                known = _Known(known.name, known.count + 1, now)
            else:
                known = _Known(await self._create(raw, announcement, now), 1, now)
        except CapraError as error:
            log.warning("an event could not be written", reason=announcement.reason, error=str(error))
            return
        self._known[key] = known
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _count(self, raw: Raw, known: _Known, now: float) -> bool:
        """False where it is gone."""
        more = {"count": known.count + 1, "lastTimestamp": timestamp(now)}
        try:
            await self._api.patch(EVENTS, namespace_of(raw), known.name, more)
        except MissingError:
            return False
        return True

    async def _create(self, raw: Raw, announcement: Announcement, now: float) -> str:
        name = f"{name_of(raw)[:230]}.{secrets.token_hex(8)}"
        body = {
            "metadata": {"name": name, "namespace": namespace_of(raw)},
            "involvedObject": {
                "apiVersion": raw["apiVersion"],
                "kind": raw["kind"],
                "namespace": namespace_of(raw),
                "name": name_of(raw),
                "uid": raw["metadata"]["uid"],
                "resourceVersion": raw["metadata"]["resourceVersion"],
            },
            "type": announcement.type,
            "reason": announcement.reason,
            "message": announcement.message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
        }
        await self._api.create(EVENTS, namespace_of(raw), body)
        return name
