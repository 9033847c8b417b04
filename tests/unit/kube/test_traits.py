"""What an object is found by, as it says itself."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.known import By
from capra.kube.resources import QUARANTINED
from capra.kube.traits import traits
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import entry, machine


@pytest.mark.parametrize(
    "raw",
    [entry(address="", annotations={QUARANTINED: "dirty"}), machine(address=""), machine(phase=Phase.PROVISIONED)],
    ids=["entry", "machine", "machine without the field"],
)
def test_what_has_no_address_is_at_no_host(raw: dict[str, Any]) -> None:
    """Or all that have none would be in each other's way."""
    found = {trait.by for trait in traits(raw["kind"], raw, None)}
    assert not found & {By.PLACE, By.USER, By.QUARANTINE}
