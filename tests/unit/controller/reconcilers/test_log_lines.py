"""The level and the fields of a line about a machine."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from capra.controller.reconcilers.log_lines import fields, level
from capra.engine.decisions import Bootstrap, Cleanup, Decision, Release, Reserve, RunPlaybook
from capra.engine.engine import Reconciliation
from capra.engine.told.announce import announce
from capra.model.machine import Stage
from capra.model.observation import HookText, Phase, PlaybookRun, Record
from capra.model.run import Outcome, OutcomeKind
from tests.unit.engine.examples import READY

FAILED, DONE = Outcome(OutcomeKind.STEP_FAILED, "step 1 failed"), Outcome(OutcomeKind.FINISHED, "done")
RECORD = Record(phase=Phase.BOOTSTRAPPING, run_id="r1", attempts=2)


@pytest.mark.parametrize(
    ("decision", "outcome", "expected"),
    [
        (Bootstrap(), DONE, logging.INFO),
        (Bootstrap(), FAILED, logging.WARNING),
        (Cleanup(custom=False), FAILED, logging.WARNING),
        (Release("given up", dirty=True), None, logging.ERROR),
        (Reserve("e"), None, logging.INFO),
    ],
)
def test_levels(decision: Decision, outcome: Outcome | None, expected: int) -> None:
    taken = Reconciliation(READY, decision, RECORD, outcome)
    announcement = announce(taken, news=True)
    assert announcement is not None
    assert level(taken, announcement) == expected


def test_fields() -> None:
    taken = Reconciliation(READY, Bootstrap(), RECORD, FAILED)
    told = {
        "decision": "Bootstrap",
        "outcome": "StepFailed",
        "attempt": 2,
        "address": "192.0.2.7:22",
        "run": "r1",
        "cluster": "cluster",
    }
    assert fields(taken) == told
    assert fields(replace(taken, outcome=None, running=True))["attempt"] == 3
    hook, run = HookText(Stage.RUN_PLAYBOOK, "patch", "", "d1"), PlaybookRun("runPlaybook/patch:d1", attempts=4)
    of_day_two = Reconciliation(READY, RunPlaybook(hook), replace(RECORD, playbook=run), running=True)
    assert (fields(of_day_two)["decision"], fields(of_day_two)["attempt"]) == ("RunPlaybook", 5)
    bare = Reconciliation(replace(READY, cluster=None), Reserve("e"), Record())
    assert fields(bare) == {"decision": "Reserve", "address": "192.0.2.7:22"}
