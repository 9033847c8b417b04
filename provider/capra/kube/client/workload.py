"""The way to a workload cluster, by the kubeconfig that Cluster API keeps in a Secret.

Nothing of it is written to a disk.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Iterator

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from capra.kube.client.api import Api
from capra.kube.client.kubeconfig import Reader, Workload
from capra.model.keys import pem

KUBECONFIG_SUFFIX = "-kubeconfig"
"""Follows the Cluster's name in the Secret's."""

LIMIT = aiohttp.ClientTimeout(total=30, connect=5)
LONGEST_ANSWER, LONGEST_LIST, PAGE = 2**23, 2**26, 50
"""Bytes of an answer and of a list, and Nodes that are asked for at once: whoever writes the kubeconfig decides who
answers. 5,000 Nodes of 13 kB are listed, 50 of 160 kB at once."""

MOST_VALUES = 500_000
"""Values of one answer: empty ones take 30 times as much memory as text."""

MOST_KEY_BITS = 8192
"""For an RSA key, with which the event loop itself signs: 0.1 s. Go's own limit."""


@contextlib.asynccontextmanager
async def connected(workload: Workload, subject: str) -> AsyncIterator[Api]:
    """The API of the workload cluster; a request is tried once. Raises InputError for invalid certificates."""
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
    reader = Reader(subject)
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


def _private_key(text: bytes, reader: Reader) -> bytes:
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
