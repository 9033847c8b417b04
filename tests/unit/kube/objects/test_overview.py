"""What a person sees of a cluster: failures first, and nothing that an odd object could break."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.objects.overview import machine_lines, pool_lines


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def _machine(name: str, phase: str, *conditions: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
        "status": {"phase": phase, "conditions": list(conditions)},
    }


def _entry(name: str, state: str, pool: str = "p", namespace: str = "default", message: str = "") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"pool": pool, "machine": {"address": "2001:db8::1", "port": 2222}},
        "status": {"state": state, "message": message},
    }


READY = _condition("Ready", "True", "Ready")


def test_failures_come_first_and_then_who_waits() -> None:
    lines = machine_lines(
        [
            _machine("z", "Provisioned", READY),
            _machine("b", "Pending", _condition("Ready", "False", "WaitingForMachine", "no owner")),
            _machine("y", "Failed", _condition("Ready", "False", "StepFailed", "step 1 failed")),
            _machine("x", "Cleaning", _condition("CleanupSucceeded", "False", "TimedOut")),
            _machine("w", "Bootstrapping", _condition("SSHReachable", "False", "Unreachable")),
            {"metadata": {"name": "a", "namespace": "default"}},
        ]
    )
    assert [line.name for line in lines] == ["w", "x", "y", "a", "b", "z"]
    assert [line.reason for line in lines] == ["", "", "StepFailed", "", "WaitingForMachine", ""]


@pytest.mark.parametrize(
    "conditions", [None, "text", [1, None], [{"status": "True"}], [{"type": "Ready", "status": 1}]]
)
def test_an_odd_status_is_no_error(conditions: Any) -> None:
    raw = {"metadata": {"name": "m", "namespace": "n"}, "spec": None, "status": {"conditions": conditions, "phase": 7}}
    (line,) = machine_lines([raw])
    assert (line.phase, line.ready, line.host) == ("", "", "")


def test_a_machine_that_is_well_tells_its_warnings() -> None:
    warned = _condition("BootstrapExecSucceeded", "True", "SucceededWithWarnings", "growpart is not done")
    (line,) = machine_lines([_machine("m", "Provisioned", READY, warned, address="192.0.2.1")])
    assert (line.message, line.reason, line.host) == ("growpart is not done", "", "192.0.2.1:22")


def test_a_playbook_that_failed_on_a_machine_that_is_ready_is_a_failure() -> None:
    failed = _condition("PlaybookSucceeded", "False", "HookFailed", "hook patch: task 'x' failed")
    lines = machine_lines([_machine("a", "Provisioned", READY), _machine("m", "Provisioned", READY, failed)])
    assert [(line.name, line.message) for line in lines] == [("m", "hook patch: task 'x' failed"), ("a", "")]


def test_pools_with_a_failure_come_first() -> None:
    pools = pool_lines(
        [
            _entry("b", "Available", "a"),
            _entry("e", "Available"),
            _entry("c", "Reserved"),
            _entry("f", "Cleaning"),
            _entry("d", "Quarantined", message="its cleanup was given up"),
            _entry("g", "", "a", "other"),
        ]
    )
    assert [(pool.namespace, pool.name) for pool in pools] == [("default", "p"), ("default", "a"), ("other", "a")]
    assert [entry.name for entry in pools[0].entries] == ["d", "f", "c", "e"]
    assert pools[0].counts == {"Quarantined": 1, "Cleaning": 1, "Reserved": 1, "Available": 1}
    assert pools[0].entries[0].message == "its cleanup was given up"
    assert pools[0].entries[0].host == "[2001:db8::1]:2222"
