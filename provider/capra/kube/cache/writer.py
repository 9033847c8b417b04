"""Writes to objects that the cache knows: each is based on the version that was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.kube.cache.cache import Cache
from capra.kube.client.api import Api
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import ObjectKey, Raw, Resource, name_of, namespace_of
from capra.model.machine import MachineKey, RemoteMachine


class Writer:
    """Patches objects, and keeps the cache at least as new as every answer."""

    def __init__(self, api: Api, cache: Cache) -> None:
        self._api = api
        self._cache = cache

    def raw(self, key: MachineKey | ObjectKey) -> Raw:
        """The object as it is known. Raises MissingError."""
        raw = self._cache.get(key.kind, key.namespace, key.name)
        if raw is None:
            raise MissingError(f"{key} does not exist any more", reason="NotFound")
        return raw

    def same(self, machine: RemoteMachine) -> Raw:
        """The object that was looked at, as it is known by now. Raises MissingError when it is gone, though another one
        may have its name: nothing that was found out or done for this one holds for that."""
        raw = self.raw(machine.key)
        if str(raw["metadata"].get("uid", "")) != machine.uid:
            raise MissingError(f"{machine.key} does not exist any more: another one has its name", reason="NotFound")
        return raw

    async def patch(self, resource: Resource, raw: Raw, body: Mapping[str, Any], subresource: str = "") -> Raw:
        """A merge patch of the version that was read; returns the new one.

        Raises ConflictError when the object has another version by now, or another UID: the cache then has the newest.
        Raises MissingError when it is gone.
        """
        metadata = dict(body.get("metadata") or {})
        metadata |= {"resourceVersion": raw["metadata"]["resourceVersion"], "uid": raw["metadata"]["uid"]}
        namespace, name = namespace_of(raw), name_of(raw)
        asked = self._cache.mark(resource.kind)
        try:
            answer = await self._api.patch(resource, namespace, name, {**body, "metadata": metadata}, subresource)
        except ConflictError:
            await self._refresh(resource, raw)
            raise
        except MissingError:
            self._cache.remove(resource.kind, raw)
            raise
        self._cache.put(resource.kind, answer, asked)
        return answer

    async def _refresh(self, resource: Resource, raw: Raw) -> None:
        """The watch may be late: without this, the next attempt would begin with the same old version."""
        asked = self._cache.mark(resource.kind)
        try:
            self._cache.put(resource.kind, await self._api.get(resource, namespace_of(raw), name_of(raw)), asked)
        except MissingError:
            self._cache.remove(resource.kind, raw)
