"""What the annotation `adopt` asks for."""

from __future__ import annotations

import pytest

from capra.engine.adoption.asked import asked_adoption
from capra.engine.decisions import Refuse
from capra.model.machine import ADOPT_ANNOTATION, Adoption
from tests.unit.engine.examples import observation


@pytest.mark.parametrize(
    ("machine", "entry", "phase", "adoption"),
    [
        (None, None, "New", None),
        ("Adopt", None, "New", Adoption.ADOPT),
        (None, "Wait", "New", Adoption.WAIT),
        ("Reject", "Adopt", "New", Adoption.REJECT),
        ("Adopt", None, "Bootstrapping", None),
        ("Adopt", None, "Provisioned", None),
    ],
)
def test_the_machine_takes_precedence_over_its_entry(
    machine: str | None, entry: str | None, phase: str, adoption: Adoption | None
) -> None:
    annotations = {ADOPT_ANNOTATION: machine} if machine else {}
    held = {"name": "e", "holder": "m/uid-1", "annotations": {ADOPT_ANNOTATION: entry} if entry else {}}
    seen = observation(machine={"annotations": annotations}, record={"phase": phase}, entry=held)
    assert asked_adoption(seen) == adoption


def test_an_unknown_value_is_refused() -> None:
    refuse = asked_adoption(observation(machine={"annotations": {ADOPT_ANNOTATION: "adopt" * 20}}))
    assert isinstance(refuse, Refuse)
    assert (refuse.reason, refuse.field) == ("InvalidInput", f"metadata.annotations[{ADOPT_ANNOTATION}]")
    assert refuse.message == f"is {('adopt' * 8)!r}; known are Adopt, Wait, Reject"
