"""What an object is found by, as it says itself."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.cache.index import Trait
from capra.kube.cache.known import By
from capra.kube.cache.traits import selected, traits
from capra.kube.client.resources import QUARANTINED
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import entry, machine

CHAIN = {
    "address": "b",
    "sshKeyRef": {"name": "k2"},
    "bastion": {"address": "c", "bastion": {"address": "d", "sshKeyRef": {"name": "k3"}}},
}
SECRETS: dict[str, Any] = {"sshKeyRef": {"name": "k1"}, "becomePasswordRef": {"name": "root"}}


@pytest.mark.parametrize(
    "raw",
    [entry(address="", annotations={QUARANTINED: "dirty"}), machine(address=""), machine(phase=Phase.PROVISIONED)],
    ids=["entry", "machine", "machine without the field"],
)
def test_what_has_no_address_is_at_no_host(raw: dict[str, Any]) -> None:
    """Or all that have none would be in each other's way."""
    found = {trait.by for trait in traits(raw["kind"], raw, None)}
    assert not found & {By.PLACE, By.USER, By.QUARANTINE}


@pytest.mark.parametrize(
    ("condition", "reason", "told"),
    [
        ("HostReserved", "PoolExhausted", True),
        ("HostReserved", "HostInUse", False),
        ("HostReserved", "Reserved", False),
        ("Bootstrapped", "PoolExhausted", False),
    ],
)
def test_who_was_told_that_a_pool_has_nothing_free(condition: str, reason: str, told: bool) -> None:
    """A free entry wakes as many of them as it can help, and only they are counted."""
    raw = machine() | {"status": {"conditions": [{"type": condition, "reason": reason}]}}
    assert (Trait(By.EXHAUSTED, "p", "") in traits(raw["kind"], raw, None)) is told


@pytest.mark.parametrize(
    ("phase", "provided", "uses"),
    [
        (Phase.NEW, False, False),
        (Phase.NEW, True, True),
        (Phase.BOOTSTRAPPING, False, True),
        (Phase.PROVISIONED, True, True),
        (Phase.CLEANING, True, True),
        (Phase.CLEAN, False, False),
        (Phase.CLEAN, True, False),
    ],
)
def test_who_uses_a_host(phase: Phase, provided: bool, uses: bool) -> None:
    """Who has begun, and has not cleaned up since; one whose record was lost is known by its provider ID."""
    raw = machine(
        phase=phase, address="192.0.2.1", **({"providerID": "remote-machine://192.0.2.1:22"} if provided else {})
    )
    assert (By.USER in {trait.by for trait in traits(raw["kind"], raw, None)}) is uses


@pytest.mark.parametrize(("label", "value", "taken"), [("a", "b", True), ("a", "a", False), ("b", "b", False)])
def test_what_is_selected_has_the_label_with_its_value(label: str, value: str, taken: bool) -> None:
    raw = entry(labels={label: value})
    assert selected(raw, ("a", "b")) is taken
    assert selected(raw, None)


@pytest.mark.parametrize(
    "raw",
    [
        machine(phase=Phase.PROVISIONED, address="a", bastion=CHAIN, **SECRETS),
        entry(annotations={QUARANTINED: "dirty"}, bastion=CHAIN, **SECRETS),
    ],
    ids=["machine", "entry"],
)
def test_the_keys_of_bastions_and_a_password_are_named_and_needed(raw: dict[str, Any]) -> None:
    for by in (By.SECRET, By.NEEDED_KEY):
        assert {trait.value for trait in traits(raw["kind"], raw, None) if trait.by is by} == {"k1", "k2", "k3", "root"}
