"""A Secret is read once for all who need it at the same time, and kept by nobody else."""

from __future__ import annotations

import asyncio
import base64
import gc
from dataclasses import replace
from typing import Any

import pytest

from capra.kube.cache.cache import Cache
from capra.kube.client.errors import MissingError, UnavailableError
from capra.kube.client.resources import SECRETS, Raw, Resource
from capra.kube.stores.secrets import Secrets, machine_keys
from capra.model.bastion import Bastion
from capra.model.machine import MachineSpec
from tests.support.ssh_keys import locked_key, new_ssh_key


def secret(version: str = "1", value: bytes | None = b"#cloud-config\n", **more: bytes) -> dict[str, Any]:
    data = more if value is None else more | {"value": value}
    metadata = {"name": "data", "namespace": "ns", "uid": "uid", "resourceVersion": version}
    return {"metadata": metadata, "data": {name: base64.b64encode(text).decode() for name, text in data.items()}}


class Server:
    """One Secret. read: how often."""

    def __init__(self, raw: Raw | None) -> None:
        self.raw = raw
        self.read = 0

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        self.read += 1
        raw = self.raw
        await asyncio.sleep(0)
        if raw is None:
            raise MissingError("gone", reason="NotFound")
        return raw


def made(raw: Raw | None, *, watched: bool = True) -> tuple[Server, Cache, Secrets]:
    server, cache = Server(raw), Cache()
    if watched and raw is not None:
        cache.put(SECRETS.kind, {"metadata": raw["metadata"]})
    given: Any = server
    return server, cache, Secrets(given, cache)


async def test_it_is_read_once_for_many() -> None:
    server, _, secrets = made(secret())
    found = await asyncio.gather(*(secrets.bootstrap("ns", "data") for _ in range(100)))
    assert server.read == 1
    assert {one.data for one in found if one is not None} == {b"#cloud-config\n"}
    assert await secrets.bootstrap("ns", "data") is found[0]
    assert server.read == 1


async def test_that_it_cannot_be_read_is_told_to_all_at_once() -> None:
    server, _, secrets = made(secret())

    async def fail(resource: Resource, namespace: str, name: str) -> Raw:
        server.read += 1
        await asyncio.sleep(0)
        raise UnavailableError("no answer")

    server.get = fail  # type: ignore[method-assign]  # a server that is down
    found = await asyncio.gather(*(secrets.bootstrap("ns", "data") for _ in range(100)), return_exceptions=True)
    assert {type(one) for one in found} == {UnavailableError}
    assert server.read == 1
    del server.get
    assert await secrets.bootstrap("ns", "data") is not None


