"""Secrets: read when they are needed, and kept by nobody but those who need them.

What many need at the same time is read once: as long as one of them has it, and the Secret's version is the one that
the watch has told, the others get the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from capra.errors import InputError
from capra.kube.cache.cache import Cache
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import SECRETS, Raw, name_of, namespace_of
from capra.kube.objects.fields import all_decoded, decoded
from capra.model.bastion import bastion_field
from capra.model.keys.key_secret import PASSPHRASE, VALUE, check_password, missing_key_message, read_key_secret
from capra.model.machine import MachineSpec
from capra.model.observation import BootstrapData, Problem, SSHKey

Content = TypeVar("Content", SSHKey, BootstrapData)
MachineKeys = tuple[tuple[SSHKey | None, ...], Problem | None, str]
"""See machine_keys."""

_Version = tuple[type, str, str, str, str]
"""What is made of a Secret, its namespace, name, UID and version."""


class Secrets:
    """The Secrets of the management cluster."""

    def __init__(self, api: Api, cache: Cache) -> None:
        self._api = api
        self._cache = cache
        self._in_use: WeakValueDictionary[_Version, SSHKey | BootstrapData] = WeakValueDictionary()
        self._reading: dict[_Version, asyncio.Task[SSHKey | BootstrapData | None]] = {}

    async def ssh_key(self, namespace: str, name: str) -> SSHKey:
        """The key of `sshKeyRef`. Raises InputError (SSHKeyNotFound, InvalidSSHKey) naming the Secret."""
        subject = f"Secret {namespace}/{name}"

        def make(raw: Raw) -> SSHKey | None:
            return read_key_secret(all_decoded(raw), subject=subject)

        found = await self._shared(SSHKey, namespace, name, make)
        if found is None:
            raise InputError(f"has no key {VALUE!r}, or does not exist", subject=subject, reason="SSHKeyNotFound")
        return found

    async def machine_key(self, namespace: str, name: str, field: str) -> tuple[SSHKey | None, Problem | None]:
        """The key of a machine, or what is wrong with it. Neither: there is no such Secret, or no name of one."""
        if not name:
            return None, None
        try:
            return await self.ssh_key(namespace, name), None
        except InputError as error:
            if error.reason == "SSHKeyNotFound":
                return None, None
            return None, Problem(field, str(error), error.reason)

    async def login(self, namespace: str, spec: MachineSpec, place: str) -> tuple[SSHKey | None, Problem | None, str]:
        """The key of a machine, or what is wrong with it or the password beside it, and the password of
        `becomePasswordRef`, which is empty where there is none. place: where the machine's fields are, for messages."""
        key, problem = await self.machine_key(namespace, spec.ssh_key_name, f"{place}.sshKeyRef.name")
        if problem is not None or not spec.become_secret or not spec.use_sudo:
            return key, problem, ""
        try:
            return key, None, await self._become_password(namespace, spec)
        except InputError as error:
            return None, Problem(f"{place}.becomePasswordRef", str(error), error.reason), ""

    async def _become_password(self, namespace: str, spec: MachineSpec) -> str:
        """Raises InputError (BecomePasswordNotFound, InvalidPassword)."""
        subject = f"Secret {namespace}/{spec.become_secret}"
        raw = await self._get(namespace, spec.become_secret)
        data = decoded(raw, spec.become_key) if raw is not None else None
        if data is None:
            problem = f"has no key {spec.become_key!r}, or does not exist: it must hold the password for root"
            raise InputError(problem, subject=subject, reason="BecomePasswordNotFound")
        return check_password(data, subject=subject, field=spec.become_key)

    async def bootstrap(self, namespace: str, name: str) -> BootstrapData | None:
        """The bootstrap data, None while the Secret or its key is not there."""

        def make(raw: Raw) -> BootstrapData | None:
            data = decoded(raw, VALUE)
            given = (decoded(raw, "format") or b"").decode("utf-8", "replace").strip()
            source = f"Secret {namespace}/{name}"
            return BootstrapData(data, given, source) if data is not None else None

        return await self._shared(BootstrapData, namespace, name, make)

    async def _shared(
        self, kind: type[Content], namespace: str, name: str, make: Callable[[Raw], Content | None]
    ) -> Content | None:
        """What is made of a Secret; None where there is none. Raises what `make` and the reading raise, to all who wait
        for it: it would take many times as long if each of them read it again."""
        known = self._cache.get(SECRETS.kind, namespace, name)
        if known is None:  # the watch may only be late
            raw = await self._get(namespace, name)
            return await _made(make, raw) if raw is not None else None
        asked = _version(kind, known)
        found = self._in_use.get(asked)
        if not isinstance(found, kind):
            reading = self._reading.get(asked)
            if reading is None:
                reading = self._reading[asked] = asyncio.ensure_future(self._read(kind, namespace, name, make))
                reading.add_done_callback(lambda done: self._has_read(asked, done))
            found = await asyncio.shield(reading)
        return found if isinstance(found, kind) else None

    async def _read(
        self, kind: type[Content], namespace: str, name: str, make: Callable[[Raw], Content | None]
    ) -> SSHKey | BootstrapData | None:
        raw = await self._get(namespace, name)
        made = await _made(make, raw) if raw is not None else None
        if raw is not None and made is not None:
            self._in_use[_version(kind, raw)] = made
        return made

    def _has_read(self, asked: _Version, done: asyncio.Task[SSHKey | BootstrapData | None]) -> None:
        if self._reading.get(asked) is done:
            del self._reading[asked]
        if not done.cancelled():
            done.exception()  # whoever waited for it may have been cancelled

    async def _get(self, namespace: str, name: str) -> Raw | None:
        try:
            return await self._api.get(SECRETS, namespace, name)
        except MissingError:
            return None


async def _made(make: Callable[[Raw], Content | None], raw: Raw) -> Content | None:
    """A key with a passphrase takes a tenth of a second, and more if somebody wants it to."""
    locked = any(name.startswith(PASSPHRASE) for name in raw.get("data") or ())
    return await asyncio.to_thread(make, raw) if locked else make(raw)


def _version(kind: type, raw: Raw) -> _Version:
    metadata = raw["metadata"]
    uid, version = str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))
    return kind, namespace_of(raw), name_of(raw), uid, version


async def machine_keys(secrets: Secrets, namespace: str, spec: MachineSpec, field: str) -> MachineKeys:
    """The key of a machine, then of each bastion, where it has one of its own; what is wrong with the first one that
    cannot be used; the password of `becomePasswordRef`. field: where the machine's fields stand."""
    own, problem, password = await secrets.login(namespace, spec, field)
    keys = [own]
    for number, bastion in enumerate(spec.bastions):
        name, place = bastion.ssh_key_name, f"{bastion_field(field, number)}.sshKeyRef.name"
        key, trouble = await secrets.machine_key(namespace, name, place)
        if name and trouble is None and (key is None or not key.value):
            trouble = Problem(place, missing_key_message(name, namespace), "SSHKeyNotFound")
        keys.append(key)
        problem = problem or trouble
    return tuple(keys), problem, password
