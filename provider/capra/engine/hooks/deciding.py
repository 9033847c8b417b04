"""What hooks that cannot be had mean for a machine: rows of docs/reference/decisions.md. Pure."""

from __future__ import annotations

from capra.engine.decisions import Refuse, Wait
from capra.model.observation import Observation

HOOK_NOT_FOUND = "HookNotFound"
"""The reason of a problem with a hook whose text does not exist yet."""

NOT_ALLOWED = "HooksNotAllowed"
"""The reason where no hook may run; that changes with the process only."""

LOOK_AGAIN = 30.0
"""Seconds until the texts of hooks are looked at again: nobody tells of changes of a ConfigMap."""


def refused_for_hooks(observation: Observation) -> Refuse | None:
    """A text that is not there may still come while the machine lives; a cleanup that waits for it has a limit."""
    problem = observation.hook_problem
    if problem is None or (problem.reason == HOOK_NOT_FOUND and not observation.machine.deleting):
        return None
    until = 0.0 if problem.reason == NOT_ALLOWED else observation.now + LOOK_AGAIN
    return Refuse(problem.reason, problem.field, problem.message, until)


def waits_for_hook(observation: Observation) -> Wait | None:
    """The text of a hook does not exist yet."""
    problem = observation.hook_problem
    if problem is None or problem.reason != HOOK_NOT_FOUND:
        return None
    return Wait("WaitingForHook", f"waiting for {problem.message}", observation.now + LOOK_AGAIN)
