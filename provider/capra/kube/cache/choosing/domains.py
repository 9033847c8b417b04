"""The failure domains that a RemoteCluster tells of: those of its pools. Pure, over what the cache knows."""

from __future__ import annotations

from collections.abc import Iterator

from capra.kube.cache.known import By, Known
from capra.kube.client.resources import CLUSTERS, ENTRIES, Raw, namespace_of
from capra.kube.objects.cluster_api import load_failure_domains

MOST_DOMAINS = 100
"""Cluster API's status takes no more (`maxItems` of Cluster's `status.failureDomains`)."""


def failure_domains(cache: Known, cluster: Raw) -> tuple[str, ...]:
    """The first MOST_DOMAINS by name; none where no entry names one. Without `spec.pools`, all pools of the namespace
    count."""
    pools = (cluster.get("spec") or {}).get("pools") or ()
    found = {
        domain
        for namespace, (pool, domain) in cache.numbers(ENTRIES, By.IN_DOMAIN)
        if namespace == namespace_of(cluster) and (not pools or pool in pools)
    }
    return tuple(sorted(found)[:MOST_DOMAINS])


def misinformed(cache: Known, namespace: str) -> Iterator[Raw]:
    """The RemoteClusters of the namespace that tell of other domains than there are."""
    for cluster in cache.by(CLUSTERS, namespace, By.NAMESPACE, ""):
        if load_failure_domains(cluster) != failure_domains(cache, cluster):
            yield cluster
