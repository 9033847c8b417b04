"""The way to the management cluster's API server."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from capra.errors import Fatal, InputError

load_in_cluster: Callable[..., None] = config.load_incluster_config
load_file: Callable[..., Awaitable[None]] = config.load_kube_config
ApiConnection = ApiClient
"""What an `Api` speaks over: connections to one API server, as one user."""

CONNECTIONS = 100
"""Requests at once; each run needs one only now and then."""


@dataclass(frozen=True)
class ClientConfig:
    """What another client needs to reach the same API server. Files are paths, proxy is a URL; empty text stands for
    'none'."""

    server: str
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    token: str = field(default="", repr=False)
    verify: bool = True
    tls_server_name: str = ""
    proxy: str = field(default="", repr=False)


async def configure(kubeconfig: str, context: str = "") -> Configuration:
    """The configuration of a file or, without one, of the Pod's service account, `$KUBECONFIG` or `~/.kube/config`.
    context: of the file; empty for its current one. With one, a Pod's service account is not used.

    Raises InputError or Fatal saying what is wrong, but never what the file holds.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = CONNECTIONS
    try:
        if not kubeconfig and not context and "KUBERNETES_SERVICE_HOST" in os.environ:
            load_in_cluster(client_configuration=configuration)
        else:
            await load_file(
                kubeconfig or None, context=context or None, client_configuration=configuration, persist_config=False
            )
    except config.ConfigException as error:
        if context:
            raise InputError(f"cannot be used: {error}", subject=f"--context {context}") from None
        if kubeconfig:
            raise InputError(f"cannot be used: {error}", subject=f"--kubeconfig {kubeconfig}") from None
        raise Fatal(f"no way to reach a cluster: {error}; give --kubeconfig", "NoKubeconfig") from None
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        subject = f"--kubeconfig {kubeconfig}" if kubeconfig else "kubeconfig"
        raise InputError(f"cannot be read: {type(error).__name__}", subject=subject) from None
    # Otherwise each request reads the environment and ~/.netrc again, in two threads: a fifth of its cost.
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.proxy = configuration.proxy or _proxy(configuration.host)
    return configuration


def _proxy(server: str) -> str | None:
    """The proxy that the environment names for this URL."""
    url = urlsplit(server)
    if not url.hostname or proxy_bypass(url.hostname):
        return None
    return getproxies().get(url.scheme)


def connect(configuration: Configuration) -> ApiConnection:
    """A connection; close it."""
    return ApiClient(configuration)


async def client_config(configuration: Configuration) -> ClientConfig:
    """The same for another client. Asked again when the API server refuses it: tokens are renewed."""
    # A Pod's configuration says "bearer", a kubeconfig's "Bearer".
    key = await configuration.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = key.partition(" ")
    return ClientConfig(
        server=configuration.host,
        ca_file=configuration.ssl_ca_cert or "",
        certificate_file=configuration.cert_file or "",
        key_file=configuration.key_file or "",
        token=(token if scheme.lower() == "bearer" else key).strip(),
        verify=bool(configuration.verify_ssl),
        tls_server_name=configuration.tls_server_name or "",
        proxy=configuration.proxy or "",
    )
