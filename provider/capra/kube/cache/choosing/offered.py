"""What a pool has for a machine. Pure, over what the cache knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from capra.kube.cache import claims
from capra.kube.cache.known import By, Known
from capra.kube.cache.traits import WatchFilter
from capra.kube.client.resources import ENTRIES, Raw, name_of, namespace_of
from capra.kube.objects.fields import pool_of
from capra.model.choosing.choice import ANY_HOST, Choice, Shortfall
from capra.model.observation import Problem
from capra.model.pool import PoolEntry
from capra.model.probe import Obstacle


@dataclass(frozen=True)
class Offered:
    """The fields of an Observation of the same names, but for `entries`, which is its `pool`."""

    entries: tuple[PoolEntry, ...] = ()
    pool_size: int = 0
    pool_unreachable: int = 0
    pool_unfit: int = 0
    choice: Choice = ANY_HOST
    shortfall: Shortfall | None = None
    problem: Problem | None = None


def offered(cache: Known, machine: Raw, *, watch_filter: WatchFilter, named: int) -> Offered:
    """As much of the machine's pool as a choice needs: the entry that comes first of those that can be handed out;
    where there is none, the first ones by name, so many as are named, then the one that is tried again first, and the
    one that is mended soonest, as far as its last probe tells. Where the machine wants something, only what fits
    counts."""
    namespace, name = namespace_of(machine), pool_of(machine)
    choice = cache.choosing.choice_of(machine)
    if isinstance(choice, Problem):
        return Offered(problem=choice)
    free, size = next(available(cache, namespace, name, choice), None), _number(cache, namespace, name, choice, By.POOL)
    if free is not None:
        return Offered((claims.with_obstacles(cache, free, machine, watch_filter),), size, choice=choice)
    every = _found(cache, namespace, name, choice, By.POOL)
    first = [claims.with_obstacles(cache, raw, machine, watch_filter) for raw in islice(every, named)]
    nearest = (_found(cache, namespace, name, choice, By.PROBED, one) for one in (Obstacle.UNFIT, Obstacle.UNREACHABLE))
    silent = islice(_found(cache, namespace, name, choice, By.SILENT), 1)
    probed = islice(chain.from_iterable(nearest), 1)
    more = {name_of(raw): claims.with_obstacles(cache, raw, machine, watch_filter) for raw in (*silent, *probed)}
    entries = (*first, *(one for one in more.values() if one.name not in {entry.name for entry in first}))
    return Offered(
        entries,
        size,
        _number(cache, namespace, name, choice, By.PROBED, Obstacle.UNREACHABLE),
        _number(cache, namespace, name, choice, By.PROBED, Obstacle.UNFIT),
        choice,
        cache.choosing.shortfall(namespace, name, choice) if choice != ANY_HOST else None,
    )


def available(cache: Known, namespace: str, pool: str, choice: Choice) -> Iterator[Raw]:
    """The entries that can be handed out to a machine that wants this, the best one first."""
    return _found(cache, namespace, pool, choice, By.AVAILABLE)


_CHOSEN = {
    By.AVAILABLE: By.CHOSEN,
    By.SILENT: By.CHOSEN_SILENT,
    By.PROBED: By.CHOSEN_PROBED,
    By.POOL: By.FITTING,
}
"""What entries of a whole pool are found by, and those that fit a choice."""


def _found(
    cache: Known, namespace: str, pool: str, choice: Choice, by: By, obstacle: Obstacle | None = None
) -> Iterator[Raw]:
    if choice == ANY_HOST:
        return cache.by(ENTRIES, namespace, by, (pool, obstacle) if obstacle else pool)
    return cache.choosing.find(namespace, pool, choice, _CHOSEN[by], obstacle)


def _number(cache: Known, namespace: str, pool: str, choice: Choice, by: By, obstacle: Obstacle | None = None) -> int:
    if choice == ANY_HOST:
        return cache.number(ENTRIES, namespace, by, (pool, obstacle) if obstacle else pool)
    return cache.choosing.number(namespace, pool, choice, _CHOSEN[by], obstacle)
