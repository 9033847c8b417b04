"""The cases in tests/cases/engine/report.yaml, and what holds for every step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.decide import decide
from capra.engine.decisions import BackOff, Bootstrap, Cleanup, Decision, Keep, Refuse, Release, Reserve, Wait
from capra.engine.engine import Reconciliation
from capra.engine.told.addresses import addresses
from capra.engine.told.report import BOOTSTRAP, CLEANED, OWNED, PAUSED, READY, report
from capra.model.machine import GIVE_UP_ANNOTATION
from capra.model.observation import Observation, Phase, Record
from capra.model.run import OutcomeKind
from capra.model.status import MESSAGE_LENGTH, MachineAddress, with_outlook
from tests.unit.engine.examples import condition, observation

CASES = yaml.safe_load((Path(__file__).parents[3] / "cases" / "engine" / "report.yaml").read_text())
PARTS = {"machine", "spec", "record", "owner", "cluster", "bootstrap", "ssh_key", "entry", "pool", "problem", "used_by"}
DECISIONS: dict[str, type[Decision]] = {
    kind.__name__: kind for kind in (BackOff, Bootstrap, Cleanup, Keep, Refuse, Release, Reserve, Wait)
}


def step_of(case: dict[str, Any]) -> Reconciliation:
    """The step of a case. Its record is that after the decision."""
    seen = observation(**{name: value for name, value in case.items() if name in PARTS})
    decision = decide(seen)
    if "decided" in case:
        name, values = next(iter(case["decided"].items()))
        decision = DECISIONS[name](**(values or {}))
    return Reconciliation(seen, decision, seen.record, running=case.get("running", False))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    told = report(step_of(case))

    expected = case["told"]
    conditions = {one.type: [one.status, one.reason] for one in told.conditions}
    messages = {one.type: one.message for one in told.conditions}
    assert (told.phase, told.provisioned) == (expected["phase"], expected.get("provisioned", False))
    assert conditions == {"Paused": ["False", "NotPaused"], **expected["conditions"]}
    for kind, message in expected.get("messages", {}).items():
        assert messages[kind] == message
    assert [told.failure_reason, told.failure_message] == expected.get("failure", ["", ""])


@pytest.mark.parametrize(
    ("address", "record", "told"),
    [
        pytest.param("192.0.2.7", Record(), [("ExternalIP", "192.0.2.7")], id="an address"),
        pytest.param("2001:db8::7", Record(), [("ExternalIP", "2001:db8::7")], id="an address of IPv6"),
        pytest.param("node.example.org", Record(), [("ExternalIP", "node.example.org")], id="a name, as the reference"),
        pytest.param(
            "192.0.2.7",
            Record(host_name="node-0", host_addresses=("10.0.0.7",)),
            [("ExternalIP", "192.0.2.7"), ("InternalIP", "10.0.0.7"), ("Hostname", "node-0")],
            id="an address, and what the host says",
        ),
        pytest.param(
            "192.0.2.7",
            Record(host_name="node-0", host_addresses=("192.0.2.7",)),
            [("ExternalIP", "192.0.2.7"), ("Hostname", "node-0")],
            id="the host says the same address",
        ),
        pytest.param(
            "::ffff:192.0.2.7",
            Record(host_name="node-0", host_addresses=("192.0.2.7",)),
            [("ExternalIP", "::ffff:192.0.2.7"), ("Hostname", "node-0")],
            id="the host says the same address in another form",
        ),
        pytest.param(
            "node.example.org",
            Record(host_name="node-0", host_addresses=("10.0.0.7",)),
            [("ExternalDNS", "node.example.org"), ("InternalIP", "10.0.0.7"), ("Hostname", "node-0")],
            id="a name, and what the host says",
        ),
        pytest.param(
            "node.example.org",
            Record(host_name="node-0"),
            [("ExternalIP", "node.example.org"), ("Hostname", "node-0")],
            id="a name, and a host without an address to tell",
        ),
    ],
)
def test_addresses(address: str, record: Record, told: list[tuple[str, str]]) -> None:
    assert addresses(address, record) == tuple(MachineAddress(*one) for one in told)


def test_only_a_provisioned_machine_has_addresses() -> None:
    ready, provisioned = observation(), observation(record={"phase": "Provisioned"})

    assert report(Reconciliation(ready, Bootstrap(), ready.record, running=True)).addresses == ()
    assert report(Reconciliation(provisioned, Keep(), provisioned.record)).addresses == (
        MachineAddress("ExternalIP", "192.0.2.7"),
    )


def test_long_messages_are_cut() -> None:
    seen = observation(record={"phase": "Bootstrapping", "reason": "StepFailed", "message": "x" * 9000, "attempts": 1})

    told = report(Reconciliation(seen, BackOff(2000), seen.record))

    ready = condition(told, READY)
    assert ready is not None
    assert len(ready.message) == len(told.failure_message) == MESSAGE_LENGTH
    assert ready.message.endswith("x…")


failures = st.sampled_from([("", ""), ("Unknown", "it failed"), *((kind.value, "it failed") for kind in OutcomeKind)])
"""Reason and message: both, or neither."""

records = st.builds(
    lambda failure, **fields: Record(reason=failure[0], message=failure[1], **fields),
    failures,
    phase=st.sampled_from(Phase),
    attempts=st.integers(0, 2),
    not_before=st.sampled_from([0.0, 2000.0]),
    cleaning_since=st.sampled_from([0.0, 900.0]),
    host_name=st.sampled_from(["", "node-0"]),
)


@st.composite
def steps(draw: st.DrawFn) -> Reconciliation:
    """Anything that may be seen, with what is decided on it."""
    seen: Observation = observation(
        machine={"deleting": draw(st.booleans())},
        spec={
            "provider_id": draw(st.sampled_from(["", "remote-machine://192.0.2.7:22"])),
            "address": draw(st.sampled_from(["", "192.0.2.7"])),
            "pool": draw(st.sampled_from(["", "p"])),
        },
        cluster={"paused": draw(st.booleans()), "infrastructure_ready": draw(st.booleans())},
        owner={"control_plane": draw(st.booleans())},
        record=vars(draw(records)),
        entry=draw(st.sampled_from([None, {"name": "e", "holder": "m/uid-1"}])),
        pool=draw(st.sampled_from([[], [{"name": "e"}]])),
    )
    decision = decide(seen, draw(st.sampled_from([100.0, 1000.0])))
    running = isinstance(decision, Bootstrap | Cleanup) and draw(st.booleans())
    return Reconciliation(seen, decision, seen.record, running=running)


@given(steps())
def test_always(taken: Reconciliation) -> None:
    told = report(taken)

    kinds = [one.type for one in told.conditions]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) <= OWNED
    assert {READY, PAUSED} <= set(kinds)
    for one in told.conditions:
        # metav1.Condition requires a status and a reason of this form; a false one says why.
        assert one.status in {"True", "False", "Unknown"}
        assert one.reason.isalnum()
        assert one.message or one.status == "True" or one.reason == "NotPaused"
    ready, bootstrap = condition(told, READY), condition(told, BOOTSTRAP)
    assert ready is not None
    if ready.status == "True":
        assert told.provisioned
        assert not taken.observation.machine.deleting
    assert (bootstrap is not None and bootstrap.status == "True") == told.provisioned
    assert (condition(told, CLEANED) is None) or taken.observation.machine.deleting
    assert bool(told.addresses) == told.provisioned
    assert bool(told.failure_reason) == bool(told.failure_message)


def test_what_comes_next_is_told_with_the_failure() -> None:
    record = Record(
        phase=Phase.CLEANING, attempts=2, not_before=1005.0, cleaning_since=900.0, reason="StepFailed", message="a\nb"
    )
    seen = observation(machine={"deleting": True}, record=record)
    taken = Reconciliation(seen, BackOff(1005.0), record)
    told = report(taken, 600.0)
    messages = {one.type: one.message for one in told.conditions}
    assert (told.next_attempt, told.cleanup_deadline) == (1005.0, 1500.0)
    assert messages[READY] == "a; the next attempt is at 1970-01-01T00:16:45Z"
    assert messages[CLEANED] == (
        "a\nb\nthe next attempt is at 1970-01-01T00:16:45Z; the cleanup is given up at 1970-01-01T00:25:00Z, or by the"
        f" annotation {GIVE_UP_ANNOTATION} at once"
    )
    endless = report(taken)
    assert (endless.next_attempt, endless.cleanup_deadline) == (1005.0, 0.0)
    running = report(replace(taken, running=True, decision=Cleanup(custom=False)), 600.0)
    assert (running.next_attempt, running.cleanup_deadline) == (0.0, 1500.0)


def test_what_comes_next_is_not_cut_off() -> None:
    told = with_outlook("x" * 3000, "the next attempt is at noon", "")
    assert len(told) == MESSAGE_LENGTH
    assert told.endswith("x…; the next attempt is at noon")
    assert with_outlook("x", "", "") == "x"
