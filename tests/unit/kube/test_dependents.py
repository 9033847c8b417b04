"""Whoever waits for a claim is woken when it goes, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.dependents import Key, dependents
from capra.kube.resources import QUARANTINED, Raw
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import cache, entry, machine

PLACE: dict[str, Any] = {"address": "192.0.2.3", "sshKeyRef": {"name": "key"}}
SPELLED: dict[str, Any] = {"address": "::ffff:192.0.2.3", "sshKeyRef": {"name": "key"}}


def woken(changed: Raw, *others: Raw) -> set[str]:
    """What is looked at when `changed` has: `kind name`."""
    return {f"{key.kind} {key.name}" for key in dependents(cache(changed, *others), changed["kind"], changed)}


def test_a_machine_that_has_left_its_host() -> None:
    gone = machine("gone", "uid-gone", Phase.CLEAN, pool="", **PLACE)
    same = machine("same", "uid-same", pool="", **SPELLED)
    holding = entry("holding", **SPELLED)
    assert woken(gone, same, holding, machine("elsewhere", "uid-else", address="192.0.2.4")) == {
        "RemoteMachine gone",
        "RemoteMachine same",
        "PooledRemoteMachine holding",
    }


@pytest.mark.parametrize("annotations", [{}, {QUARANTINED: "dirty"}])
def test_an_entry_that_was_or_is_in_quarantine(annotations: dict[str, str]) -> None:
    """An entry of another pool with the same host was held back by it, and so were those who wait for that pool."""
    changed = entry("changed", annotations=annotations, **PLACE)
    twin = entry("twin", in_pool="q", **SPELLED)
    direct = machine("direct", "uid-direct", pool="", **SPELLED)
    waiting = machine("waiting", "uid-waiting")
    assert woken(changed, twin, direct, waiting, entry("other")) == {
        "PooledRemoteMachine changed",
        "PooledRemoteMachine twin",
        "RemoteMachine direct",
        "RemoteMachine waiting",
    }


def test_another_namespace_is_left_alone() -> None:
    changed = entry("changed", annotations={QUARANTINED: "dirty"}, **PLACE)
    assert woken(changed, machine("m", "uid-m", namespace="other", pool="", **PLACE)) == {"PooledRemoteMachine changed"}
    user = machine("user", "uid-user", Phase.PROVISIONED, pool="", **PLACE)
    assert woken(user, machine("m", "uid-m", namespace="other", pool="", **PLACE)) == {"RemoteMachine user"}


def test_no_address_is_no_place() -> None:
    changed = entry("changed", address="")
    assert woken(changed, entry("twin", address="", in_pool="q"), machine("m", "uid-m", pool="", address="")) == {
        "PooledRemoteMachine changed"
    }
    assert Key("RemoteMachine", "default", "m") not in dependents(cache(changed), "PooledRemoteMachine", changed)
