"""What is counted as it changes is what a walk through everything would find."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from capra.controller.serving.census import measure
from capra.controller.serving.metrics import Metrics
from capra.kube.cache import claims, entry_state
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.client.resources import ENTRIES, MACHINES, POOL_ENTRY, QUARANTINED, UNREACHABLE, Raw, name_of
from capra.kube.objects.fields import pool_of
from capra.kube.objects.silent import dump_silence
from capra.model.machine import MANAGED_BY_ANNOTATION, PAUSED_ANNOTATION
from capra.model.observation import Phase
from capra.model.probe import Obstacle
from tests.unit.kube.pool_examples import entry, machine

FILTER = ("cluster.x-k8s.io/watch-filter", "w")
REACHED = {"type": "Reachable", "status": "True"}
FIT = [REACHED, {"type": "Fit", "status": "True"}]
UNFIT, VERY_UNFIT = ([REACHED, {"type": "Fit", "status": "False", "message": f"{n} errors: x"}] for n in (2, 10))
AWAY = [{"type": "Reachable", "status": "False"}]
TOLD = {"conditions": [{"type": "HostReserved", "status": "False", "reason": "PoolExhausted"}]}

places = st.sampled_from(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", ""])
pools = st.sampled_from(["p", "q"])
labels = st.sampled_from([{}, {FILTER[0]: FILTER[1]}])


def silenced(raw: dict[str, Any], until: float | None) -> dict[str, Any]:
    if until is not None:
        raw["metadata"]["annotations"][UNREACHABLE] = dump_silence(raw, until, "timed out")
    return raw


machines = st.builds(
    lambda name, uid, phase, pool, address, notes, deleting, status, its: {
        **(raw := machine(name, f"uid-{name}{uid}", phase, pool=pool, address=address, annotations=notes)),
        "metadata": {**raw["metadata"], "labels": its, **({"deletionTimestamp": "now"} if deleting else {})},
        "status": status,
    },
    st.sampled_from(["m", "n"]),
    st.sampled_from(["", "-anew"]),
    st.sampled_from([None, *Phase]),
    pools,
    places,
    st.sampled_from([{}, {POOL_ENTRY: "e"}, {PAUSED_ANNOTATION: ""}, {MANAGED_BY_ANNOTATION: ""}]),
    st.booleans(),
    st.sampled_from([{}, {"phase": "Provisioned"}, TOLD]),
    labels,
)
entries = st.builds(
    lambda name, holder, notes, in_pool, address, key, silent, its, told: {
        **silenced(
            entry(
                name,
                holder,
                annotations=dict(notes),
                in_pool=in_pool,
                address=address,
                sshKeyRef={"name": key},
                labels=its,
            ),
            silent,
        ),
        "status": {"conditions": told},
    },
    st.sampled_from(["e", "f", "g"]),
    st.sampled_from([None, "", "m/uid-m/uid-e", "m/uid-m-anew/uid-e", "n/other/uid-f", "x/uid-x/x"]),
    st.sampled_from([{}, {QUARANTINED: "dirty"}, {PAUSED_ANNOTATION: ""}]),
    pools,
    places,
    st.sampled_from(["key", "other"]),
    st.sampled_from([None, None, 5.0, 50.0]),
    labels,
    st.sampled_from([[], FIT, UNFIT, VERY_UNFIT, AWAY]),
)
secrets = st.builds(
    lambda name: {"kind": "Secret", "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}},
    st.sampled_from(["key", "other"]),
)
changes = st.lists(st.tuples(st.one_of(machines, entries, secrets), st.booleans()), max_size=15)


@given(changes, st.sampled_from([None, FILTER]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_entries_and_machines_stand_where_a_walk_finds_them(
    script: list[tuple[dict[str, Any], bool]], watch_filter: tuple[str, str] | None, probes: bool
) -> None:
    cache = Cache(watch_filter, probes=probes)
    for version, (raw, goes) in enumerate(script, 1):
        raw["metadata"] |= {"resourceVersion": str(version)}
        if not goes:
            cache.put(raw["kind"], raw)
        elif (known := cache.get(raw["kind"], "default", name_of(raw))) is not None:
            cache.remove(raw["kind"], known)
        compare(cache, watch_filter)


def compare(cache: Cache, watch_filter: tuple[str, str] | None) -> None:
    states: Counter[Any] = Counter()
    free: dict[str, list[tuple[bool, str]]] = {"p": [], "q": []}
    kept_back: dict[tuple[str, Obstacle], list[tuple[int, str]]] = defaultdict(list)
    silent: dict[str, list[tuple[float, str]]] = {"p": [], "q": []}
    for raw in cache.all(ENTRIES):
        seen, name = claims.with_obstacles(cache, raw, None), pool_of(raw)
        states["default", (name, entry_state.state(cache, raw, seen)[0].value)] += 1
        mine = claims.with_obstacles(cache, raw, None, watch_filter)
        assert cache.is_free(raw) == (not mine.barred)
        if mine.probe is not None and mine.probe.obstacle is not None:
            kept_back[name, mine.probe.obstacle].append((mine.probe.errors, mine.name))
        elif not mine.unavailable:
            free[name].append((not mine.fit, mine.name))
        elif mine.unreachable and not mine.blocked:
            silent[name].append((mine.unreachable.until, mine.name))
    assert cache.numbers(ENTRIES, By.STATE) == states
    for name in ("p", "q"):
        assert names(cache, ENTRIES, By.AVAILABLE, name) == [one for _, one in sorted(free[name])]
        for obstacle in Obstacle:
            found = names(cache, ENTRIES, By.PROBED, (name, obstacle))
            assert found == [one for _, one in sorted(kept_back[name, obstacle])]
    if not cache.probes:
        assert not any(kept_back.values())
    for name in ("p", "q"):
        assert names(cache, ENTRIES, By.SILENT, name) == [one for _, one in sorted(silent[name])]
    phases = Counter((raw.get("status") or {}).get("phase", "Pending") for raw in cache.all(MACHINES))
    assert {phase: number for (_, phase), number in cache.numbers(MACHINES, By.PHASE).items()} == phases


def names(cache: Cache, kind: str, by: By, value: Hashable) -> list[str]:
    return [name_of(raw) for raw in cache.by(kind, "default", by, value)]


def test_the_metrics_read_these_numbers() -> None:
    cache, metrics = Cache(), Metrics()
    cache.put("Secret", {"metadata": {"name": "key", "namespace": "default", "uid": "uid-key"}})
    for raw in (
        entry("a"),
        entry("b", in_pool="q"),
        entry("c", holder="m/uid-m/x"),
        machine("m"),
        told("n"),
        told("o"),
    ):
        cache.put(raw["kind"], raw)
    measure(cache, metrics)
    body = metrics.render("")[0].decode()
    for line in (
        'capra_machines{namespace="default",phase="Pending"} 1.0',
        'capra_machines{namespace="default",phase="Provisioned"} 2.0',
        'capra_pool_entries{namespace="default",pool="p",state="Available"} 1.0',
        'capra_pool_entries{namespace="default",pool="p",state="Reserved"} 1.0',
        'capra_pool_entries{namespace="default",pool="q",state="Available"} 1.0',
    ):
        assert line in body


def told(name: str) -> Raw:
    return {**machine(name, f"uid-{name}"), "status": {"phase": "Provisioned"}}


def waiting(name: str, created: str, status: Raw, **annotations: str) -> Raw:
    raw = machine(name, f"uid-{name}", annotations=annotations)
    raw["metadata"]["creationTimestamp"] = created
    return {**raw, "status": status}


def test_the_line() -> None:
    """Who was told that the pool is exhausted, the oldest first, and then who was not yet."""
    cache = Cache()
    for raw in (
        waiting("a-young", "2026-03-01T00:00:00Z", TOLD),
        waiting("b-old", "2026-01-01T00:00:00Z", TOLD),
        waiting("c-new", "2025-01-01T00:00:00Z", {}),
        waiting("d-paused", "2025-01-01T00:00:00Z", TOLD, **{PAUSED_ANNOTATION: ""}),
        waiting("e-foreign", "2025-01-01T00:00:00Z", TOLD, **{MANAGED_BY_ANNOTATION: ""}),
        {**machine("placed", "uid-placed", address="192.0.2.1"), "status": TOLD},
    ):
        cache.put(MACHINES, raw)
    assert names(cache, MACHINES, By.EXHAUSTED, "p") == ["b-old", "a-young"]
    assert names(cache, MACHINES, By.WAITING, "p") == ["b-old", "a-young", "c-new", "d-paused", "e-foreign"]


def test_an_entry_that_is_promised_is_offered_to_nobody() -> None:
    cache, raw = Cache(), entry("a")
    cache.put("Secret", {"metadata": {"name": "key", "namespace": "default", "uid": "uid-key"}})
    cache.put(ENTRIES, raw)
    with cache.promised(raw):
        assert cache.is_promised(raw)
        assert names(cache, ENTRIES, By.AVAILABLE, "p") == []
        cache.put(ENTRIES, entry("a", user="ops"))
        assert names(cache, ENTRIES, By.AVAILABLE, "p") == []
        assert cache.numbers(ENTRIES, By.STATE) == {("default", ("p", "Available")): 1}
    assert not cache.is_promised(raw)
    assert names(cache, ENTRIES, By.AVAILABLE, "p") == ["a"]


def test_another_content_of_the_same_version_is_found_anew() -> None:
    """As after a restore of etcd, which counts anew."""
    cache = Cache()
    cache.put("Secret", {"metadata": {"name": "key", "namespace": "default", "uid": "uid-key"}})
    before, after = (entry("a", holder=holder, metadata={"resourceVersion": "5"}) for holder in ("", "m/uid-m/uid-a"))
    cache.put(ENTRIES, before)
    assert names(cache, ENTRIES, By.AVAILABLE, "p") == ["a"]
    assert [name_of(raw) for raw in cache.replace(ENTRIES, [after], 5, cache.mark(ENTRIES))] == ["a"]
    assert names(cache, ENTRIES, By.AVAILABLE, "p") == []


def test_who_has_written_which_field_is_not_kept() -> None:
    cache = Cache()
    raw = entry("a", metadata={"managedFields": [{"manager": "capra"}], "resourceVersion": "1"})
    assert cache.put(ENTRIES, raw)
    kept = cache.get(ENTRIES, "default", "a")
    assert kept is not None
    assert "managedFields" not in kept["metadata"]
    assert "managedFields" in raw["metadata"]
    assert not list(cache.replace(ENTRIES, [raw], 1, cache.mark(ENTRIES)))
