"""Whether a watch event says anything that matters to others. Pure, except for what it remembers."""

from __future__ import annotations

from capra.kube.client.resources import ENTRIES, MACHINES, Raw, name_of, namespace_of
from capra.kube.objects.cluster_api import to_cluster
from capra.kube.objects.probes.offers import fact_labels

NO_NEWS = frozenset({"resourceVersion", "managedFields"})
"""Metadata that change with everything else."""

PROGRESS, PROBE = frozenset({"progress"}), frozenset({"lastProbeTime", "facts"})
"""Fields of a status that nothing depends on, but for facts that hosts are chosen by."""


class News:
    """What was last told of each Cluster, RemoteMachine and PooledRemoteMachine.

    The cache cannot say it: it holds what the controller itself has written before the watch brings the event. Cluster
    API writes the status of a Cluster at every step of every Machine, and the controller writes the progress of a
    machine every few seconds, and when each of a thousand hosts was probed: all that depends on them would be looked at
    each time.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], object] = {}

    def is_news(self, kind: str, raw: Raw) -> bool:
        """True when anything that counts is not as noted last; it is noted then. Every event of other kinds
        is news."""
        if kind == MACHINES:
            counts: object = _but(raw, PROGRESS)
        elif kind == ENTRIES:
            counts = _but(raw, PROBE), fact_labels(raw)
        elif kind == "Cluster":
            counts = _what_counts(raw)
        else:
            return True
        place = kind, namespace_of(raw), name_of(raw)
        if place in self._told and self._told[place] == counts:
            return False
        self._told[place] = counts
        return True

    def forget(self, kind: str, raw: Raw) -> None:
        """It has been deleted."""
        self._told.pop((kind, namespace_of(raw), name_of(raw)), None)


def _but(raw: Raw, fields: frozenset[str]) -> Raw:
    metadata = {name: value for name, value in raw["metadata"].items() if name not in NO_NEWS}
    status = {name: value for name, value in (raw.get("status") or {}).items() if name not in fields}
    return {**raw, "metadata": metadata, "status": status}


def _what_counts(cluster: Raw) -> tuple[object, ...]:
    metadata = cluster["metadata"]
    return metadata.get("uid"), metadata.get("deletionTimestamp"), cluster.get("spec"), to_cluster(cluster)
