"""The cases in tests/cases/engine/judge.yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.engine.hooks.judge import judge_hook
from capra.engine.outcome import judge
from capra.engine.requests import PlanOptions, plan_preflight
from capra.errors import Fatal, InputError, Retry
from capra.model.keys.host_key import fingerprint
from capra.model.keys.ssh_key import public_fingerprint
from capra.model.machine import HOST_KEYS_ANNOTATION, MachineSpec, RemoteMachine
from capra.model.run import Connection, OutcomeKind, Playbook, RunRequest, RunResult, RunSecrets, StepReport, TaskEvent
from tests.support.ssh_keys import new_ssh_key
from tests.unit.engine.examples import KEY, observation

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "engine" / "judge.yaml").read_text())


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    connection = Connection("192.0.2.7", host_keys=tuple(case.get("host_keys", ())))
    request = RunRequest(KEY, Playbook.BOOTSTRAP, connection, {}, RunSecrets())
    events = tuple(
        TaskEvent(f"runner_on_{name}", case.get("task", "Work"), result)
        for event in case["events"]
        for name, result in event.items()
    )
    recap = case.get("recap", {"ok": 1})
    sent = case.get("sent", False)
    result = RunResult(events, recap, ended=case.get("ended", ""), output=case.get("output", ""), sent=sent)
    if "hook" in case:
        outcome = judge_hook(replace(request, playbook=Playbook.HOOK, hook=case["hook"]), result)
    else:
        outcome = judge(request, result)
    assert outcome.kind == case["outcome"]
    assert outcome.ok == (case["outcome"] == "Finished")
    assert outcome.message == case.get("message", outcome.message)
    assert outcome.changed == case.get("changed", outcome.changed)
    for text in case.get("contains", ()):
        assert text in outcome.message


def test_every_kind_has_a_case() -> None:
    told_by_runs = set(OutcomeKind) - {OutcomeKind.ADOPTION_REFUSED}  # by a look: tests/unit/engine/adoption
    assert {case["outcome"] for case in CASES} == told_by_runs


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


OK, FAILED = "runner_on_ok", "runner_on_failed"
REQUEST = RunRequest(KEY, Playbook.BOOTSTRAP, Connection("192.0.2.7"), {}, RunSecrets())
CLAIMED = {"uid": "u-9", "name": "other/nine", "since": 1}


@pytest.mark.parametrize("recap", [{}, {"ok": 0}, {"ok": 0, "changed": 1}])
def test_a_recap_in_which_nothing_went_well_is_no_success(recap: dict[str, int]) -> None:
    assert judge(REQUEST, RunResult((TaskEvent(OK, "Work", {"steps": []}),), recap)).kind is OutcomeKind.LOST


def test_the_last_task_that_says_something_of_steps_counts() -> None:
    first, last = ({"number": 0, "title": title, "state": "ok"} for title in ("first", "last"))
    events = [TaskEvent(OK, "Work", result) for result in ({"steps": [first]}, {"steps": [last]}, {"msg": "more"})]
    outcome = judge(REQUEST, RunResult(tuple(events), {"ok": 3}))
    assert [step.title for step in outcome.steps] == ["last"]


@pytest.mark.parametrize(("reason", "told"), [("claimed", False), ("busy", True), ("step", True), ("z", True)])
def test_only_a_host_that_is_claimed_names_who_uses_it(reason: str, told: bool) -> None:
    """And not to everybody: the sentence is made here, of what the host says."""
    failed = {"reason": reason, "msg": "what the task says", "claimed": CLAIMED}
    outcome = judge(REQUEST, RunResult((TaskEvent(FAILED, "Work", failed),), {"failures": 1}))
    assert ("what the task says" in outcome.message) is told


def test_the_last_line_of_an_error_counts() -> None:
    message = "Failed to connect to the host via ssh: first\nsecond\n\n"
    unreachable = TaskEvent("runner_on_unreachable", "Work", {"msg": message})
    outcome = judge(REQUEST, RunResult((unreachable,), {"dark": 1}))
    assert outcome.message.endswith("second")
    assert "first" not in outcome.message


@pytest.mark.parametrize("name", ["runner_on_async_failed", "runner_on_failed"])
def test_only_what_was_unreachable_is(name: str) -> None:
    outcome = judge(REQUEST, RunResult((TaskEvent(name, "Work", {"msg": "no idea"}),), {"failures": 1}))
    assert outcome.kind in {OutcomeKind.INVALID, OutcomeKind.LOST}


@pytest.mark.parametrize(("ended", "kind"), [("timeout", OutcomeKind.TIMED_OUT), ("cancelled", OutcomeKind.CANCELLED)])
def test_how_a_run_was_ended(ended: str, kind: OutcomeKind) -> None:
    assert judge(REQUEST, RunResult((), {"ok": 1}, ended=ended)).kind is kind


@pytest.mark.parametrize(
    ("spec", "one_owner", "advice"),
    [
        ({}, True, "capra trust 192.0.2.7:22 unknown"),
        ({}, False, f"kubectl annotate remotemachine {KEY.name} --namespace {KEY.namespace} {HOST_KEYS_ANNOTATION}-"),
        ({"host_keys": ("ssh-ed25519 AAAA",)}, True, "put it in spec.hostKeys"),
        ({"host_keys": ("ssh-ed25519 AAAA",)}, False, "put it in spec.hostKeys"),
        ({"host_keys": ("ssh-ed25519 AAAA",), "pool": "p"}, False, "put it in hostKeys of the PooledRemoteMachine"),
    ],
)
def test_a_changed_host_key_says_what_would_accept_it(spec: dict[str, Any], one_owner: bool, advice: str) -> None:
    """`capra trust` does nothing about what a manifest or a cluster says."""
    machine = RemoteMachine(KEY, MachineSpec(address="192.0.2.7", **spec))
    request = plan_preflight(observation(machine=machine), PlanOptions(one_owner=one_owner))
    event = TaskEvent("runner_on_unreachable", "Work", {"msg": "via ssh: Host key verification failed."})
    message = judge(request, RunResult((event,), {"dark": 1})).message
    assert message.endswith(f"If the new key is right: {advice}")


def test_what_was_not_accepted_is_told() -> None:
    first, second = new_ssh_key(), new_ssh_key()
    prints = [public_fingerprint(key) for key in (first, second)]
    refused = TaskEvent("runner_on_unreachable", "Work", {"reason": "wrong_credentials", "msg": "Permission denied ("})
    for secrets, told in (
        (RunSecrets(openssh_key=first), f"the SSH key {prints[0]} for user"),
        (
            RunSecrets(openssh_key=first, further_keys=(second,)),
            f"any of the SSH keys {prints[0]}, {prints[1]} for user",
        ),
        (RunSecrets(openssh_key=first, login_password="x"), f"the SSH key {prints[0]}, nor the password for user"),
        (RunSecrets(login_password="x"), "does not accept the password for user"),
        (RunSecrets(openssh_key="unreadable"), "does not accept the SSH key for user"),
    ):
        outcome = judge(replace(REQUEST, secrets=secrets), RunResult((refused,), {"dark": 1}))
        assert (outcome.kind, told in outcome.message) == (OutcomeKind.WRONG_CREDENTIALS, True), outcome.message
