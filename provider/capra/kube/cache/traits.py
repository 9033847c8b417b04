"""The traits by which an object is found, read from that object alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from capra.engine.hooks.asked import read_asked
from capra.engine.hooks.deciding import WAITING_FOR_TURN
from capra.engine.hooks.report import PLAYBOOK
from capra.engine.probes.facts import MACHINE_ID
from capra.engine.told.report import RESERVED
from capra.kube.cache import ownership
from capra.kube.cache.index import Trait
from capra.kube.cache.known import By
from capra.kube.client.resources import (
    CLUSTER_NAME_LABEL,
    FINALIZER,
    POOLED_REMOTE_MACHINES,
    QUARANTINED,
    RECORD,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    Raw,
    annotations_of,
    labels_of,
)
from capra.kube.objects import record
from capra.kube.objects.cluster_api import cluster_name_of, data_secret_name_of
from capra.kube.objects.fields import login_secrets, pool_of
from capra.kube.objects.places import entry_place, place
from capra.kube.objects.pool_entries import holder_of
from capra.kube.objects.probes.offers import failure_domain_of
from capra.model.machine import MANAGED_BY_ANNOTATION, PAUSED_ANNOTATION, RUN_PLAYBOOK_ANNOTATION
from capra.model.observation import Phase

NO_PHASE = "Pending"
"""The phase of a machine that nobody has looked at yet."""

WatchFilter = tuple[str, str] | None
"""Label and value of the objects that are worked on; None for all."""


def traits(kind: str, raw: Raw, watch_filter: WatchFilter) -> frozenset[Trait]:
    """All of them."""
    find = _OF.get(kind, _of_any)
    return frozenset([Trait(By.NAMESPACE, ""), *find(raw, watch_filter)])


def selected(raw: Raw, watch_filter: WatchFilter) -> bool:
    """The object is one of those that are worked on."""
    return watch_filter is None or labels_of(raw).get(watch_filter[0]) == watch_filter[1]


def _of_any(raw: Raw, watch_filter: WatchFilter) -> Iterator[Trait]:
    yield from ()


def _of_remote_machine(raw: Raw, watch_filter: WatchFilter) -> Iterator[Trait]:
    spec = raw.get("spec") or {}
    host = place(spec)
    if host[0]:
        yield Trait(By.PLACE, host)
        if _uses_host(raw):
            yield Trait(By.USER, host)
    secrets = login_secrets(spec)
    yield from (Trait(By.SECRET, name) for name in secrets)
    if _uses_host(raw):
        yield from (Trait(By.NEEDED_KEY, name) for name in secrets)
    yield from _named(By.CLUSTER, labels_of(raw).get(CLUSTER_NAME_LABEL, ""))
    yield from (Trait(By.OWNER, reference.name) for reference in ownership.references(raw, "Machine"))
    yield Trait(By.PHASE, str((raw.get("status") or {}).get("phase", NO_PHASE)))
    yield from _named(By.MACHINE_ID, _adopted_machine_id(raw))
    yield from _runs_playbook(raw)
    if selected(raw, watch_filter):
        yield from _waits(raw, spec)
        yield from _waits_for_turn(raw)


def _adopted_machine_id(raw: Raw) -> str:
    """Of the host that the machine has adopted; empty without one."""
    if MACHINE_ID not in annotations_of(raw).get(RECORD, ""):
        return ""  # most machines: there is no record to read
    kept = record.load_record(raw)
    return kept.facts.get(MACHINE_ID, "") if kept.phase not in {Phase.NEW, Phase.CLEAN} else ""


def _runs_playbook(raw: Raw) -> Iterator[Trait]:
    """How far the machine is with what its annotation asks for."""
    if RUN_PLAYBOOK_ANNOTATION not in annotations_of(raw) or raw["metadata"].get("deletionTimestamp"):
        return
    run = record.load_record(raw).playbook
    if run is not None and run.under_way:
        yield Trait(By.RUNNING, run.name)
    if run is not None and run.attempts:
        yield Trait(By.FAILED, run.name)


def _waits_for_turn(raw: Raw) -> Iterator[Trait]:
    if RUN_PLAYBOOK_ANNOTATION in annotations_of(raw) and _was_told(raw, PLAYBOOK, WAITING_FOR_TURN):
        yield Trait(By.TURN, asked_name(raw))


def _waits(raw: Raw, spec: Raw) -> Iterator[Trait]:
    pool = pool_of(raw)
    if not pool or spec.get("address") or raw["metadata"].get("deletionTimestamp"):
        return
    since = str(raw["metadata"].get("creationTimestamp", ""))
    told = _was_told(raw, RESERVED, "PoolExhausted")
    told = told and not {PAUSED_ANNOTATION, MANAGED_BY_ANNOTATION} & annotations_of(raw).keys()
    yield Trait(By.WAITING, pool, f"{0 if told else 1} {since}")
    if told:
        yield Trait(By.EXHAUSTED, pool, since)


def asked_name(raw: Raw) -> str:
    """The name of the hook that the annotation `run-playbook` asks for; empty where it says something else."""
    return read_asked(annotations_of(raw).get(RUN_PLAYBOOK_ANNOTATION, ""))[0].name


def _was_told(raw: Raw, kind: str, reason: str) -> bool:
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == kind and one.get("reason") == reason for one in conditions)


def _uses_host(raw: Raw) -> bool:
    """The machine has begun on its host, which has not been cleaned since."""
    provided = bool((raw.get("spec") or {}).get("providerID"))
    if RECORD not in annotations_of(raw) and FINALIZER not in raw["metadata"].get("finalizers", ()):
        return provided  # most machines that begin: there is no record to read
    phase = record.load_record(raw).phase
    return phase not in {Phase.NEW, Phase.CLEAN} or (phase is Phase.NEW and provided)


def _of_entry(raw: Raw, watch_filter: WatchFilter) -> Iterator[Trait]:
    host, holder = entry_place(raw), holder_of(raw)
    if host[0]:
        yield Trait(By.PLACE, host)
        if QUARANTINED in annotations_of(raw):
            yield Trait(By.QUARANTINE, host)
    yield from _named(By.POOL, pool_of(raw))
    domain = failure_domain_of(raw)
    if domain and selected(raw, watch_filter):
        yield Trait(By.DOMAIN, pool_of(raw))
        yield Trait(By.IN_DOMAIN, (pool_of(raw), domain))
    secrets = login_secrets((raw.get("spec") or {}).get("machine") or {})
    yield from (Trait(By.SECRET, name) for name in secrets)
    if QUARANTINED in annotations_of(raw):
        yield from (Trait(By.NEEDED_KEY, name) for name in secrets)
    if holder is not None:
        yield from _named(By.HOLDER_NAME, holder.name)
        yield from _named(By.HOLDER_UID, holder.uid)


def _of_remote_cluster(raw: Raw, watch_filter: WatchFilter) -> Iterator[Trait]:
    yield from (Trait(By.OWNER, reference.name) for reference in ownership.references(raw, "Cluster"))


def _of_machine(raw: Raw, watch_filter: WatchFilter) -> Iterator[Trait]:
    yield from _named(By.CLUSTER, cluster_name_of(raw))
    yield from _named(By.SECRET, data_secret_name_of(raw))


def _named(by: By, value: str) -> Iterator[Trait]:
    if value:
        yield Trait(by, value)


_OF: dict[str, Callable[[Raw, WatchFilter], Iterator[Trait]]] = {
    REMOTE_MACHINES.kind: _of_remote_machine,
    POOLED_REMOTE_MACHINES.kind: _of_entry,
    REMOTE_CLUSTERS.kind: _of_remote_cluster,
    "Machine": _of_machine,
}