async def test_one_who_is_cancelled_takes_it_from_nobody() -> None:
    server, _, secrets = made(secret())
    first, second = (asyncio.ensure_future(secrets.bootstrap("ns", "data")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None
    assert server.read == 1


async def test_it_is_not_kept() -> None:
    server, _, secrets = made(secret())
    assert await secrets.bootstrap("ns", "data") is not None
    await asyncio.sleep(0)
    gc.collect()
    assert not secrets._in_use
    assert not secrets._reading
    assert await secrets.bootstrap("ns", "data") is not None
    assert server.read == 2


async def test_another_version_is_read_anew() -> None:
    server, cache, secrets = made(secret())
    before = await secrets.bootstrap("ns", "data")
    server.raw = secret("2", b"new", format=b"ignition")
    cache.put(SECRETS.kind, {"metadata": server.raw["metadata"]})
    after = await secrets.bootstrap("ns", "data")
    assert before is not None
    assert after is not None
    assert (before.data, after.data, after.format) == (b"#cloud-config\n", b"new", "ignition")


async def test_what_is_newer_than_the_watch_has_told_counts_from_then_on() -> None:
    server, cache, secrets = made(secret())
    server.raw = secret("2", b"new")
    first = await secrets.bootstrap("ns", "data")
    second = await secrets.bootstrap("ns", "data")
    assert server.read == 2
    cache.put(SECRETS.kind, {"metadata": server.raw["metadata"]})
    third = await secrets.bootstrap("ns", "data")
    assert server.read == 2
    assert first is not None
    assert third in (first, second)
    assert third is not None
    assert third.data == b"new"


@pytest.mark.parametrize(("raw", "watched"), [(None, False), (secret(value=None), True), (secret(value=None), False)])
async def test_one_that_is_not_there_or_is_empty(raw: Raw | None, watched: bool) -> None:
    _, _, secrets = made(raw, watched=watched)
    assert await secrets.bootstrap("ns", "data") is None
    key, problem = await secrets.machine_key("ns", "data", "spec.sshKeyRef.name")
    assert (key, problem) == (None, None)


async def test_a_key_that_is_none_is_a_problem_for_everybody() -> None:
    _, _, secrets = made(secret(value=b"no key"))
    for _ in range(2):
        key, problem = await secrets.machine_key("ns", "data", "spec.sshKeyRef.name")
        assert key is None
        assert problem is not None
        assert problem.field == "spec.sshKeyRef.name"


class Servers(Server):
    """Several Secrets, by name."""

    def __init__(self, **raws: Raw) -> None:
        super().__init__(None)
        self.raws = raws

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        self.raw = self.raws.get(name)
        return await super().get(resource, namespace, name)


KEY = new_ssh_key().encode()


async def login(spec: MachineSpec, **raws: Raw) -> tuple[str, str, str]:
    """What is found: whether there is a key, a problem's field and reason, the password of a Secret of its own."""
    given: Any = Servers(**raws)
    key, problem, password = await Secrets(given, Cache()).login("ns", spec, "spec.machine")
    told = (problem.field, problem.reason) if problem else ("", "")
    return (*told, password if key is not None else "no key")


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, ("", "", "")),
        ({"use_sudo": True, "become_secret": "root", "become_key": "word"}, ("", "", "open sesame")),
        ({"become_secret": "root", "become_key": "word"}, ("", "", "")),
        (
            {"use_sudo": True, "become_secret": "root", "become_key": "value"},
            ("spec.machine.becomePasswordRef", "BecomePasswordNotFound", "no key"),
        ),
        (
            {"use_sudo": True, "become_secret": "gone", "become_key": "value"},
            ("spec.machine.becomePasswordRef", "BecomePasswordNotFound", "no key"),
        ),
        (
            {"use_sudo": True, "become_secret": "root", "become_key": "lines"},
            ("spec.machine.becomePasswordRef", "InvalidPassword", "no key"),
        ),
    ],
)
async def test_the_password_for_root(spec: dict[str, Any], found: tuple[str, str, str]) -> None:
    raws = {"key": secret(value=KEY), "root": secret(value=None, word=b"open sesame\n", lines=b"a\nb")}
    assert await login(MachineSpec(ssh_key_name="key", **spec), **raws) == found


async def test_a_key_with_a_passphrase_is_opened_beside_the_loop() -> None:
    locked = locked_key("open").encode()
    for passphrase, reason in ((b"open", ""), (b"shut", "WrongPassphrase"), (None, "SSHKeyLocked")):
        more: dict[str, Any] = {"passphrase": passphrase} if passphrase else {}
        found = await login(MachineSpec(ssh_key_name="key"), key=secret(value=locked, **more))
        assert found[1] == reason


async def test_the_keys_of_bastions() -> None:
    key = new_ssh_key().encode()
    _, _, secrets = made(secret(value=key))
    spec = MachineSpec(ssh_key_name="data", bastion=Bastion("a", bastion=Bastion("b", ssh_key_name="data")))
    keys, problem, _ = await machine_keys(secrets, "ns", spec, "spec")
    assert ([one is not None for one in keys], problem) == ([True, False, True], None)

    _, _, secrets = made(None)
    _, problem, _ = await machine_keys(secrets, "ns", spec, "spec.machine")
    assert problem is not None
    assert (problem.reason, problem.field) == ("SSHKeyNotFound", "spec.machine.bastion.bastion.sshKeyRef.name")
    assert "Secret data with key 'value' was not found in namespace ns" in problem.message

    _, _, secrets = made(secret(value=b"nonsense"))
    _, problem, _ = await machine_keys(secrets, "ns", replace(spec, ssh_key_name=""), "spec")
    assert problem is not None
    assert (problem.reason, problem.field) == ("InvalidSSHKey", "spec.bastion.bastion.sshKeyRef.name")


async def test_a_bastions_secret_has_the_same_parts_but_a_password_alone() -> None:
    spec = MachineSpec(ssh_key_name="key", bastion=Bastion("b", ssh_key_name="other"))

    async def of(other: Raw) -> tuple[bool, str]:
        given: Any = Servers(key=secret(value=KEY), other=other)
        keys, problem, _ = await machine_keys(Secrets(given, Cache()), "ns", spec, "spec")
        return bool(keys[1] and keys[1].openssh), problem.reason if problem else ""

    locked = locked_key("open").encode()
    assert await of(secret(value=locked, passphrase=b"open")) == (True, "")
    assert await of(secret(value=locked, passphrase=b"shut")) == (False, "WrongPassphrase")
    assert await of(secret(value=None, password=b"word")) == (False, "SSHKeyNotFound")
