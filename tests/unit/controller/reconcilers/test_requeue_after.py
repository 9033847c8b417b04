"""When a machine is looked at again although nothing has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capra.controller.reconcilers.machine import requeue_after
from capra.engine.decisions import BackOff, Decision, Keep, Refuse, RunPlaybook, Wait
from capra.engine.engine import Reconciliation
from capra.model.machine import Stage
from capra.model.observation import HookText, PlaybookRun
from capra.model.run import Outcome, OutcomeKind
from tests.unit.engine.examples import observation

NOW, LIMIT = 10_000.0, 1800.0


def _seconds(decision: Decision, since: float, patience: float = 0.0) -> float | None:
    seen = observation(machine={"deleting": True}, record={"phase": "Cleaning", "cleaning_since": since})
    return requeue_after(Reconciliation(replace(seen, now=NOW), decision, seen.record), NOW, LIMIT, patience)


@pytest.mark.parametrize("reason", ["Paused", "ExternallyManaged"])
def test_what_is_left_alone_is_not_looked_at_until_something_changes(reason: str) -> None:
    """Least of all at once and for ever, when the time for its cleanup is over."""
    assert _seconds(Wait(reason, "m"), NOW - 5000) is None


def test_a_cleanup_is_looked_at_when_its_time_is_over() -> None:
    assert _seconds(Refuse("SSHKeyNotFound", "spec.sshKeyRef.name", "m"), NOW - 1000) == 800
    assert _seconds(Refuse("SSHKeyNotFound", "spec.sshKeyRef.name", "m"), NOW - 1000, patience=900) == 900
    assert _seconds(BackOff(NOW + 300), NOW - 1000) == 300
    assert _seconds(BackOff(NOW + 300), NOW - 1700) == 100
    assert _seconds(Wait("PoolExhausted", "m", NOW + 60), 0.0) == 60


def test_what_changes_unseen_is_looked_at_again() -> None:
    """A ConfigMap is not watched."""
    assert _seconds(Refuse("InvalidHook", "spec.ansible", "m", NOW + 30), 0.0) == 30
    assert _seconds(Refuse("HookNotFound", "spec.ansible", "m", NOW + 30), NOW - 1790) == 10
    assert _seconds(Refuse("HooksNotAllowed", "spec.ansible", "m"), 0.0) is None


def test_a_playbook_of_day_two_is_looked_at_again_when_it_may_run() -> None:
    seen = observation(record={"phase": "Provisioned", "not_before": NOW + 999})

    def seconds(decision: Decision, outcome: Outcome | None = None, **run: float) -> float | None:
        record = replace(seen.record, playbook=PlaybookRun("runPlaybook/patch:d1", **run))  # type: ignore[arg-type]
        taken = Reconciliation(replace(seen, now=NOW), decision, record, outcome)
        return requeue_after(taken, NOW, LIMIT, 0.0)

    assert seconds(Keep()) is None
    assert seconds(Keep(playbook=BackOff(NOW + 20))) == 20
    assert seconds(Keep(playbook=Wait("WaitingForTurn", "m", NOW + 30))) == 30
    assert seconds(Keep(playbook=Refuse("InvalidHook", "f", "m", NOW + 30))) == 30
    assert seconds(Keep(playbook=Refuse("HooksNotAllowed", "f", "m"))) is None
    failed = Outcome(OutcomeKind.HOOK_FAILED, "m")
    hook = HookText(Stage.RUN_PLAYBOOK, "patch", "", "d1")
    assert seconds(RunPlaybook(hook), failed, not_before=NOW + 40) == 40
