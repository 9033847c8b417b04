"""The status of a RemoteMachine as a merge patch: what is told stands there afterwards, nothing is written twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.told.report import OWNED
from capra.kube.stores.reporter import machine_status_changes
from capra.model.status import Condition, MachineAddress, MachineReport
from tests.support.merge_patch import patched

BEFORE, NOW, LATER = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-03-03T00:00:00Z"
READY = Condition("Ready", "True", "Ready")
PROVISIONED = MachineReport("Provisioned", True, (READY,), (MachineAddress("ExternalIP", "192.0.2.7"),))
FAILED = MachineReport("Failed", False, (), (), "ProvisionFailed", "step 1 failed")
FOREIGN = {"type": "Somebody", "status": "True", "lastTransitionTime": BEFORE}


def raw(status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A RemoteMachine with this status."""
    made: dict[str, Any] = {"metadata": {"name": "m", "namespace": "default", "generation": 3}}
    return made if status is None else made | {"status": status}


def test_the_first_status() -> None:
    assert patched({}, machine_status_changes(raw(), PROVISIONED, NOW)) == {
        "ready": True,
        "initialization": {"provisioned": True},
        "phase": "Provisioned",
        "addresses": [{"type": "ExternalIP", "address": "192.0.2.7"}],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Ready",
                "message": "",
                "lastTransitionTime": NOW,
                "observedGeneration": 3,
            }
        ],
    }


def test_only_what_changes_is_written() -> None:
    status = patched({}, machine_status_changes(raw(), PROVISIONED, BEFORE))
    other = MachineReport("Cleaning", True, (READY,), PROVISIONED.addresses)

    assert machine_status_changes(raw(status), PROVISIONED, NOW) == {}
    assert machine_status_changes(raw(status), other, NOW) == {"phase": "Cleaning"}


def test_a_failure_is_told_in_the_fields_of_either_version() -> None:
    told = {"failureReason": "ProvisionFailed", "failureMessage": "step 1 failed"}

    changes = machine_status_changes(raw({}), FAILED, NOW)

    assert changes.items() >= told.items()
    assert changes["deprecated"] == {"v1beta1": told}


def test_a_failure_that_is_over_is_removed() -> None:
    status = patched({}, machine_status_changes(raw({}), FAILED, BEFORE))

    after = patched(status, machine_status_changes(raw(status), PROVISIONED, NOW))

    assert not {"failureReason", "failureMessage"} & after.keys()
    assert after["deprecated"] == {"v1beta1": {}}
    assert machine_status_changes(raw(after), PROVISIONED, LATER) == {}


def test_what_others_have_written_stays() -> None:
    others = {"conditions": [FOREIGN], "deprecated": {"v1beta1": {"conditions": [FOREIGN]}}, "interruptible": True}

    after = patched(others, machine_status_changes(raw(others), FAILED, NOW))

    assert FOREIGN in after["conditions"]
    assert after["deprecated"]["v1beta1"]["conditions"] == [FOREIGN]
    assert after["interruptible"] is True


def test_addresses_that_hold_no_more_are_removed() -> None:
    status = patched({}, machine_status_changes(raw(), PROVISIONED, BEFORE))

    after = patched(status, machine_status_changes(raw(status), FAILED, NOW))

    assert "addresses" not in after
    assert (after["ready"], after["initialization"]) == (False, {"provisioned": False})
    assert after["conditions"] == []


def test_a_condition_with_the_same_status_keeps_its_time() -> None:
    status = patched({}, machine_status_changes(raw(), PROVISIONED, BEFORE))
    other = MachineReport("Provisioned", True, (Condition("Ready", "True", "Other", "told"),), PROVISIONED.addresses)

    [condition] = machine_status_changes(raw(status), other, NOW)["conditions"]

    assert (condition["reason"], condition["message"], condition["lastTransitionTime"]) == ("Other", "told", BEFORE)


@pytest.mark.parametrize("conditions", [None, []])
def test_a_status_without_conditions(conditions: Any) -> None:
    [condition] = machine_status_changes(raw({"conditions": conditions}), PROVISIONED, NOW)["conditions"]

    assert condition["lastTransitionTime"] == NOW


reports = st.builds(
    lambda failure, **fields: MachineReport(failure_reason=failure[0], failure_message=failure[1], **fields),
    st.sampled_from([("", ""), ("ProvisionFailed", "it failed"), ("MissingFields", "spec.address is required")]),
    phase=st.sampled_from(["Pending", "Provisioned", "Failed"]),
    provisioned=st.booleans(),
    conditions=st.lists(
        st.builds(
            Condition,
            st.sampled_from(sorted(OWNED)),
            st.sampled_from(["True", "False", "Unknown"]),
            st.sampled_from(["One", "Two"]),
            st.sampled_from(["", "a message"]),
        ),
        unique_by=lambda one: one.type,
    ).map(tuple),
    addresses=st.lists(
        st.sampled_from([MachineAddress("ExternalIP", "192.0.2.7"), MachineAddress("Hostname", "node-0")])
    ).map(tuple),
)


@given(st.lists(reports, min_size=1, max_size=5))
def test_after_any_history_the_status_is_what_was_told_last(history: list[MachineReport]) -> None:
    status: dict[str, Any] = {"conditions": [FOREIGN]}
    for told in history:
        status = patched(status, machine_status_changes(raw(status), told, NOW))
        assert machine_status_changes(raw(status), told, LATER) == {}

    last = history[-1]
    assert (status["phase"], status["ready"]) == (last.phase, last.provisioned)
    assert status["initialization"]["provisioned"] is last.provisioned
    assert [(one["type"], one["address"]) for one in status.get("addresses", [])] == [
        (one.type, one.address) for one in last.addresses
    ]
    told_conditions = {one["type"]: one["status"] for one in status["conditions"] if one["type"] in OWNED}
    assert told_conditions == {one.type: one.status for one in last.conditions}
    assert FOREIGN in status["conditions"]
    failure = {"failureReason": last.failure_reason, "failureMessage": last.failure_message}
    expected = {name: value for name, value in failure.items() if value}
    assert {name: status[name] for name in failure if name in status} == expected
    assert status.get("deprecated", {}).get("v1beta1", {}) == expected
