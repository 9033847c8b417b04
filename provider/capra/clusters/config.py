"""The configuration of k0s on each controller. Pure. The fields are those of k0s's documentation, 'Configuration
options'."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from capra.clusters.cluster import ClusterHost, K0sCluster
from capra.model.host_port import join_host_port

API_PORT = 6443


def k0s_config(cluster: K0sCluster, host: ClusterHost) -> dict[str, Any]:
    """The controller's own: that of the file, with the host's addresses among the names of the API's certificate, and
    etcd at its private address. Nothing in it is of another host: who adds one changes no other."""
    config: dict[str, Any] = deepcopy(dict(cluster.config))
    config.setdefault("apiVersion", "k0s.k0sproject.io/v1beta1")
    config.setdefault("kind", "ClusterConfig")
    config.setdefault("metadata", {"name": "k0s"})
    spec = _inner(config, "spec")
    api = _inner(spec, "api")
    given = api.get("sans")
    sans = list(given) if isinstance(given, list) else []
    for own in (host.address, host.private_address):
        if own and own not in sans:
            sans.append(own)
    api["sans"] = sans
    if host.private_address and _inner(spec, "storage", create=False).get("type", "etcd") == "etcd":
        _inner(_inner(spec, "storage"), "etcd").setdefault("peerAddress", host.private_address)
    return config


def api_url(cluster: K0sCluster) -> str:
    """Where people reach the API: `spec.api.externalAddress`, else the first controller's address."""
    spec = cluster.config.get("spec")
    api = spec.get("api") if isinstance(spec, Mapping) else None
    values = api if isinstance(api, Mapping) else {}
    port = values.get("port")
    address = str(values.get("externalAddress") or cluster.leader.address)
    return f"https://{join_host_port(address, port if isinstance(port, int) else API_PORT)}"


def _inner(values: dict[str, Any], name: str, *, create: bool = True) -> dict[str, Any]:
    """The mapping of that name, made where there is none."""
    found = values.get(name)
    if isinstance(found, dict):
        return found
    made: dict[str, Any] = {}
    if create:
        values[name] = made
    return made
