"""A saved record holds what this version knows, and refuses what no version has written."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from capra.model.observation import Phase
from capra.model.saved_record import SavedRecord


def test_fields_stand_under_names_in_camel_case_and_others_are_left_alone() -> None:
    saved = SavedRecord.model_validate({"runId": "a", "hostName": "node", "ofALaterVersion": 1})
    assert (saved.run_id, saved.host_name) == ("a", "node")
    assert saved.model_dump(by_alias=True)["runId"] == "a"
    assert "ofALaterVersion" not in saved.model_dump(by_alias=True)


@pytest.mark.parametrize(
    "given",
    [
        {"attempts": -1},
        {"changedAt": float("inf")},
        {"cleaningSince": 1e11},
        {"distributions": ["talos"]},
        {"phase": "x"},
    ],
)
def test_what_nobody_has_written_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SavedRecord.model_validate(given)


@pytest.mark.parametrize(
    ("phase", "run_id", "believed"),
    [
        (Phase.NEW, "", Phase.NEW),
        (Phase.NEW, "a", Phase.BOOTSTRAPPING),
        (Phase.CLEAN, "a", Phase.BOOTSTRAPPING),
        (Phase.PROVISIONED, "a", Phase.PROVISIONED),
    ],
)
def test_a_run_that_is_noted_was_begun(phase: Phase, run_id: str, believed: Phase) -> None:
    assert SavedRecord(phase=phase, run_id=run_id).believed_phase is believed
