"""How long to wait before something is tried again: every back-off that grows, in one table.

Waits of a fixed length stand where they are used. An error of an object has a shortest wait of its own as well
(capra.controller.queue, capra.errors.Retry).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_DOUBLINGS = 32


@dataclass(frozen=True)
class RetryPolicy:
    """first: seconds before the second attempt. They double with each further one, up to longest."""

    first: float
    longest: float

    def after(self, failures: int) -> float:
        """Seconds to wait after this number of failures in a row; less than one counts as one."""
        return min(self.longest, self.first * 2.0 ** min(max(failures, 1) - 1, _MOST_DOUBLINGS))

    def __iter__(self) -> Iterator[float]:
        """The pauses of one series, without end."""
        return map(self.after, itertools.count(1))


RUN = RetryPolicy(5, 300)
"""A run on a host that has failed. Kept in the record, so that a restart does not shorten it."""

SILENT_HOST = RetryPolicy(60, 1800)
"""A host of a pool that did not answer, while it is in no use."""

OBJECT = RetryPolicy(1, 300)
"""The reconciliation of an object that has failed."""

CONFLICT = RetryPolicy(1, 2)
"""The same where somebody else was faster, which is no failure."""

WORKLOAD_CLUSTER = RetryPolicy(10, 60)
"""A look for the Nodes of machines that have none yet."""

GAP = RetryPolicy(2, 60)
"""Everything is read again after a gap between two watches; more when gaps follow each other."""

SHORT_WATCH = RetryPolicy(0.5, 16)
"""A watch that the API server ends as soon as it has begun."""

WATCH = RetryPolicy(0.5, 10)
"""A list or a watch that fails."""

LOGIN = RetryPolicy(1, 40)
"""Credentials that the API server has refused, and that are still the same."""

REQUEST = RetryPolicy(0.2, 5)
"""A request to an API server; up to a second of chance is added."""
