"""Holds Secrets with the SSH keys of machines: a key that a cleanup needs outlives its deletion (decision 35)."""

from __future__ import annotations

import structlog

from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.client.api import Api
from capra.kube.client.errors import DeniedError, MissingError
from capra.kube.client.resources import ENTRIES, MACHINES, SECRETS, SSH_KEY_FINALIZER, Raw, name_of, namespace_of

log = structlog.get_logger(__name__)


class HeldSecrets:
    """Writes and removes the finalizer of SSH keys' Secrets. It knows only their metadata."""

    def __init__(self, api: Api, cache: Cache) -> None:
        self._api = api
        self._cache = cache
        self._denied = False

    def is_named(self, namespace: str, name: str) -> bool:
        """Some machine or entry names the Secret."""
        return self._any(By.SECRET, namespace, name)

    def is_needed(self, namespace: str, name: str) -> bool:
        """A host may have to be cleaned with its key. Merely naming a Secret does not keep it from deletion."""
        return self._any(By.NEEDED_KEY, namespace, name)

    def _any(self, by: By, namespace: str, name: str) -> bool:
        return any(self._cache.number(kind, namespace, by, name) for kind in (MACHINES, ENTRIES))

    async def hold(self, namespace: str, name: str) -> None:
        """Hold it, before its key is used for the first time. One that is being deleted takes no more finalizers,
        and a missing one is reported elsewhere. Raises ConflictError where somebody else has changed it."""
        raw = self._cache.get(SECRETS.kind, namespace, name) if name else None
        if raw is not None and not is_held(raw) and not raw["metadata"].get("deletionTimestamp"):
            await self._write(raw, [*_finalizers(raw), SSH_KEY_FINALIZER])

    async def let_go(self, raw: Raw) -> None:
        """Let it go. Raises ConflictError where somebody else has changed it."""
        await self._write(raw, [one for one in _finalizers(raw) if one != SSH_KEY_FINALIZER])

    async def _write(self, raw: Raw, finalizers: list[str]) -> None:
        metadata = raw["metadata"]
        body = {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}
        asked = self._cache.mark(SECRETS.kind)
        try:
            answer = await self._api.patch_metadata(SECRETS, namespace_of(raw), name_of(raw), body)
        except MissingError:
            self._cache.remove(SECRETS.kind, raw)
        except DeniedError as error:
            # With an older version's rights, the work goes on as before.
            if not self._denied:
                log.warning("SSH keys are not held: a cleanup fails where a key is deleted first", error=str(error))
            self._denied = True
        else:
            self._denied = False
            self._cache.put(SECRETS.kind, SECRETS.complete(answer), asked)


def is_held(raw: Raw) -> bool:
    """The Secret has the finalizer."""
    return SSH_KEY_FINALIZER in _finalizers(raw)


def _finalizers(raw: Raw) -> list[str]:
    return list(raw["metadata"].get("finalizers") or ())
