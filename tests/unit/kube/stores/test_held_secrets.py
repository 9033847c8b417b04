"""Secrets with SSH keys are held once, and let go when nobody names them."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from capra.controller.reconcilers.reconciler import DONE
from capra.controller.reconcilers.ssh_key import SSHKeyReconciler
from capra.kube.client.errors import ConflictError, DeniedError
from capra.kube.client.resources import QUARANTINED, SSH_KEY_FINALIZER, ObjectKey, Raw
from capra.kube.stores.events import EventRecorder
from capra.kube.stores.held_secrets import HeldSecrets, is_held
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import entry, machine
from tests.unit.kube.store_world import Server, StoreWorld

KEY = ObjectKey("Secret", "default", "key")
HOST: dict[str, Any] = {"address": "192.0.2.3", "sshKeyRef": {"name": "key"}}
USER = machine("m", "uid-m", Phase.BOOTSTRAPPING, pool="", **HOST)
NAMING = machine("m", "uid-m", pool="", **HOST)


class Site:
    """A Secret, whoever uses it, and what is told."""

    def __init__(self, *users: Raw) -> None:
        self.world = StoreWorld(*users)
        server: Any = self.world.server
        self.held = HeldSecrets(server, self.world.cache)
        self.events: list[str] = []
        recorder = EventRecorder(server, lambda: 0.0)
        recorder.record = self._record  # type: ignore[method-assign]  # the recorder has tests of its own
        self.reconciler = SSHKeyReconciler(self.world.cache, self.held, recorder)

    async def _record(self, raw: Raw, announcement: Any) -> None:
        assert (raw["apiVersion"], raw["kind"]) == ("v1", "Secret")
        self.events.append(announcement.reason)

    @property
    def server(self) -> Server:
        return self.world.server

    @property
    def finalizers(self) -> list[str]:
        return list(self.world.get("Secret", "key")["metadata"].get("finalizers", ()))

    async def look(self) -> None:
        assert await self.reconciler.reconcile(KEY) is DONE

    def change(self, **metadata: Any) -> None:
        raw = self.world.get("Secret", "key")
        self.world.put({**raw, "metadata": {**raw["metadata"], **metadata}})


async def test_it_is_held_with_one_write_and_let_go_with_another() -> None:
    site = Site(USER)
    site.change(finalizers=["example.org/theirs"])
    for _ in range(3):
        await site.look()
    assert site.finalizers == ["example.org/theirs", SSH_KEY_FINALIZER]
    assert site.server.patches == 1
    site.world.cache.remove("RemoteMachine", site.world.get("RemoteMachine", "m"))
    for _ in range(3):
        await site.look()
    assert site.finalizers == ["example.org/theirs"]
    assert (site.server.patches, site.events) == (2, [])


async def test_what_is_being_deleted_is_told_once_and_takes_no_finalizer() -> None:
    site = Site(USER)
    site.change(deletionTimestamp="2026-01-01T00:00:00Z")
    await site.look()
    assert (site.finalizers, site.events) == ([], [])
    site.change(finalizers=[SSH_KEY_FINALIZER])
    for _ in range(3):
        await site.look()
    assert site.events == ["SSHKeyInUse"]


async def test_what_nobody_names_is_nobodys_business() -> None:
    site = Site()
    await site.look()
    assert site.server.patches == 0
    assert await site.reconciler.reconcile(ObjectKey("Secret", "default", "another")) is DONE
    await site.held.hold("default", "")
    assert site.server.patches == 0


async def test_who_only_names_it_neither_holds_it_nor_lets_it_go() -> None:
    site = Site(NAMING)
    await site.look()
    assert site.finalizers == []
    await site.held.hold("default", "key")  # as it is about to touch its host
    await site.look()
    assert (site.finalizers, site.server.patches) == ([SSH_KEY_FINALIZER], 1)


async def test_the_key_of_a_host_in_quarantine_is_held() -> None:
    site = Site(entry("free", **HOST))
    await site.look()
    assert site.finalizers == []
    site.world.put(entry("dirty", annotations={QUARANTINED: "its holder has vanished"}, **HOST))
    await site.look()
    assert site.finalizers == [SSH_KEY_FINALIZER]


async def test_the_password_for_root_is_held_like_the_key() -> None:
    host = HOST | {"sshKeyRef": {"name": "other"}, "useSudo": True, "becomePasswordRef": {"name": "key"}}
    site = Site(machine("m", "uid-m", Phase.BOOTSTRAPPING, pool="", **host))
    await site.look()
    assert site.finalizers == [SSH_KEY_FINALIZER]
    site.world.put(machine("m", "uid-m", Phase.BOOTSTRAPPING, pool="", **HOST | {"sshKeyRef": {"name": "other"}}))
    await site.look()
    assert site.finalizers == []


async def test_somebody_else_was_faster() -> None:
    site = Site(USER)
    raw = site.world.get("Secret", "key")
    site.server.put(raw)  # and the watch is late
    with pytest.raises(ConflictError):
        await site.held.hold("default", "key")


async def test_without_the_right_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(USER)

    async def denied(*_: Any) -> Raw:
        raise DeniedError("403", after=30.0)

    monkeypatch.setattr(site.server, "patch_metadata", denied)
    with capture_logs() as logged:
        for _ in range(2):
            await site.look()
    assert [line["log_level"] for line in logged] == ["warning"]
    assert not is_held(site.world.get("Secret", "key"))
