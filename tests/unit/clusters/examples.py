"""Parts of a k0sctl.yaml."""

from __future__ import annotations

from typing import Any

from capra.clusters.cluster import K0sCluster
from capra.clusters.reading import read_cluster


def host(role: str = "worker", number: int = 1, **fields: Any) -> dict[str, Any]:
    """An item of spec.hosts."""
    ssh = {"address": f"192.0.2.{number}", "keyPath": "~/key"}
    return {"role": role, "ssh": ssh, **fields}


def config(*hosts: dict[str, Any], **k0s: Any) -> dict[str, Any]:
    """A configuration of k0sctl. k0s: of `spec.k0s`; a value of None is left out."""
    values = {"version": "1.34.4+k0s.0", **k0s}
    return {
        "apiVersion": "k0sctl.k0sproject.io/v1beta1",
        "kind": "Cluster",
        "metadata": {"name": "demo"},
        "spec": {"hosts": list(hosts), "k0s": {name: value for name, value in values.items() if value is not None}},
    }


def cluster(*hosts: dict[str, Any], **k0s: Any) -> K0sCluster:
    """The cluster of such a configuration."""
    return read_cluster([config(*hosts, **k0s)], source="k")
