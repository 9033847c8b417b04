"""The condition of the annotation `run-playbook`. Pure; computed again at each look."""

from __future__ import annotations

from capra.engine.decisions import Keep, Refuse, RunPlaybook, Wait
from capra.engine.engine import Reconciliation
from capra.engine.hooks.deciding import has_ended_well
from capra.model.observation import AskedPlaybook, PlaybookRun
from capra.model.run import OutcomeKind
from capra.model.status import Condition, false, of_field, short

PLAYBOOK = "PlaybookSucceeded"


def playbook_condition(taken: Reconciliation) -> Condition | None:
    """No other condition mentions it: the machine is as it was."""
    asked, decision = taken.observation.playbook, taken.decision
    if asked is None:
        return None
    match decision:
        case Keep(playbook=Refuse(reason, field, message)):
            return false(PLAYBOOK, reason, of_field(field, message))
        case Keep(playbook=Wait(reason, message)):
            return Condition(PLAYBOOK, "Unknown", reason, short(message))
    run = _run(asked, taken.record.playbook)
    if taken.running and isinstance(decision, RunPlaybook):
        before = f"; the last run failed: {run.message}" if run is not None and run.attempts else ""
        place = taken.observation.machine.spec.place
        return Condition(PLAYBOOK, "Unknown", "Running", short(f"hook {asked.name} runs on {place}{before}"))
    if run is not None and run.reason and run.reason != OutcomeKind.FINISHED:
        return false(PLAYBOOK, run.reason, run.message)
    if run is not None and run.reason:
        mode = " (in check mode)" if asked.check else ""
        return Condition(PLAYBOOK, "True", PLAYBOOK, short(run.message) + mode)
    if has_ended_well(asked, taken.record):
        message = f"hook {asked.name}: it has ended well before, and is not run again"
        return Condition(PLAYBOOK, "True", PLAYBOOK, message)
    if isinstance(decision, Wait):
        return Condition(PLAYBOOK, "Unknown", decision.reason, short(decision.message))
    return Condition(PLAYBOOK, "Unknown", "Waiting", f"hook {asked.name} has not run yet")


def _run(asked: AskedPlaybook, run: PlaybookRun | None) -> PlaybookRun | None:
    """The last run of what is asked for; None if the last run was of something else."""
    if run is None or not run.id.startswith(asked.prefix):
        return None
    return run if asked.text is None or asked.text.id == run.id else None
