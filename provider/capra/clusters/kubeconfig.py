"""The kubeconfig that people get, made of what a controller has answered. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import yaml

from capra.clusters.cluster import K0sCluster
from capra.clusters.config import api_url
from capra.errors import Fatal

FIELDS = {
    "clusters": ("cluster", ("certificate-authority-data",)),
    "users": ("user", ("client-certificate-data", "client-key-data")),
}
"""What is taken of the answer: certificates and a key. A kubeconfig may name programs that kubectl runs (`exec`), and
whoever has the host must not choose what runs here."""


def kubeconfig(cluster: K0sCluster, answer: str) -> str:
    """A kubeconfig with the names of the cluster and its user, and the address of its API. answer: of `k0s kubeconfig
    admin`. Raises Fatal where that is none."""
    try:
        # A few kilobytes; an alias would be refused with what it stands for.
        document = yaml.safe_load(answer) if "&" not in answer else None
    except (yaml.YAMLError, RecursionError):
        document = None
    found = {name: _fields(document, name) for name in FIELDS}
    if None in found.values():
        raise Fatal(
            f"{cluster.leader.name}: k0s kubeconfig admin has not printed a kubeconfig with certificates and a key"
        )
    name = cluster.name
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": api_url(cluster), **(found["clusters"] or {})}}],
        "users": [{"name": cluster.user, "user": found["users"]}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": cluster.user}}],
        "current-context": name,
    }
    return yaml.safe_dump(made, sort_keys=False, width=1 << 20)


def _fields(document: Any, listed: str) -> dict[str, str] | None:
    """The wanted fields of the first item of a list; None where one is missing, or is not base64."""
    inner, names = FIELDS[listed]
    try:
        values = document[listed][0][inner]
        fields = {name: str(values[name]) for name in names}
        for value in fields.values():
            base64.b64decode(value, validate=True)
    except (TypeError, KeyError, IndexError, binascii.Error, ValueError):
        return None
    return fields if all(fields.values()) else None
