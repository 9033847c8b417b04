"""What must be looked at again when an object has changed. Pure, over what the cache knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from capra.kube.cache import claims, ownership
from capra.kube.cache.choosing.domains import misinformed
from capra.kube.cache.choosing.lines import told_to_wait
from capra.kube.cache.known import By, Known
from capra.kube.cache.traits import asked_name
from capra.kube.client.resources import (
    CLUSTER_NAME_LABEL,
    CLUSTERS,
    ENTRIES,
    MACHINES,
    NODES_OF_CLUSTER,
    SECRETS,
    SSH_KEY_FINALIZER,
    ObjectKey,
    Raw,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)
from capra.kube.client.workload import KUBECONFIG_SUFFIX
from capra.kube.objects.cluster_api import cluster_name_of
from capra.kube.objects.fields import login_secrets, pool_of
from capra.kube.objects.places import Place
from capra.kube.objects.pool_entries import holder_of
from capra.model.choosing.choice import Choice
from capra.model.machine import RUN_PLAYBOOK_ANNOTATION


def dependents(cache: Known, kind: str, raw: Raw) -> Iterator[ObjectKey]:
    """Everything that depends on this object, the object itself included, some of it perhaps twice."""
    find = _FINDERS.get(kind)
    if find is not None:
        yield from find(cache, raw)


def _key(kind: str, raw: Raw) -> ObjectKey:
    return ObjectKey(kind, namespace_of(raw), name_of(raw))


def _of_remote_machine(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    yield _key(MACHINES, raw)
    related = claims.related(cache, raw)
    yield from (_key(ENTRIES, entry) for entry in related)
    yield from _nodes(raw)
    # A host that was in use may be free now.
    yield from (_key(MACHINES, other) for other in claims.at_host(cache, raw))
    # The machine meant for an entry may no longer want it.
    for name in {pool_of(one) for one in (raw, *related)}:
        yield from first_in_line(cache, namespace_of(raw), name)
    yield from _next_turn(cache, raw)
    yield from _ssh_key(raw, raw.get("spec") or {})


def _ssh_key(raw: Raw, spec: Raw) -> Iterator[ObjectKey]:
    """Its Secrets are held as long as somebody names them."""
    yield from (ObjectKey(SECRETS.kind, namespace_of(raw), name) for name in login_secrets(spec))


def _next_turn(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    """The first machine waiting for its turn at the playbook that this one may have finished. When it begins, its own
    change wakes the next."""
    if RUN_PLAYBOOK_ANNOTATION in annotations_of(raw):
        waiting = cache.by(MACHINES, namespace_of(raw), By.TURN, asked_name(raw))
        yield from (_key(MACHINES, one) for one in islice(waiting, 1))


def _nodes(raw: Raw) -> Iterator[ObjectKey]:
    cluster = labels_of(raw).get(CLUSTER_NAME_LABEL, "")
    if cluster:
        yield ObjectKey(NODES_OF_CLUSTER, namespace_of(raw), cluster)


def _of_entry(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    yield from _of_entries(cache, [raw])


def _of_entries(cache: Known, changed: Sequence[Raw]) -> Iterator[ObjectKey]:
    """What depends on any of these entries of one namespace."""
    namespace = namespace_of(changed[0])
    yield from (_key(ENTRIES, entry) for entry in changed)
    for entry in changed:
        yield from _ssh_key(entry, (entry.get("spec") or {}).get("machine") or {})
    # A host that was in quarantine may be clean now, or be in quarantine now.
    machines, entries = claims.at_host_of(cache, *changed)
    yield from (_key(MACHINES, machine) for machine in machines)
    yield from (_key(ENTRIES, entry) for entry in entries)
    for name in {pool_of(entry) for entry in changed}:
        yield from first_in_line(cache, namespace, name, least=1)
    for name in {pool_of(entry) for entry in entries}:
        yield from first_in_line(cache, namespace, name)
    yield from (_key(CLUSTERS, cluster) for cluster in misinformed(cache, namespace))
    holders = (holder_of(entry) for entry in changed)
    yield from (ObjectKey(MACHINES, namespace, holder.name) for holder in holders if holder is not None)


def at_place(cache: Known, namespace: str, place: Place) -> Iterator[ObjectKey]:
    """Those who may wait for this host, or whose status names its user."""
    for kind in (MACHINES, ENTRIES):
        yield from (_key(kind, one) for one in cache.by(kind, namespace, By.PLACE, place))


def first_in_line(cache: Known, namespace: str, name: str, least: int = 0) -> Iterator[ObjectKey]:
    """The machines to wake: of each line one for each available entry that its machines may have, those that wait
    longest first. If one of them takes nothing, its own change, or its failure, wakes the next. least: wake at least
    this many of each, to see the pool's new state, and when an entry whose host did not answer is tried again."""
    woken: list[tuple[str, str]] = []
    for wants, line in cache.choosing.lines.of(namespace, name).items():
        number = min(_to_be_had(cache, namespace, name, wants), told_to_wait(line))
        woken.extend(line[: max(least, number)])
    yield from (ObjectKey(MACHINES, namespace, machine) for _, machine in sorted(woken))


