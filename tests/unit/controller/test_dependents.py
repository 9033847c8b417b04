"""Whoever waits for a claim is woken when it goes, and nobody else."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest

from capra.controller.dependents import dependents
from capra.kube.client.resources import QUARANTINED, SSH_KEY_FINALIZER, ObjectKey, Raw
from capra.kube.objects import places
from capra.model import checks
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import KEY, cache, entry, machine

PLACE: dict[str, Any] = {"address": "192.0.2.3", "sshKeyRef": {"name": "key"}}
SPELLED: dict[str, Any] = {"address": "::ffff:192.0.2.3", "sshKeyRef": {"name": "key"}}


def woken(changed: Raw, *others: Raw) -> set[str]:
    """What is looked at when `changed` has: `kind name`. Its own SSH key always is."""
    found = {f"{key.kind} {key.name}" for key in dependents(cache(changed, *others), changed["kind"], changed)}
    return found - {"Secret key"}


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
    assert ObjectKey("RemoteMachine", "default", "m") not in dependents(cache(changed), "PooledRemoteMachine", changed)


def test_an_address_is_read_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def ip_address(text: str) -> Any:
        read.append(text)
        return ipaddress.ip_address(text)

    addresses = [f"203.0.113.{number}" for number in range(100)]
    machines = [machine(one, f"uid-{one}", address=one) for one in addresses]
    known = cache(*machines, *(entry(f"e-{one}", address=one) for one in addresses))
    monkeypatch.setattr(checks, "ipaddress", SimpleNamespace(ip_address=ip_address))
    checks._same_address.cache_clear()
    for changed in machines:
        assert len(list(dependents(known, "RemoteMachine", changed))) == 2
    assert sorted(read) == sorted(addresses)


def test_what_is_too_long_for_an_address_is_not_kept() -> None:
    """An object may hold a megabyte there, and another one with each change."""
    checks._same_address.cache_clear()
    assert checks.same_address("LONG" * 100) == "long" * 100
    assert checks._same_address.cache_info().currsize == 0


def test_a_key_that_all_entries_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines and entries are gone through once for all of them, not once for each."""
    read: list[Any] = []
    place = places.place

    def counted(spec: Any) -> tuple[str, int]:
        read.append(spec)
        return place(spec)

    count = 100
    holding = [machine(f"m-{n}", f"uid-{n}", address=f"e-{n}.example.org") for n in range(count)]
    entries = [entry(f"e-{n}", holder=f"m-{n}/uid-{n}/uid-e-{n}") for n in range(count)]
    known = cache(*holding, *entries, machine("waiting"), entry("other", in_pool="q", sshKeyRef={"name": "q"}))
    monkeypatch.setattr(places, "place", counted)
    found = {f"{key.kind} {key.name}" for key in dependents(known, "Secret", KEY)}
    assert found - {"Secret key"} == {f"RemoteMachine m-{n}" for n in range(count)} | {"RemoteMachine waiting"} | {
        f"PooledRemoteMachine e-{n}" for n in range(count)
    }
    assert len(read) <= 4 * count


def test_an_ssh_key_is_looked_at_with_whoever_names_it_and_by_itself_as_long_as_it_is_held() -> None:
    for user in (machine("m", "uid-m", pool="", **PLACE), entry("e", **PLACE)):
        assert ObjectKey("Secret", "default", "key") in set(dependents(cache(user), user["kind"], user))
    becomes = machine("m", "uid-m", pool="", **PLACE | {"becomePasswordRef": {"name": "root"}})
    assert ObjectKey("Secret", "default", "root") in set(dependents(cache(becomes), becomes["kind"], becomes))
    password: Raw = {"kind": "Secret", "metadata": {"name": "root", "namespace": "default"}}
    woken = set(dependents(cache(becomes), "Secret", password))
    assert ObjectKey("RemoteMachine", "default", "m") in woken
    key: Raw = {"kind": "Secret", "metadata": {"name": "key", "namespace": "default"}}
    assert list(dependents(cache(), "Secret", key)) == []
    held: Raw = {**key, "metadata": {**key["metadata"], "finalizers": [SSH_KEY_FINALIZER]}}
    assert list(dependents(cache(), "Secret", held)) == [ObjectKey("Secret", "default", "key")]
