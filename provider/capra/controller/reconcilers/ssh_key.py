"""One look at a Secret with an SSH key: held from its first use until no machine and no pool's entry names it."""

from __future__ import annotations

from capra.controller.reconcilers.reconciler import DONE, Result
from capra.engine.told.announce import WARNING, Announcement
from capra.kube.cache.cache import Cache
from capra.kube.client.resources import SECRETS, ObjectKey
from capra.kube.stores.events import EventRecorder
from capra.kube.stores.held_secrets import HeldSecrets, is_held


class SSHKeyReconciler:
    """A `Reconciler` of the Secrets that machines and entries name in `sshKeyRef`."""

    def __init__(self, cache: Cache, held: HeldSecrets, events: EventRecorder) -> None:
        self._cache = cache
        self._held = held
        self._events = events
        self._told: set[str] = set()
        """UIDs of the Secrets already reported as held."""

    async def reconcile(self, key: ObjectKey) -> Result:
        """One step."""
        raw = self._cache.get(SECRETS.kind, key.namespace, key.name)
        if raw is None:
            return DONE
        named = self._held.is_named(key.namespace, key.name)
        uid, held = str(raw["metadata"]["uid"]), is_held(raw)
        if not named:
            self._told.discard(uid)
            if held:
                await self._held.let_go(raw)
        elif not held:
            # What merely names it holds it once a host is about to be touched with it (KubeStore.save).
            if self._held.is_needed(key.namespace, key.name):
                await self._held.hold(key.namespace, key.name)
        elif raw["metadata"].get("deletionTimestamp") and uid not in self._told:
            self._told.add(uid)
            message = "it goes when no RemoteMachine and no PooledRemoteMachine names its SSH key any more"
            told = {**raw, "apiVersion": SECRETS.api_version, "kind": SECRETS.kind}
            await self._events.record(told, Announcement(WARNING, "SSHKeyInUse", message))
        return DONE
