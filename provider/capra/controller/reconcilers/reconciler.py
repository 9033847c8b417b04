"""The one shape of a reconciler, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from capra.kube.client.resources import ObjectKey


@dataclass(frozen=True)
class Result:
    """What is left to do. requeue_after: seconds after which to reconcile again although nothing has changed; None when
    only a change can help, which is an event."""

    requeue_after: float | None = None


DONE = Result()
AT_ONCE = Result(0.0)


class Reconciler(Protocol):
    """Brings one kind of thing to where it should be, one reconciliation at a time."""

    async def reconcile(self, key: ObjectKey) -> Result:
        """One step. Raises errors of `capra.errors`: the queue tries again with back-off."""
        ...
