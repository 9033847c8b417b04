"""The fields of a log line about a machine, besides its message. Pure."""

from __future__ import annotations

import logging
from typing import Any

from capra.engine.decisions import Release
from capra.engine.engine import Reconciliation
from capra.engine.told.announce import WARNING, Announcement, failures


def level(taken: Reconciliation, announcement: Announcement) -> int:
    """A run that failed is a warning; a host that is let go dirty is an error, since somebody must look at it."""
    if isinstance(taken.decision, Release) and taken.decision.dirty:
        return logging.ERROR
    return logging.WARNING if announcement.type == WARNING else logging.INFO


def fields(taken: Reconciliation) -> dict[str, Any]:
    """The fields of a line about a machine, for searches of the log. Empty ones are left out."""
    observation, outcome = taken.observation, taken.outcome
    found = {
        "decision": type(taken.decision).__name__,
        "outcome": outcome.kind.value if outcome else "",
        "attempt": failures(taken) + (1 if taken.running else 0),
        "address": observation.machine.spec.place if observation.machine.spec.address else "",
        "run": taken.record.run_id,
        "cluster": observation.cluster.name if observation.cluster else "",
    }
    return {name: value for name, value in found.items() if value}
