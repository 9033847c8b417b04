"""One Lease in memory, the connections of replicas to it, and a stage that two of them must never stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from capra.kube.client.errors import ConflictError, MissingError, UnavailableError
from capra.kube.client.resources import Raw, Resource


@dataclass
class LeaseServer:
    """What an API server keeps of the Lease."""

    lease: Raw | None = None
    writes: list[tuple[float, str]] = field(default_factory=list)
    """When who was written as the holder."""

    def get(self) -> Raw:
        if self.lease is None:
            raise MissingError("there is no Lease")
        return self.lease

    def write(self, body: Raw) -> Raw:
        """Create, or a merge patch with the version that was read."""
        version = 0
        asked = body["metadata"].get("resourceVersion")
        if self.lease is not None:
            version = int(self.lease["metadata"]["resourceVersion"])
            if asked != str(version):
                raise ConflictError("the Lease has changed")
        elif asked is not None:
            raise MissingError("there is no Lease")
        before: Mapping[str, Any] = self.lease["spec"] if self.lease is not None else {}
        metadata = {"uid": "u", "resourceVersion": str(version + 1)}
        self.lease = {"metadata": metadata, "spec": {**before, **body["spec"]}}
        self.writes.append((asyncio.get_running_loop().time(), self.holder))
        return self.lease

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease is not None else ""


@dataclass
class Connection:
    """One replica's way to the server; in the place of capra.kube.client.api.Api."""

    server: LeaseServer
    latency: float = 0.01
    """Seconds for a request, and for its answer."""
    broken: bool = False
    """Every request fails at once."""
    hangs: bool = False
    """No request ever arrives."""
    deaf: bool = False
    """Writes are carried out, and their answers are lost."""
    error: Exception | None = None
    """What every request is answered with."""

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        return await self._ask(self.server.get)

    async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
        return await self._ask(partial(self.server.write, body), deaf=self.deaf)

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw) -> Raw:
        return await self._ask(partial(self.server.write, body), deaf=self.deaf)

    async def _ask(self, action: Callable[[], Raw], *, deaf: bool = False) -> Raw:
        if self.broken:
            raise UnavailableError("connection refused")
        await asyncio.sleep(1e9 if self.hangs else self.latency)
        if self.error is not None:
            raise self.error
        try:
            return action()
        finally:
            await asyncio.sleep(self.latency)
            if deaf:
                raise UnavailableError("connection reset")


@dataclass
class Stage:
    """Who is at work."""

    at_work: list[str] = field(default_factory=list)
    seen: list[tuple[float, str, str]] = field(default_factory=list)
    """When who began, was told to end, and ended."""
    together: list[tuple[str, ...]] = field(default_factory=list)
    """Who was at work at once: nobody ever may be."""

    async def work(self, name: str, ending: float = 0.0) -> None:
        """Work for ever; needs so many seconds to end."""
        self.enter(name)
        try:
            await asyncio.Event().wait()
        finally:
            self._note(name, "told")
            if ending:
                await asyncio.sleep(ending)
            self.leave(name)

    def enter(self, name: str) -> None:
        """It begins to work."""
        self.at_work.append(name)
        self._note(name, "began")
        if len(self.at_work) > 1:
            self.together.append(tuple(self.at_work))

    def leave(self, name: str) -> None:
        """It has ended, or its process has."""
        if name in self.at_work:
            self.at_work.remove(name)
            self._note(name, "ended")

    def when(self, name: str, what: str) -> float:
        """The first time."""
        return next(time for time, who, did in self.seen if (who, did) == (name, what))

    def _note(self, name: str, what: str) -> None:
        self.seen.append((asyncio.get_running_loop().time(), name, what))
