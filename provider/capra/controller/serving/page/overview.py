"""The overview: machines, hosts and pools, failures first, a hundred at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from capra.kube.client.resources import Raw
from capra.kube.objects.overview import (
    FAILED,
    WAITING,
    EntryLine,
    MachineLine,
    PoolLines,
    machine_lines,
    pool_lines,
)

PART = 100
"""Rows of a table that are shown at once."""

_Row = TypeVar("_Row")


@dataclass(frozen=True)
class TablePart(Generic[_Row]):
    """Some rows of a table. number: which part, from 1. last: how many parts there are. total: of all rows. failed,
    waiting: how many of all."""

    rows: tuple[_Row, ...]
    number: int
    last: int
    total: int
    failed: int
    waiting: int


@dataclass(frozen=True)
class PoolRow:
    """A pool. counts: how many of its hosts are in each state."""

    namespace: str
    name: str
    counts: Mapping[str, int]
    rank: int


@dataclass(frozen=True)
class PageOverview:
    """What is shown of one namespace, or of all."""

    machines: TablePart[MachineLine]
    hosts: TablePart[EntryLine]
    pools: TablePart[PoolRow]

    @property
    def summary(self) -> str:
        """`3 of 30 machines failed, 1 of 8 hosts failed`."""
        told = [
            f"{part.failed} of {part.total} {what}{'s' if part.total != 1 else ''} failed"
            for part, what in ((self.machines, "machine"), (self.hosts, "host"))
        ]
        return ", ".join(told)


def page_overview(machines: Iterable[Raw], entries: Iterable[Raw], asked: Mapping[str, int]) -> PageOverview:
    """What is shown of these RemoteMachines and PooledRemoteMachines. asked: number of the part by the table's name
    (machines, hosts, pools); the first without one, the last where it is too high."""
    pools = pool_lines(entries)
    hosts = sorted(
        (entry for pool in pools for entry in pool.entries),
        key=lambda line: (line.rank, line.namespace, line.pool, line.name),
    )
    return PageOverview(
        _part(machine_lines(machines), asked.get("machines", 1)),
        _part(hosts, asked.get("hosts", 1)),
        _part([_pool(pool) for pool in pools], asked.get("pools", 1)),
    )


def _pool(pool: PoolLines) -> PoolRow:
    return PoolRow(pool.namespace, pool.name, pool.counts, pool.entries[0].rank)


def _part(rows: Sequence[_Row], number: int) -> TablePart[_Row]:
    last = max(1, -(-len(rows) // PART))
    number = min(max(1, number), last)
    ranks = [getattr(row, "rank", None) for row in rows]
    shown = tuple(rows[(number - 1) * PART : number * PART])
    return TablePart(shown, number, last, len(rows), ranks.count(FAILED), ranks.count(WAITING))
