"""Conditions in an object's status: what Capra tells, merged into what stands there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from capra.kube.client.resources import Raw
from capra.model.status import Condition


def merge(
    existing: Sequence[Raw], wanted: Iterable[Condition], owned: frozenset[str], now: str, generation: int
) -> list[Raw]:
    """The conditions that should stand there, as metav1.Condition; equal to `existing` when nothing is to be changed.

    owned: the types that Capra writes and removes; those of others stay as they are, wherever they stand. now: RFC
    3339. generation: of the object that was looked at, 0 where it has none. A condition keeps its place, and its
    lastTransitionTime for as long as its status is the same.
    """
    lacking = {condition.type: condition for condition in wanted}
    owned |= lacking.keys()
    merged: list[Raw] = []
    for one in existing:
        kind = one.get("type")
        if kind in lacking:
            merged.append(_condition(lacking.pop(kind), one, now, generation))
        elif kind not in owned:
            merged.append(one)
    return merged + [_condition(condition, {}, now, generation) for condition in lacking.values()]


def _condition(wanted: Condition, before: Raw, now: str, generation: int) -> Raw:
    since = before.get("lastTransitionTime") if before.get("status") == wanted.status else None
    values: dict[str, Any] = {
        "type": wanted.type,
        "status": wanted.status,
        "reason": wanted.reason,
        "message": wanted.message,
        "lastTransitionTime": since or now,
    }
    if generation:
        values["observedGeneration"] = generation
    return values
