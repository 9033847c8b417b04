"""Secrets: read when they are needed, never kept."""

from __future__ import annotations

import base64
import binascii

from capra.errors import InputError
from capra.kube.api import Api
from capra.kube.errors import MissingError
from capra.kube.resources import SECRETS, Raw
from capra.model.observation import BootstrapData, Problem, SSHKey
from capra.model.ssh_key import check_key

VALUE = "value"
"""The key of every Secret that Capra reads (Cluster API's contract; reference/contract C)."""


class Secrets:
    """The Secrets of the management cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def ssh_key(self, namespace: str, name: str) -> SSHKey:
        """The key of `sshKeyRef`. Raises InputError (SSHKeyNotFound, InvalidSSHKey) naming the Secret."""
        subject = f"Secret {namespace}/{name}"
        data = await self._value(namespace, name)
        if data is None:
            raise InputError(f"has no key {VALUE!r}, or does not exist", subject=subject, reason="SSHKeyNotFound")
        return check_key(data, subject=subject)

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

    async def bootstrap(self, namespace: str, name: str) -> BootstrapData | None:
        """The bootstrap data, None while the Secret or its key is not there."""
        raw = await self._get(namespace, name)
        data = _decoded(raw, VALUE) if raw is not None else None
        if raw is None or data is None:
            return None
        given = (_decoded(raw, "format") or b"").decode("utf-8", "replace").strip()
        return BootstrapData(data, given or "cloud-config", f"Secret {namespace}/{name}")

    async def _value(self, namespace: str, name: str) -> bytes | None:
        raw = await self._get(namespace, name)
        return _decoded(raw, VALUE) if raw is not None else None

    async def _get(self, namespace: str, name: str) -> Raw | None:
        try:
            return await self._api.get(SECRETS, namespace, name)
        except MissingError:
            return None


def _decoded(raw: Raw, key: str) -> bytes | None:
    text = (raw.get("data") or {}).get(key)
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # the API server has checked it
        return None
