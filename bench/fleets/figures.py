"""What is measured: runs of a work, and rows of them beside what they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

LONG = 60.0
"""Seconds; a work that takes longer is done once."""


@dataclass(frozen=True)
class Run:
    """A work done once, on all machines. cpu: core-seconds, user and system, of all processes that did it."""

    seconds: float
    cpu: float


@dataclass
class Row:
    """A work at one number of machines, and the floor of the same work on the same hosts, in turns."""

    machines: int
    work: str
    short: str = ""
    """The work in a word."""
    floor_name: str = "plain ssh"
    floor: list[Run] = field(default_factory=list)
    capra: list[Run] = field(default_factory=list)
    memory: int = 0
    """Bytes, at the peak, of the controller and all its processes; 0: not measured."""

    @property
    def title(self) -> str:
        """What the row is about."""
        return f"{self.machines} machine{'s' if self.machines > 1 else ''}, {self.work}"

    @property
    def label(self) -> str:
        """The same in a few words."""
        return f"{self.machines} {self.short}"

    @property
    def ratio(self) -> float:
        """How many times as long as the floor."""
        return seconds(self.capra) / seconds(self.floor)

    def cpu(self, runs: Iterable[Run]) -> float:
        """Core-seconds a machine, median."""
        return statistics.median(run.cpu for run in runs) / self.machines

    def enough(self, rounds: int) -> bool:
        """Whether no further round is needed."""
        longest = max((run.seconds for run in (*self.floor, *self.capra)), default=0.0)
        return len(self.capra) >= rounds or longest >= LONG


def seconds(runs: Iterable[Run]) -> float:
    """The median."""
    return statistics.median(run.seconds for run in runs)
