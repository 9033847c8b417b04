"""What must be looked at again when an object has changed. Pure, over what the cache knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from capra.kube import objects, ownership, pool
from capra.kube.cache import Cache
from capra.kube.resources import (
    CLUSTER_NAME_LABEL,
    POOLED_REMOTE_MACHINES,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    SECRETS,
    Raw,
    labels_of,
    name_of,
    namespace_of,
)

KUBECONFIG_SUFFIX = "-kubeconfig"
NODES = "Nodes"
"""Not an object: the Nodes of one Cluster's Machines; named after the Cluster."""

MACHINES, ENTRIES, CLUSTERS = REMOTE_MACHINES.kind, POOLED_REMOTE_MACHINES.kind, REMOTE_CLUSTERS.kind


class Key(NamedTuple):
    """What there is to look at."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def dependents(cache: Cache, kind: str, raw: Raw) -> Iterator[Key]:
    """Everything that depends on this object, the object itself included, some of it perhaps twice."""
    find = _FINDERS.get(kind)
    if find is not None:
        yield from find(cache, raw)


def _key(kind: str, raw: Raw) -> Key:
    return Key(kind, namespace_of(raw), name_of(raw))


def _of_remote_machine(cache: Cache, raw: Raw) -> Iterator[Key]:
    yield _key(MACHINES, raw)
    yield from (_key(ENTRIES, entry) for entry in pool.related(cache, raw))
    yield from _nodes(raw)
    for other in cache.all(MACHINES, namespace_of(raw)):
        # A host that was in use may be free now.
        if other["metadata"].get("uid") != raw["metadata"].get("uid") and pool.same_host(raw, other):
            yield _key(MACHINES, other)


def _nodes(raw: Raw) -> Iterator[Key]:
    cluster = labels_of(raw).get(CLUSTER_NAME_LABEL, "")
    if cluster:
        yield Key(NODES, namespace_of(raw), cluster)


def _of_entry(cache: Cache, raw: Raw) -> Iterator[Key]:
    yield from _of_entries(cache, [raw])


def _of_entries(cache: Cache, changed: Sequence[Raw]) -> Iterator[Key]:
    """What depends on any of these entries of one namespace. The others are gone through once, not for each of them."""
    namespace = namespace_of(changed[0])
    yield from (_key(ENTRIES, entry) for entry in changed)
    pools = {objects.pool_of(entry) for entry in changed}
    for machine in cache.all(MACHINES, namespace):
        spec = machine.get("spec") or {}
        if spec.get("pool") in pools and not spec.get("address"):
            yield _key(MACHINES, machine)
    # A host that was in quarantine may be clean now, or be in quarantine now.
    machines, entries = pool.at_host_of(cache, *changed)
    yield from (_key(MACHINES, machine) for machine in machines)
    yield from (_key(ENTRIES, entry) for entry in entries)
    holders = (objects.holder(entry) for entry in changed)
    yield from (Key(MACHINES, namespace, holder.name) for holder in holders if holder is not None)


def _of_machine(cache: Cache, raw: Raw) -> Iterator[Key]:
    reference = (raw.get("spec") or {}).get("infrastructureRef") or {}
    if reference.get("kind") == MACHINES and reference.get("name"):
        yield Key(MACHINES, namespace_of(raw), str(reference["name"]))
        yield Key(NODES, namespace_of(raw), objects.cluster_name(raw))
    # Whoever names it is told whether it is its owner.
    yield from (_key(MACHINES, named) for named in ownership.named_by(cache, raw, "Machine"))


def _of_cluster(cache: Cache, raw: Raw) -> Iterator[Key]:
    reference = (raw.get("spec") or {}).get("infrastructureRef") or {}
    if reference.get("kind") == CLUSTERS and reference.get("name"):
        yield Key(CLUSTERS, namespace_of(raw), str(reference["name"]))
    yield from (_key(CLUSTERS, named) for named in ownership.named_by(cache, raw, "Cluster"))
    for machine in cache.all(MACHINES, namespace_of(raw)):
        owner, _ = ownership.owner_of(cache, machine, "Machine")
        of_owner = objects.cluster_name(owner) if owner is not None else ""
        if name_of(raw) in {of_owner, labels_of(machine).get(CLUSTER_NAME_LABEL)}:
            yield _key(MACHINES, machine)
    yield Key(NODES, namespace_of(raw), name_of(raw))


def _of_remote_cluster(cache: Cache, raw: Raw) -> Iterator[Key]:
    yield _key(CLUSTERS, raw)


def _of_secret(cache: Cache, raw: Raw) -> Iterator[Key]:
    namespace, name = namespace_of(raw), name_of(raw)
    entries = cache.all(ENTRIES, namespace)
    using = [one for one in entries if _ssh_key_of((one.get("spec") or {}).get("machine") or {}) == name]
    if using:
        yield from _of_entries(cache, using)
    for machine in cache.all(MACHINES, namespace):
        owner, _ = ownership.owner_of(cache, machine, "Machine")
        if name == _ssh_key_of(machine.get("spec") or {}) or (
            owner is not None and objects.data_secret_name(owner) == name
        ):
            yield _key(MACHINES, machine)
    if name.endswith(KUBECONFIG_SUFFIX):
        yield Key(NODES, namespace, name.removesuffix(KUBECONFIG_SUFFIX))


def _ssh_key_of(spec: Raw) -> str:
    reference = spec.get("sshKeyRef")
    return str(reference.get("name", "")) if isinstance(reference, dict) else ""


_FINDERS: dict[str, Callable[[Cache, Raw], Iterator[Key]]] = {
    MACHINES: _of_remote_machine,
    ENTRIES: _of_entry,
    CLUSTERS: _of_remote_cluster,
    "Machine": _of_machine,
    "Cluster": _of_cluster,
    SECRETS.kind: _of_secret,
}
