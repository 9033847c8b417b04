"""What unavailable hooks mean for a machine: rows of docs/reference/decisions.md. Pure."""

from __future__ import annotations

from collections.abc import Callable

from capra.engine.decisions import BackOff, Keep, Refuse, Run, RunPlaybook, Wait
from capra.errors import InputError
from capra.model.observation import AskedPlaybook, HookText, Observation, PlaybookRun, Problem, Record
from capra.model.retry import RUN

HOOK_NOT_FOUND = "HookNotFound"
"""The reason of a problem with a hook whose text does not exist yet."""

NOT_ALLOWED = "HooksNotAllowed"
"""The reason where no hook may run; only a new process changes that."""

WAITING_FOR_TURN = "WaitingForTurn"
"""The reason where as many machines as allowed run a playbook, or it has failed on one."""

LOOK_AGAIN = 30.0
"""Seconds until the texts of hooks are read again: no event reports changes to a ConfigMap."""


def refused_for_hooks(observation: Observation) -> Refuse | None:
    """A text that is not there may still come while the machine lives; a cleanup that waits for it has a limit."""
    problem = observation.hook_problem
    if problem is None or (problem.reason == HOOK_NOT_FOUND and not observation.machine.deleting):
        return None
    return _refuse(problem, observation.now)


def waits_for_hook(observation: Observation) -> Wait | None:
    """The text of a hook does not exist yet."""
    problem = observation.hook_problem
    if problem is None or problem.reason != HOOK_NOT_FOUND:
        return None
    return _wait(problem, observation.now)


def _refuse(problem: Problem, now: float) -> Refuse:
    until = 0.0 if problem.reason == NOT_ALLOWED else now + LOOK_AGAIN
    return Refuse(problem.reason, problem.field, problem.message, until)


def _wait(problem: Problem, now: float) -> Wait:
    return Wait("WaitingForHook", f"waiting for {problem.message}", now + LOOK_AGAIN)


def decide_playbook(observation: Observation, refused: Callable[[Observation], Refuse | None]) -> Keep | RunPlaybook:
    """What the annotation `run-playbook` means for a machine that is provisioned. refused: what is wrong with the
    machine itself, so that nothing can be run on it."""
    asked = observation.playbook
    if asked is None or has_ended_well(asked, observation.record):
        return Keep()
    begun = begun_run(asked, observation.record)
    held_up = _held_up(asked, observation) or refused(observation)
    if held_up is not None or asked.text is None:
        return Keep(playbook=held_up)
    return _not_before(begun, asked.text, observation.now) or RunPlaybook(asked.text, asked.serial, begun is not None)


def refused_run(decision: Run, error: InputError) -> Refuse | Keep:
    """The decision when that one cannot be planned."""
    refuse = Refuse(error.reason, error.field, str(error))
    return Keep(playbook=refuse) if isinstance(decision, RunPlaybook) else refuse


def has_ended_well(asked: AskedPlaybook, record: Record) -> bool:
    """Goes by name and mode: editing a ConfigMap starts nothing on a fleet."""
    return bool(asked.name) and any(one.startswith(asked.prefix) for one in record.hooks)


def begun_run(asked: AskedPlaybook, record: Record) -> PlaybookRun | None:
    """The run of it that has begun, perhaps with another text, and has not ended well."""
    run = record.playbook
    unfinished = run is not None and run.id.startswith(asked.prefix) and (run.under_way or run.attempts)
    return run if unfinished else None


def _held_up(asked: AskedPlaybook, observation: Observation) -> Wait | Refuse | None:
    """What must come first, from the outside in."""
    problem = asked.problem
    if problem is not None:
        now = observation.now
        refuse = _refuse(problem, now) if asked.name else Refuse(problem.reason, problem.field, problem.message)
        return _wait(problem, now) if problem.reason == HOOK_NOT_FOUND else refuse
    return Wait(WAITING_FOR_TURN, asked.held, observation.now + LOOK_AGAIN) if asked.held else None


def _not_before(run: PlaybookRun | None, text: HookText, now: float) -> Keep | None:
    """The back-off of a failed run of the same text. A time that is further off than the longest came from another
    clock."""
    if run is None or run.id != text.id or not now < run.not_before <= now + RUN.longest:
        return None
    return Keep(playbook=BackOff(run.not_before))