def _to_be_had(cache: Known, namespace: str, pool: str, wants: Choice) -> int:
    return cache.choosing.to_be_had(namespace, pool, cache.choosing.effective(namespace, pool, wants))


def in_line(cache: Known, machine: Raw) -> Iterator[ObjectKey]:
    """All who wait for an entry of the machine's pool, the longest first; nobody while none is available that they may
    have."""
    namespace, name = namespace_of(machine), pool_of(machine)
    lines = cache.choosing.lines
    lucky = {wants for wants in lines.of(namespace, name) if _to_be_had(cache, namespace, name, wants)}
    if lucky:
        for one in cache.by(MACHINES, namespace, By.EXHAUSTED, name):
            if lines.wants(namespace, name_of(one)) in lucky:
                yield _key(MACHINES, one)


def _of_machine(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    reference = (raw.get("spec") or {}).get("infrastructureRef") or {}
    if reference.get("kind") == MACHINES and reference.get("name"):
        yield ObjectKey(MACHINES, namespace_of(raw), str(reference["name"]))
        yield ObjectKey(NODES_OF_CLUSTER, namespace_of(raw), cluster_name_of(raw))
    # Objects that name it learn whether it owns them.
    yield from (_key(MACHINES, named) for named in ownership.named_by(cache, raw, "Machine"))


def _of_cluster(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    reference = (raw.get("spec") or {}).get("infrastructureRef") or {}
    if reference.get("kind") == CLUSTERS and reference.get("name"):
        yield ObjectKey(CLUSTERS, namespace_of(raw), str(reference["name"]))
    yield from (_key(CLUSTERS, named) for named in ownership.named_by(cache, raw, "Cluster"))
    yield from (_key(MACHINES, one) for one in cache.by(MACHINES, namespace_of(raw), By.CLUSTER, name_of(raw)))
    yield from _owned_by_those(cache, namespace_of(raw), By.CLUSTER, name_of(raw))
    yield ObjectKey(NODES_OF_CLUSTER, namespace_of(raw), name_of(raw))


def _of_remote_cluster(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    yield _key(CLUSTERS, raw)


def _of_secret(cache: Known, raw: Raw) -> Iterator[ObjectKey]:
    namespace, name = namespace_of(raw), name_of(raw)
    used = any(cache.number(kind, namespace, By.SECRET, name) for kind in (MACHINES, ENTRIES))
    if used or SSH_KEY_FINALIZER in (raw["metadata"].get("finalizers") or ()):
        yield _key(SECRETS.kind, raw)
    using = list(cache.by(ENTRIES, namespace, By.SECRET, name))
    if using:
        yield from _of_entries(cache, using)
    yield from (_key(MACHINES, machine) for machine in cache.by(MACHINES, namespace, By.SECRET, name))
    yield from _owned_by_those(cache, namespace, By.SECRET, name)
    if name.endswith(KUBECONFIG_SUFFIX):
        yield ObjectKey(NODES_OF_CLUSTER, namespace, name.removesuffix(KUBECONFIG_SUFFIX))


def _owned_by_those(cache: Known, namespace: str, by: By, value: str) -> Iterator[ObjectKey]:
    """The RemoteMachines whose owners are Machines with this in common."""
    for owner in cache.by("Machine", namespace, by, value):
        for machine in ownership.named_by(cache, owner, "Machine"):
            if ownership.owner_of(cache, machine, "Machine")[0] is owner:
                yield _key(MACHINES, machine)


_FINDERS: dict[str, Callable[[Known, Raw], Iterator[ObjectKey]]] = {
    MACHINES: _of_remote_machine,
    ENTRIES: _of_entry,
    CLUSTERS: _of_remote_cluster,
    "Machine": _of_machine,
    "Cluster": _of_cluster,
    SECRETS.kind: _of_secret,
}
