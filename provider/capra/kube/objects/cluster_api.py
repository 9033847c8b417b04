"""Cluster API's Machines and Clusters, from the API's objects to the engine's terms. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.kube.client.resources import CONTROL_PLANE_LABEL, Raw, labels_of, name_of
from capra.kube.objects.fields import text_of
from capra.model.observation import Cluster, Owner


def to_owner(raw: Raw) -> Owner:
    """A Machine as an owner."""
    bootstrap = (raw.get("spec") or {}).get("bootstrap") or {}
    return Owner(
        name=name_of(raw),
        bootstrap_kind=text_of(bootstrap.get("configRef") or {}, "kind"),
        control_plane=CONTROL_PLANE_LABEL in labels_of(raw),
    )


def cluster_name_of(machine_raw: Raw) -> str:
    """spec.clusterName of a Machine."""
    return text_of(machine_raw.get("spec") or {}, "clusterName")


def to_cluster(raw: Raw) -> Cluster:
    """A Cluster, in the spelling of v1beta1 or v1beta2."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    ready = (status.get("initialization") or {}).get("infrastructureProvisioned") or status.get("infrastructureReady")
    endpoint = spec.get("controlPlaneEndpoint") or {}
    return Cluster(
        name=name_of(raw),
        paused=bool(spec.get("paused")),
        infrastructure_ready=bool(ready),
        endpoint=bool(endpoint.get("host") and endpoint.get("port")),
    )


def data_secret_name_of(machine_raw: Raw) -> str:
    """spec.bootstrap.dataSecretName of a Machine."""
    return text_of((machine_raw.get("spec") or {}).get("bootstrap") or {}, "dataSecretName")


def has_node(machine_raw: Raw) -> bool:
    """Cluster API has found the Machine's Node."""
    return bool(((machine_raw.get("status") or {}).get("nodeRef") or {}).get("name"))


def load_failure_domains(cluster_raw: Raw) -> tuple[str, ...]:
    """The names in `status.failureDomains` of a RemoteCluster, in either contract's form, in their order."""
    told = (cluster_raw.get("status") or {}).get("failureDomains") or ()
    if isinstance(told, Mapping):
        return tuple(sorted(told))
    return tuple(str(one.get("name", "")) for one in told)


def dump_failure_domains(cluster_raw: Raw, domains: tuple[str, ...], core_version: str) -> Any:
    """The merge patch that makes `status.failureDomains` of a RemoteCluster name these, in the form that Cluster API of
    this version reads: a list in v1beta2, a mapping in v1beta1. None without any."""
    if not domains:
        return None
    if not core_version.endswith("/v1beta1"):
        return [{"name": name, "controlPlane": True} for name in domains]
    told = (cluster_raw.get("status") or {}).get("failureDomains") or {}
    gone = dict.fromkeys(set(told) - set(domains)) if isinstance(told, Mapping) else {}
    return gone | {name: {"controlPlane": True} for name in domains}
