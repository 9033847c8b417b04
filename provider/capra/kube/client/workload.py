"""The way to a workload cluster: the kubeconfig that Cluster API keeps in a Secret.

Whoever may write that Secret must not gain what the controller has: nothing in it is run, and no file that it names is
read (exec plugins, auth providers and paths are refused). Nothing of it is written to a disk.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from capra.bootstrap import strict_yaml
from capra.bootstrap.place import Place
from capra.errors import InputError
from capra.kube.client.api import Api
from capra.model import checks, pem

KUBECONFIG_SUFFIX = "-kubeconfig"
"""Of the Secret, behind the name of the Cluster."""

LIMIT = aiohttp.ClientTimeout(total=30, connect=5)
LONGEST = 256 * 1024
"""Bytes of a kubeconfig."""

LONGEST_ANSWER, LONGEST_LIST, PAGE = 2**23, 2**26, 50
"""Bytes of an answer and of a list, and Nodes that are asked for at once: whoever writes the kubeconfig decides who
answers. 5,000 Nodes of 13 kB are listed, 50 of 160 kB at once."""

MOST_VALUES = 500_000
"""Values of one answer: empty ones take 30 times as much memory as text."""

MOST_KEY_BITS = 8192
"""Of an RSA key, with which the event loop itself signs: 0.1 s. Go's own limit."""

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


def parse(data: bytes, subject: str) -> Workload:
    """The current context of a kubeconfig. subject: where it comes from. Raises InputError, which never holds any of
    its content but names."""
    if len(data) > LONGEST:
        raise InputError(f"is {len(data)} bytes long; at most {LONGEST} are accepted", subject=subject)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", subject=subject) from None
    reader = _Reader(subject)
    config = strict_yaml.load(text, Place(subject), "clusters, users and contexts")
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
class _Reader:
    subject: str

    def error(self, place: str, problem: str) -> InputError:
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
        """The API server's URL. A user in it would be another way to log in, beside the token."""
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
        for name, reason in reasons.items():
            if values.get(name):
                raise self.error(f"{kind}.{name}", f"is not accepted: {reason}")


@contextlib.asynccontextmanager
async def connected(workload: Workload, subject: str) -> AsyncIterator[Api]:
    """The API of the workload cluster; a request is tried once. Raises InputError for certificates that are none."""
    async with _client(workload, subject) as client:
        yield Api(
            client,
            retry_seconds=0,
            limit=LIMIT,
            longest_answer=LONGEST_ANSWER,
            longest_list=LONGEST_LIST,
            page=PAGE,
            most_values=MOST_VALUES,
        )


def _client(workload: Workload, subject: str) -> ApiClient:
    reader = _Reader(subject)
    if bool(workload.certificate) != bool(workload.key):
        raise reader.error("user", "needs client-certificate-data and client-key-data, or none of them")
    private_key = _private_key(workload.key, reader) if workload.key else b""
    configuration = Configuration(
        host=workload.server,
        api_key={"BearerToken": f"Bearer {workload.token}"} if workload.token else None,
        ca_cert_data=workload.authority or None,
        verify_ssl=workload.verify,
        tls_server_name=workload.server_name or None,
        connection_pool_maxsize=2,
        proxy=workload.proxy or None,
    )
    # Go accepts authorities without a key identifier, as kubeadm and k0s make them; Python 3.13 and later do not.
    configuration.disable_strict_ssl_verification = True
    try:
        with _in_memory(workload.certificate) as certificate, _in_memory(private_key) as key:
            configuration.cert_file, configuration.key_file = certificate, key
            return ApiClient(configuration)  # reads the files at once
    except (ssl.SSLError, OSError, ValueError, TypeError):
        raise reader.error("certificates", "cannot be read, or certificate and key do not belong together") from None


def _private_key(text: bytes, reader: _Reader) -> bytes:
    """The client's key. OpenSSL would ask the terminal for the password of an encrypted one, and compute for minutes
    with the numbers of some kinds: it gets only what has been read within bounds."""
    try:
        return pem.pkcs8(text, MOST_KEY_BITS)
    except ValueError:
        problem = (
            f"must be a private key in PEM without a password: ECDSA, Ed25519 or RSA of up to {MOST_KEY_BITS} bits"
        )
        raise reader.error("user.client-key-data", problem) from None


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str | None]:
    """A path to the content while the context lasts; OpenSSL's interface takes nothing else. None without content."""
    if not content:
        yield None
        return
    descriptor = os.memfd_create("capra")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
