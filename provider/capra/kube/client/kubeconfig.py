"""What a kubeconfig says of the way to a workload cluster.

Whoever may write it must not gain what the controller has: nothing in it is run, and no file that it names is read
(exec plugins, auth providers and paths are refused).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from capra.bootstrap.reading import strict_yaml
from capra.bootstrap.reading.location import Location
from capra.errors import InputError
from capra.model import checks

LONGEST = 256 * 1024
"""Bytes of a kubeconfig."""

_USER_INFO = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%@-]*")
"""What may stand before the last `@` in a URL (RFC 3986, and `@`, which Go takes): with anything else, nobody can tell
where a password ends."""

REFUSED_OF_USER = {
    "exec": "programs are not run",
    "auth-provider": "auth providers are not supported",
    "client-certificate": "files are not read; put the content in client-certificate-data",
    "client-key": "files are not read; put the content in client-key-data",
    "tokenFile": "files are not read; put the content in token",
    "username": "passwords are not supported",
    "password": "passwords are not supported",
    "as": "impersonation is not supported",
    "as-uid": "impersonation is not supported",
    "as-groups": "impersonation is not supported",
    "as-user-extra": "impersonation is not supported",
}
REFUSED_OF_CLUSTER = {
    "certificate-authority": "files are not read; put the content in certificate-authority-data",
}


@dataclass(frozen=True)
class Workload:
    """What a kubeconfig gives. certificate, key: of the client, PEM. Empty: not given."""

    server: str
    authority: str = ""
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    verify: bool = True
    server_name: str = ""
    proxy: str = ""


def parse_kubeconfig(data: bytes, subject: str) -> Workload:
    """The current context of a kubeconfig. subject: where it comes from. Raises InputError, which never holds any of
    its content but names."""
    if len(data) > LONGEST:
        raise InputError(f"is {len(data)} bytes long; at most {LONGEST} are accepted", subject=subject)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", subject=subject) from None
    reader = Reader(subject)
    config = strict_yaml.load_mapping(text, Location(subject), "clusters, users and contexts")
    context = reader.named(config, "contexts", "context", reader.text(config, "current-context", "current-context"))
    cluster = reader.named(config, "clusters", "cluster", reader.text(context, "cluster", "context.cluster"))
    user = reader.named(config, "users", "user", reader.text(context, "user", "context.user"))
    reader.refuse(cluster, "cluster", REFUSED_OF_CLUSTER)
    reader.refuse(user, "user", REFUSED_OF_USER)
    return Workload(
        server=reader.server(cluster),
        authority=reader.decoded(cluster, "certificate-authority-data", "cluster").decode("ascii", "replace"),
        certificate=reader.decoded(user, "client-certificate-data", "user"),
        key=reader.decoded(user, "client-key-data", "user"),
        token=reader.text(user, "token", "user.token"),
        verify=cluster.get("insecure-skip-tls-verify") is not True,
        server_name=reader.server_name(cluster),
        proxy=reader.proxy(cluster),
    )


@dataclass(frozen=True)
class Reader:
    """Reads parts of it. Raises InputError with the place. subject: where the kubeconfig comes from."""

    subject: str

    def error(self, place: str, problem: str) -> InputError:
        """What to raise for this place."""
        return InputError(problem, subject=self.subject, field=place, reason="InvalidKubeconfig")

    def named(self, config: Mapping[str, Any], plural: str, kind: str, name: str) -> Mapping[str, Any]:
        """The entry of this name in one of the three lists."""
        entries = config.get(plural)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(kind), dict):
                found: Mapping[str, Any] = entry[kind]
                return found
        raise self.error(plural, f"has no {kind} of the name that is referred to")

    def text(self, values: Mapping[str, Any], name: str, place: str) -> str:
        """A text; empty when it is not there."""
        value = values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable():
            raise self.error(place, "must be a text in one line")
        return value

    def server(self, cluster: Mapping[str, Any]) -> str:
        """The API server's URL. A user in it would be another way to log in besides the token."""
        server = self.text(cluster, "server", "cluster.server").rstrip("/")
        if not server.startswith("https://"):
            raise self.error("cluster.server", "must begin with https://")
        if self._user_info(server, "cluster.server") is not None:
            raise self.error("cluster.server", "must not hold a user or a password")
        return server

    def proxy(self, cluster: Mapping[str, Any]) -> str:
        """The proxy's URL; empty for none."""
        proxy = self.text(cluster, "proxy-url", "cluster.proxy-url")
        if not proxy:
            return ""
        if not proxy.startswith(("http://", "https://")):
            raise self.error("cluster.proxy-url", "must begin with http:// or https://")
        if not _USER_INFO.fullmatch(self._user_info(proxy, "cluster.proxy-url") or ""):
            raise self.error("cluster.proxy-url", "has a user or a password with characters that must be encoded (%2F)")
        return proxy

    def _user_info(self, url: str, place: str) -> str | None:
        """What stands before the host; None where nothing does."""
        try:
            parts = urlsplit(url)
            if not parts.hostname or parts.port == 0:
                raise ValueError
        except ValueError:
            raise self.error(place, "must be a URL with a host, and with a port from 1 to 65535 if any") from None
        info, at, _ = url.partition("//")[2].rpartition("@")
        return info if at else None

    def server_name(self, cluster: Mapping[str, Any]) -> str:
        """The name that the API server's certificate must have; empty for its URL's."""
        try:
            return checks.address(self.text(cluster, "tls-server-name", "cluster.tls-server-name"))
        except ValueError as error:
            raise self.error("cluster.tls-server-name", str(error)) from None

    def decoded(self, values: Mapping[str, Any], name: str, kind: str) -> bytes:
        """Base64, with line breaks or without."""
        value = values.get(name)
        if value is None:
            return b""
        if not isinstance(value, str):
            raise self.error(f"{kind}.{name}", "must be base64")
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.error(f"{kind}.{name}", "must be base64") from None

    def refuse(self, values: Mapping[str, Any], kind: str, reasons: Mapping[str, str]) -> None:
        """Raise for the first of these that is given. reasons: by name."""
        for name, reason in reasons.items():
            if values.get(name):
                raise self.error(f"{kind}.{name}", f"is not accepted: {reason}")
