"""What is kept of choices as entries change is what a walk through the pool would find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capra.controller.dependents import first_in_line, in_line
from capra.kube.cache import claims
from capra.kube.cache.cache import Cache
from capra.kube.cache.choosing.choosing import MOST
from capra.kube.cache.choosing.offered import available, offered
from capra.kube.cache.known import By
from capra.kube.client.resources import ENTRIES, MACHINES, QUARANTINED, UNREACHABLE, Raw, name_of
from capra.kube.objects.fields import pool_of
from capra.kube.objects.silent import dump_silence
from capra.model.choosing.choice import ANY_HOST, Choice, HostSelector, Preference, Strategy
from capra.model.choosing.terms import Operator, Term
from capra.model.machine import FACTS
from capra.model.pool import PoolEntry
from capra.model.probe import Obstacle
from tests.unit.kube.pool_examples import KEY, entry, machine

RACK = Term("rack", Operator.IN, ("a",))
BIG = Term(f"{FACTS}cpus", Operator.GT, ("4",))
CHOICES = (
    ANY_HOST,
    Choice(HostSelector((RACK,))),
    Choice(HostSelector((RACK, BIG))),
    Choice(HostSelector((BIG,), strategy=Strategy.LEAST_RECENTLY_USED), "x"),
    Choice(HostSelector(preferred=(Preference(5, (RACK,)), Preference(7, (BIG,)))), "x"),
    Choice(HostSelector(strategy=Strategy.RANDOM)),
)
REACHED = {"type": "Reachable", "status": "True"}
FIT = [REACHED, {"type": "Fit", "status": "True"}]
UNFIT = [REACHED, {"type": "Fit", "status": "False", "message": "2 errors: x"}]
AWAY = [{"type": "Reachable", "status": "False"}]


def made(
    name: str, pool: str, rack: str, cpus: int, domain: str, told: Sequence[Any], holder: str, until: float
) -> dict[str, Any]:
    raw = entry(name, holder or None, in_pool=pool, labels={"rack": rack} if rack else {})
    raw["status"] = {"conditions": list(told), "facts": {"cpus": cpus}}
    if domain:
        raw["spec"]["failureDomain"] = domain
    if until:
        raw["metadata"]["annotations"][UNREACHABLE] = dump_silence(raw, until, "timed out")
    return raw


entries = st.builds(
    made,
    st.sampled_from("efgh"),
    st.sampled_from("pq"),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from([0, 2, 8]),
    st.sampled_from(["", "x", "y"]),
    st.sampled_from([[], FIT, UNFIT, AWAY]),
    st.sampled_from(["", "", "m/uid-m/uid-e"]),
    st.sampled_from([0, 0, 50.0]),
)


def walked(cache: Cache, pool: str, choice: Choice) -> list[PoolEntry]:
    """The entries that can be handed out, the best one first."""
    raws = [raw for raw in cache.all(ENTRIES, "default") if pool_of(raw) == pool]
    free = [claims.with_obstacles(cache, raw, None) for raw in raws]
    good = [one for one in free if not one.unavailable and choice.fits(one.offer)]
    return sorted(good, key=lambda one: (choice.rank(one.offer, fit=one.fit or not cache.probes), one.name))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "remove", "ask"]), entries, st.sampled_from(CHOICES)), max_size=25))
def test_every_change_of_an_entry_counts(steps: list[tuple[str, Raw, Choice]]) -> None:
    cache = Cache(probes=True)
    cache.put("Secret", KEY)
    for version, (what, raw, choice) in enumerate(steps):
        if what == "ask":
            list(available(cache, "default", "p", choice))
        elif what == "put":
            metadata = {**raw["metadata"], "resourceVersion": str(version)}
            cache.put(ENTRIES, {**raw, "metadata": metadata})
        else:
            known = cache.get(ENTRIES, "default", name_of(raw))
            if known is not None:
                cache.remove(ENTRIES, known)
                cache._deleted.clear()
    for pool in "pq":
        for choice in CHOICES:
            found = [name_of(raw) for raw in available(cache, "default", pool, choice)]
            assert found == [one.name for one in walked(cache, pool, choice)]
            every = [raw for raw in cache.all(ENTRIES, "default") if pool_of(raw) == pool]
            fitting = [raw for raw in every if choice.fits(claims.with_obstacles(cache, raw, None).offer)]
            if choice != ANY_HOST:
                assert cache.choosing.number("default", pool, choice, By.FITTING) == len(fitting)
                assert (cache.choosing.shortfall("default", pool, choice) is None) == bool(fitting or not every)


def known(*objects: Raw) -> Cache:
    cache = Cache(probes=True)
    cache.put("Secret", KEY)
    for one in objects:
        cache.put(one["kind"], one)
    return cache


def free(name: str, rack: str = "", cpus: int = 0, domain: str = "", told: Sequence[Any] = ()) -> dict[str, Any]:
    return made(name, "p", rack, cpus, domain, told, "", 0)


def test_the_shortfall_names_what_nobody_has_and_a_free_one_of_the_nearest() -> None:
    taken = made("a-taken", "p", "a", 2, "", (), "m/uid-m/uid-a-taken", 0)
    cache = known(taken, free("b-free", "a", 2), free("c-none", "b", 2))
    shortfall = cache.choosing.shortfall("default", "p", CHOICES[2])
    assert shortfall is not None
    assert shortfall.wanted == (str(RACK), str(BIG))
    assert (shortfall.nobody, shortfall.nearest, shortfall.fails) == ((str(BIG),), "b-free", (str(BIG),))
    cache.put(ENTRIES, free("c-none", "b", 8, told=FIT))
    shortfall = cache.choosing.shortfall("default", "p", CHOICES[2])
    assert shortfall is not None
    assert shortfall.nobody == ()
    assert cache.choosing.shortfall("default", "none", CHOICES[2]) is None


def test_of_a_pool_that_nobody_can_have_those_that_fit_are_told() -> None:
    cache = known(*(free(name, rack, told=UNFIT) for name, rack in (("a", "b"), ("b", "a"), ("c", "a"))))
    told = offered(cache, machine(hostSelector={"matchLabels": {"rack": "a"}}), watch_filter=None, named=1)
    assert [one.name for one in told.entries] == ["b"]
    assert (told.pool_size, told.pool_unfit, told.pool_unreachable, told.shortfall) == (2, 2, 0, None)
    number = cache.choosing.number("default", "p", told.choice, By.CHOSEN_PROBED, Obstacle.UNFIT)
    assert number == 2


def test_one_that_is_promised_is_not_offered_to_others() -> None:
    cache = known(free("a", "a"), free("b", "a"))
    raw = cache.get(ENTRIES, "default", "a")
    assert raw is not None
    choice = CHOICES[1]
    assert [name_of(one) for one in available(cache, "default", "p", choice)] == ["a", "b"]
    with cache.promised(raw):
        assert [name_of(one) for one in available(cache, "default", "p", choice)] == ["b"]
    assert [name_of(one) for one in available(cache, "default", "p", choice)] == ["a", "b"]


def test_what_was_not_asked_for_the_longest_is_forgotten_and_learnt_again() -> None:
    cache = known(free("a", "a"), free("b", "b"))
    many = [Choice(HostSelector((Term("rack", Operator.NOT_IN, (str(number),)),))) for number in range(2 * MOST)]
    for choice in (*many, many[0]):
        assert [name_of(one) for one in available(cache, "default", "p", choice)] == ["a", "b"]
    assert len(cache.choosing._learnt["default", "p"]) == MOST
    traits = cache.choosing._index.of(ENTRIES, "default", "a")
    assert len({trait.value for trait in traits if trait.by is By.FITTING}) == MOST


TOLD = {"conditions": [{"type": "HostReserved", "status": "False", "reason": "PoolExhausted"}]}


def waiting(name: str, since: str, told: bool = True, **spec: Any) -> dict[str, Any]:
    raw = machine(name, f"uid-{name}", **spec)
    raw["metadata"]["creationTimestamp"] = since
    return {**raw, "status": TOLD} if told else raw


RACK_A, RACK_B = ({"matchLabels": {"rack": rack}} for rack in "ab")


def test_whoever_waits_for_something_else_does_not_stand_in_the_way() -> None:
    first = waiting("b-first", "1", hostSelector=RACK_B)
    second, third = (waiting(name, since, hostSelector=RACK_A) for name, since in (("second", "2"), ("third", "3")))
    any_host, young = waiting("any", "4"), waiting("young", "5")
    cache = known(first, second, third, any_host, young)
    assert list(first_in_line(cache, "default", "p")) == []
    # Everybody's first learns what is new.
    assert [key.name for key in first_in_line(cache, "default", "p", least=1)] == ["b-first", "second", "any"]
    cache.put(ENTRIES, free("e", "a"))
    assert [key.name for key in first_in_line(cache, "default", "p")] == ["second", "any"]
    assert [key.name for key in in_line(cache, second)] == ["second", "third", "any", "young"]
    cache.put(ENTRIES, free("f", "b"))
    assert [key.name for key in first_in_line(cache, "default", "p")] == ["b-first", "second", "any", "young"]


@pytest.mark.parametrize("domain", ["x", "y"])
def test_a_failure_domain_of_the_owner_counts_as_soon_as_the_owner_is_known(domain: str) -> None:
    raw = waiting("m", "1")
    reference = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "m", "uid": "uid-owner"}
    raw["metadata"]["ownerReferences"] = [reference]
    cache = known(raw, free("e", domain="x"))
    assert list(cache.choosing.lines.of("default", "p")) == [ANY_HOST]
    infrastructure = {
        "apiGroup": "infrastructure.cluster.x-k8s.io",
        "kind": MACHINES,
        "name": "m",
    }
    owner = {
        "kind": "Machine",
        "metadata": {"name": "m", "namespace": "default", "uid": "uid-owner"},
        "spec": {"failureDomain": domain, "infrastructureRef": infrastructure},
    }
    cache.put("Machine", owner)
    assert list(cache.choosing.lines.of("default", "p")) == [Choice(failure_domain=domain)]
    assert [key.name for key in first_in_line(cache, "default", "p")] == (["m"] if domain == "x" else [])
    # Where no entry names a domain, none counts.
    cache.put(ENTRIES, free("e"))
    assert [key.name for key in first_in_line(cache, "default", "p")] == ["m"]


def test_a_selector_with_a_mistake_stands_in_no_line() -> None:
    cache = known(waiting("m", "1", hostSelector={"matchLabels": {"no label!": ""}}), free("e"))
    assert cache.choosing.lines.of("default", "p") == {}
    problem = offered(cache, machine(hostSelector={"strategy": "x"}), watch_filter=None, named=5).problem
    assert problem is not None
    assert problem.field == "spec.hostSelector.strategy"
    cache.put(ENTRIES, entry("q", annotations={QUARANTINED: "x"}))


def test_what_is_waited_for_is_never_forgotten() -> None:
    """However many lines there are: each event asks for all of them."""
    lines = [
        waiting(f"m{n}", "2026-01-01T00:00:00Z", hostSelector={"matchLabels": {"rack": f"{n}"}}) for n in range(100)
    ]
    cache = known(free("a", "a"), *lines)
    choices = list(cache.choosing.lines.of("default", "p"))
    assert len(choices) == 100
    for choice in choices:
        cache.choosing.to_be_had("default", "p", choice)
    learnt = dict(cache.choosing._learnt["default", "p"])
    for choice in choices:
        cache.choosing.to_be_had("default", "p", choice)
    assert cache.choosing._learnt["default", "p"] == learnt


def test_a_pool_that_nobody_uses_is_forgotten() -> None:
    cache = known(waiting("m", "2026-01-01T00:00:00Z", hostSelector=RACK_A))
    [choice] = cache.choosing.lines.of("default", "p")
    assert cache.choosing.to_be_had("default", "p", choice) == 0
    raw = cache.get(MACHINES, "default", "m")
    assert raw is not None
    cache.remove(MACHINES, raw)
    assert cache.choosing._learnt == {}


def test_machines_are_woken_when_domains_count_no_more_in_a_pool() -> None:
    """The last entry that names one has gone to another pool."""
    last = free("a", "a", domain="x")
    cache = known(last, free("b", "a"), waiting("m", "2026-01-01T00:00:00Z", failureDomain="y"))
    freed: list[tuple[str, str]] = []
    cache.freed = lambda namespace, pool: freed.append((namespace, pool))
    metadata = {**last["metadata"], "resourceVersion": "9"}
    cache.put(ENTRIES, {**last, "metadata": metadata, "spec": {**last["spec"], "pool": "q"}})
    assert ("default", "p") in freed
    assert [key.name for key in first_in_line(cache, "default", "p")] == ["m"]
