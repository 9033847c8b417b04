"""The cases in tests/cases/engine/judge.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.engine.fingerprint import fingerprint
from capra.engine.outcome import judge
from capra.errors import Fatal, InputError, Retry
from capra.model.machine import MachineSpec, RemoteMachine
from capra.model.run import (
    Connection,
    OutcomeKind,
    Playbook,
    RunRequest,
    RunResult,
    RunSecrets,
    StepReport,
    TaskEvent,
)
from tests.unit.engine.examples import KEY

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "engine" / "judge.yaml").read_text())


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    connection = Connection("192.0.2.7", host_keys=tuple(case.get("host_keys", ())))
    request = RunRequest(KEY, Playbook.BOOTSTRAP, connection, {}, RunSecrets())
    events = tuple(
        TaskEvent(f"runner_on_{name}", "Work", result) for event in case["events"] for name, result in event.items()
    )
    recap = case.get("recap", {"ok": 1})
    result = RunResult(events, recap, ended=case.get("ended", ""), output=case.get("output", ""))
    outcome = judge(request, result)
    assert outcome.kind == case["outcome"]
    assert outcome.ok == (case["outcome"] == "Finished")
    assert outcome.message == case.get("message", outcome.message)
    assert outcome.changed == case.get("changed", outcome.changed)
    for text in case.get("contains", ()):
        assert text in outcome.message


def test_every_kind_has_a_case() -> None:
    assert {case["outcome"] for case in CASES} == set(OutcomeKind)


def test_steps_and_host_keys_come_along() -> None:
    steps = [
        {
            "number": 0,
            "title": "a",
            "state": "ok",
            "rc": 0,
            "seconds": 1.5,
            "output": "o",
            "cuts": ["reboot"],
        },
        {"number": 1, "title": "b", "kind": "command", "would": "run"},
    ]
    request = RunRequest(KEY, Playbook.BOOTSTRAP, Connection("h"), {}, RunSecrets())
    event = TaskEvent("runner_on_ok", "Work", {"steps": steps, "changed": True})
    outcome = judge(request, RunResult((event,), {"ok": 1}, host_keys=("ssh-ed25519 AAAA",)))
    assert outcome.steps == (StepReport(0, "a", "ok", 0, 1.5, "o", ("reboot",)), StepReport(1, "b", "run"))
    assert outcome.host_keys == ("ssh-ed25519 AAAA",)
    assert outcome.changed


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 not-base64!", "ssh-ed25519 é"])
def test_unreadable_fingerprints(key: str) -> None:
    assert fingerprint(key) == "unreadable"


def test_errors_and_names() -> None:
    assert Retry("m").after == 30.0
    assert Fatal("m").reason == "Failed"
    assert str(InputError("is missing", subject="Secret a", field="spec.b")) == "Secret a: spec.b: is missing"
    assert str(InputError("is missing")) == "is missing"
    assert str(KEY) == "RemoteMachine default/m"
    machine = RemoteMachine(KEY, MachineSpec(address="192.0.2.7", port=2222))
    assert machine.provider_id == "remote-machine://192.0.2.7:2222"
