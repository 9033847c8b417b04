"""What is shown of one machine, or of one host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.controller.serving.page.detail import CONDITIONS, MESSAGE, OUTPUT, RUNS, STEPS, page_detail
from capra.kube.client.resources import ENTRIES, MACHINES
from capra.runs.kept.kept_run import KeptStep
from tests.support import fleet


def test_the_newest_run_comes_first_with_its_steps() -> None:
    shown = page_detail(MACHINES, fleet.machine(3), fleet.runs(), with_output=True)
    assert (shown.state, shown.failed) == ("Failed", True)
    assert [run.begun for run in shown.runs] == ["2026-09-21T14:08:10Z", "2026-09-21T13:53:20Z"]
    newest = shown.runs[0]
    assert (newest.state, newest.outcome, newest.seconds) == ("failed", "StepFailed", 9.5)
    assert [step.state for step in newest.steps] == ["ok", "ok", "ok", "failed", "pending"]
    assert "Could not resolve" in newest.steps[3].output


def test_what_fails_a_machine_comes_first_among_conditions() -> None:
    shown = page_detail(MACHINES, fleet.machine(3), (), with_output=True)
    assert [(row.type, row.failed) for row in shown.conditions] == [("Ready", True), ("SSHReachable", False)]
    under_way = page_detail(MACHINES, fleet.machine(7), (), with_output=True)
    assert [(row.type, row.failed) for row in under_way.conditions] == [("Ready", False)]


def test_facts_are_told_where_there_are_any() -> None:
    facts = dict(page_detail(MACHINES, fleet.machine(7), (), with_output=False).facts)
    assert facts["At step"] == "4 of 5: curl -sfL https://get.example.com/install.sh | sh"
    assert facts["Entry of a pool"] == "rack-1-7"
    assert "Next attempt" not in facts
    assert dict(page_detail(MACHINES, fleet.machine(3), (), with_output=False).facts)["Next attempt"]


def test_a_host_has_its_pool_and_its_machine() -> None:
    shown = page_detail(ENTRIES, fleet.entry(0), (), with_output=False)
    assert dict(shown.facts) == {"Host": "192.0.2.1:22", "Pool": "rack-1", "Machine": "workers-0"}
    assert (shown.kind, shown.state, shown.summary) == ("PooledRemoteMachine", "Reserved", "rack-1-0: Reserved")


@pytest.mark.parametrize(
    ("ended", "outcome", "state"),
    [
        (0.0, "", "running"),
        (1.0, "Finished", "ok"),
        (1.0, "Interrupted", "interrupted"),
        (1.0, "Unreachable", "failed"),
    ],
)
def test_how_a_run_stands(ended: float, outcome: str, state: str) -> None:
    run = replace(next(fleet.runs()), begun=0.0, ended=ended, outcome=outcome)
    (shown,) = page_detail(MACHINES, fleet.machine(3), [run], with_output=False).runs
    assert (shown.state, bool(shown.ended)) == (state, ended > 0)


def test_without_the_right_no_output_is_shown() -> None:
    runs = [replace(run, output="SAID", message="cause\nSAID") for run in fleet.runs()]
    shown = page_detail(MACHINES, fleet.machine(3), runs, with_output=False)
    assert "SAID" not in str(shown.runs)
    assert not any(step.output for run in shown.runs for step in run.steps)


def test_nothing_is_without_a_bound() -> None:
    steps = tuple(KeptStep(number, "t" * 9_999, "ok", output="o" * 9_999) for number in range(STEPS + 7))
    run = replace(next(fleet.runs()), steps=steps, message="m" * 99_999, output="o" * 99_999)
    condition = {"type": "T", "status": "True", "message": "m" * 99_999}
    raw = {**fleet.machine(3), "status": {"phase": "Failed", "conditions": [condition] * 999}}
    shown = page_detail(MACHINES, raw, [run] * 99, with_output=True)
    assert (len(shown.runs), len(shown.conditions)) == (RUNS, CONDITIONS)
    assert (len(shown.runs[0].steps), shown.runs[0].left_out) == (STEPS, 7)
    title = shown.runs[0].steps[0].title
    assert {len(shown.runs[0].message), len(shown.conditions[0].message), len(title)} == {MESSAGE}
    assert {len(shown.runs[0].output), len(shown.runs[0].steps[0].output)} == {OUTPUT}


@pytest.mark.parametrize("status", [None, {"conditions": "x"}, {"conditions": [1, None, {}]}, {"progress": [1]}])
def test_an_odd_status_is_no_error(status: Any) -> None:
    raw = {**fleet.machine(0), "status": status}
    assert page_detail(MACHINES, raw, (), with_output=True).state == ""
