"""From the run of a probe to conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.engine.probes.judging import (
    FINDING_LENGTH,
    ignored_findings,
    judge_probe,
    one_printable_line,
    refused_probe,
    without_way_in,
)
from capra.engine.requests import PlanOptions, plan_preflight
from capra.model.machine import ADOPT_ANNOTATION, IGNORED_FINDINGS_ANNOTATION
from capra.model.observation import Problem
from capra.model.run import OutcomeKind, RunResult
from capra.testing.runner import finished, stepped, unreachable
from tests.unit.engine.examples import observation

REQUEST = replace(plan_preflight(observation(), PlanOptions()), probe=True)
DISK = {"name": "disk /", "level": "error", "value": "0", "message": "full", "advice": "make room"}
SWAP = {"name": "swap", "level": "warning", "value": "on", "message": "swap is on", "advice": "switch it off"}
FINE = {"name": "clock", "level": "ok", "value": "0", "message": "right", "advice": ""}


def judged(result: RunResult, *ignored: str) -> tuple[tuple[str, str], tuple[str, str]]:
    probe = judge_probe(REQUEST, result, frozenset(ignored))
    assert (probe.reachable.type, probe.fit.type) == ("Reachable", "Fit")
    return (probe.reachable.status, probe.reachable.reason), (probe.fit.status, probe.fit.message)


@pytest.mark.parametrize(
    ("findings", "ignored", "fit"),
    [
        ([FINE], (), ("True", "")),
        ([FINE, SWAP], (), ("True", "swap: swap is on: switch it off")),
        ([SWAP, DISK], (), ("False", "1 error: disk /: full: make room")),
        ([DISK, DISK], (), ("False", "2 errors: disk /: full: make room; disk /: full: make room")),
        ([DISK, SWAP], ("disk /",), ("True", "disk /: full: make room; swap: swap is on: switch it off")),
        (["x", None, {"level": "error"}], (), ("False", "1 error: ")),
        ("x", (), ("True", "")),
    ],
)
def test_findings(findings: Any, ignored: tuple[str, ...], fit: tuple[str, str]) -> None:
    assert judged(finished(findings=findings, facts={}), *ignored) == (("True", "Reached"), fit)


@pytest.mark.parametrize(
    ("result", "reachable"),
    [
        (unreachable(), ("False", "Unreachable")),
        (unreachable("Permission denied (publickey)"), ("False", "WrongCredentials")),
        (unreachable("Host key verification failed."), ("False", "HostKeyChanged")),
        (RunResult(ended="timeout"), ("False", "TimedOut")),
        (RunResult(output="the worker process died: killed"), ("Unknown", "Lost")),
        (stepped("no_report", "the checks were cut off on the host"), ("Unknown", "Lost")),
    ],
)
def test_a_host_that_is_not_looked_at(result: RunResult, reachable: tuple[str, str]) -> None:
    told, (status, message) = judged(result)
    assert told == reachable
    assert status == "Unknown"
    assert message.startswith("not looked at: ")
    assert judge_probe(REQUEST, result).facts is None


def test_each_outcome_has_a_meaning() -> None:
    """Nothing that is only our own fault keeps a host from being handed out."""
    assert judged(RunResult(ended="cancelled"))[0] == ("Unknown", "Lost")
    assert OutcomeKind.LOST.value == "Lost"


def test_facts_and_the_host_key_come_with_an_answer() -> None:
    probe = judge_probe(REQUEST, finished(("ssh-ed25519 AAAA",), findings=[], facts={"os.id": "debian"}))
    assert probe.facts is not None
    assert probe.facts.os == "debian"
    assert probe.host_keys == ("ssh-ed25519 AAAA",)
    assert judge_probe(REQUEST, finished(findings=[], facts="x")).facts is not None


def test_what_a_host_says_is_one_line_of_printable_characters_and_not_endless() -> None:
    assert one_printable_line("a\n\x1b[31mb\u202ec") == "a ?[31mb?c"
    long = DISK | {"message": "x" * 10_000}
    assert len(judged(finished(findings=[long], facts={}))[1][1]) == FINDING_LENGTH + len("1 error: ")


def test_an_entry_that_cannot_be_used_to_log_in() -> None:
    assert without_way_in(observation()) is None
    problem = without_way_in(observation(ssh_key=None, spec={"ssh_key_name": "k"}))
    assert problem == Problem(
        "spec.machine.sshKeyRef.name", "Secret k with key 'value' was not found in namespace default", "SSHKeyNotFound"
    )
    probe = refused_probe(problem)
    assert (probe.reachable.status, probe.reachable.reason) == ("False", "SSHKeyNotFound")
    assert probe.reachable.message == f"{problem.field} {problem.message}"


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"spec": {"address": ""}}, "spec.machine.address", "MissingFields"),
        ({"ssh_key": {"certificate": {"valid_before": 999}}}, "spec.machine.sshKeyRef.name", "SSHCertificateExpired"),
        ({"problem": {"field": "spec.machine.port", "message": "no"}}, "spec.machine.port", "InvalidInput"),
    ],
)
def test_nobody_is_contacted_where_no_machine_could_be_run(changes: dict[str, Any], field: str, reason: str) -> None:
    problem = without_way_in(observation(**changes))
    assert problem is not None
    assert (problem.field, problem.reason) == (field, reason)


def test_the_keys_of_bastions_come_with_an_answer() -> None:
    result = replace(finished(findings=[], facts={}), bastion_keys=("b ssh-ed25519 AAAA",))
    assert judge_probe(REQUEST, result).bastion_keys == ("b ssh-ed25519 AAAA",)


@pytest.mark.parametrize(("text", "names"), [("", set()), ("swap", {"swap"}), (" disk /, ,swap ", {"disk /", "swap"})])
def test_ignored_findings(text: str, names: set[str]) -> None:
    assert ignored_findings({IGNORED_FINDINGS_ANNOTATION: text}) == names


@pytest.mark.parametrize(("adopt", "names"), [("Adopt", {"kubernetes"}), ("Wait", {"kubernetes"}), ("Reject", set())])
def test_a_host_that_is_to_be_adopted_may_be_a_node(adopt: str, names: set[str]) -> None:
    assert ignored_findings({ADOPT_ANNOTATION: adopt}) == names
