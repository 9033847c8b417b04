"""The machines that wait for a host, in a line for each thing that is wanted: it knows names, not objects."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from capra.model.choosing.choice import Choice

WaitingLine = Sequence[tuple[str, str]]
"""Order and name of each machine. The order is that of `By.WAITING`: it begins with 0 where it was told to wait."""


class _Stand(NamedTuple):
    pool: str
    wants: Choice
    order: str


class Lines:
    """Lines by namespace and pool."""

    def __init__(self) -> None:
        self._stands: dict[tuple[str, str], _Stand] = {}
        self._lines: dict[tuple[str, str], dict[Choice, list[tuple[str, str]]]] = {}

    def set(self, namespace: str, name: str, pool: str, wants: Choice, order: str) -> None:
        """The machine waits for this from now on."""
        stand = _Stand(pool, wants, order)
        if self._stands.get((namespace, name)) == stand:
            return
        self.leave(namespace, name)
        self._stands[namespace, name] = stand
        insort(self._lines.setdefault((namespace, pool), {}).setdefault(wants, []), (order, name))

    def leave(self, namespace: str, name: str) -> str:
        """The machine waits no more. Gives the pool that it has waited for; empty where it has not."""
        stand = self._stands.pop((namespace, name), None)
        if stand is None:
            return ""
        lines = self._lines[namespace, stand.pool]
        line = lines[stand.wants]
        del line[bisect_left(line, (stand.order, name))]
        if not line:
            del lines[stand.wants]
        if not lines:
            del self._lines[namespace, stand.pool]
        return stand.pool

    def of(self, namespace: str, pool: str) -> Mapping[Choice, WaitingLine]:
        """Those of a pool. None is empty."""
        return self._lines.get((namespace, pool), {})

    def wants(self, namespace: str, name: str) -> Choice | None:
        """What the machine waits for; None for one that does not wait."""
        stand = self._stands.get((namespace, name))
        return stand.wants if stand is not None else None


def told_to_wait(line: WaitingLine) -> int:
    """How many of the line were told to wait."""
    return bisect_left(line, ("1", ""))
