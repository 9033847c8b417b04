"""RemoteClusters in the Kubernetes API. The only writer of their status besides K0smotronControlPlane, which sets the
endpoint and `provisioned`: what it wrote stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.controller.reconcilers.reconciler import DONE, Result
from capra.engine.clusters.remote_cluster import (
    ClusterObservation,
    ClusterReport,
    Endpoint,
    OwnerCluster,
    report_cluster,
)
from capra.engine.ports import Clock
from capra.kube.cache import ownership
from capra.kube.cache.cache import Cache
from capra.kube.cache.choosing.domains import failure_domains
from capra.kube.cache.writer import Writer
from capra.kube.client.resources import REMOTE_CLUSTERS, ObjectKey, Raw, annotations_of
from capra.kube.objects.cluster_api import dump_failure_domains, to_cluster
from capra.kube.objects.conditions import merge
from capra.kube.objects.status import changes
from capra.model.status import timestamp


class ClusterReconciler:
    """A `Reconciler` of RemoteClusters."""

    def __init__(self, cache: Cache, writer: Writer, clock: Clock) -> None:
        self._cache = cache
        self._writer = writer
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        """Write what there is to report about this RemoteCluster, unless it is there already.

        Raises what the API answers; ConflictError when the object has changed meanwhile, MissingError when it is gone.
        """
        raw = self._writer.raw(key)
        report = report_cluster(observed(self._cache, raw))
        if report is None:
            return DONE
        if report.endpoint is not None:
            endpoint = {"host": report.endpoint.host, "port": report.endpoint.port}
            raw = await self._writer.patch(REMOTE_CLUSTERS, raw, {"spec": {"controlPlaneEndpoint": endpoint}})
        domains = told_domains(self._cache, raw) if report.provisioned else {}
        status = cluster_status_changes(raw, report, timestamp(self._clock()), domains)
        if status:
            await self._writer.patch(REMOTE_CLUSTERS, raw, {"status": status}, "status")
        return DONE


def observed(cache: Cache, raw: Raw) -> ClusterObservation:
    """The RemoteCluster, and the Cluster that owns it as far as the cache knows it."""
    status = raw.get("status") or {}
    owner, not_owner = ownership.owner_of(cache, raw, "Cluster")
    named = next(ownership.references(raw, "Cluster"), None)
    return ClusterObservation(
        annotations=annotations_of(raw),
        deleting=bool(raw["metadata"].get("deletionTimestamp")),
        endpoint=_endpoint(raw),
        owner_name=named.name if named else "",
        not_owner=not_owner,
        owner=OwnerCluster(to_cluster(owner).paused, _endpoint(owner)) if owner is not None else None,
        provisioned=bool(status.get("ready") or (status.get("initialization") or {}).get("provisioned")),
    )


def told_domains(cache: Cache, raw: Raw) -> dict[str, Any]:
    """The field `failureDomains` of its status, in the form that the version of its Cluster reads; none while there is
    no Cluster to read it."""
    owner, _ = ownership.owner_of(cache, raw, "Cluster")
    if owner is None:
        return {}
    version = str(owner.get("apiVersion", ""))
    return {"failureDomains": dump_failure_domains(raw, failure_domains(cache, raw), version)}


def cluster_status_changes(
    raw: Raw, report: ClusterReport, now: str, domains: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The merge patch that makes the status say what is told, in either version's spelling; empty if it does.
    domains: of `told_domains`, where they are told."""
    current: Mapping[str, Any] = raw.get("status") or {}
    # No condition is removed: while the cluster is paused, earlier ones stay.
    conditions = merge(
        current.get("conditions") or (), report.conditions, frozenset(), now, int(raw["metadata"].get("generation", 0))
    )
    wanted: dict[str, Any] = {"conditions": conditions, **(domains or {})}
    if report.provisioned is not None:
        wanted |= {"ready": report.provisioned, "initialization": {"provisioned": report.provisioned}}
    return changes(current, wanted)


def _endpoint(raw: Raw) -> Endpoint:
    given = (raw.get("spec") or {}).get("controlPlaneEndpoint") or {}
    return Endpoint(str(given.get("host") or ""), int(given.get("port") or 0))
