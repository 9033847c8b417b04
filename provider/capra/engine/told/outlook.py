"""What is to come for a machine whose run has failed. Pure."""

from __future__ import annotations

import math

from capra.engine.decisions import BackOff, Bootstrap, Cleanup, Release
from capra.engine.engine import Reconciliation
from capra.model.machine import GIVE_UP_ANNOTATION
from capra.model.observation import Phase
from capra.model.status import timestamp


def next_attempt_of(taken: Reconciliation) -> float:
    """When a run that has failed is tried again; 0 where none is to come."""
    decision, record = taken.decision, taken.record
    failed = bool(record.message) and not taken.running and isinstance(decision, Bootstrap | Cleanup | BackOff)
    return record.not_before if failed and record.phase not in {Phase.PROVISIONED, Phase.CLEAN} else 0.0


def cleanup_deadline_of(taken: Reconciliation, limit: float) -> float:
    """The earliest time at which a cleanup under way is given up; 0 without one, or if it never is."""
    since = taken.record.cleaning_since
    ended = taken.record.phase is Phase.CLEAN or isinstance(taken.decision, Release)
    wanted = taken.observation.machine.deleting and since and not ended
    return since + limit if wanted and limit != math.inf else 0.0


def outlook(next_attempt: float, deadline: float = 0.0) -> tuple[str, ...]:
    """Sentences that say what is to come."""
    again = f"the next attempt is at {timestamp(next_attempt)}" if next_attempt else ""
    if not deadline:
        return (again,)
    given_up = f"the cleanup is given up at {timestamp(deadline)}, or by the annotation {GIVE_UP_ANNOTATION} at once"
    return (again, given_up)
