"""A machine follows its entry: key, user, sudo, host keys, and the address where that can only be the same host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.kube.client.resources import POOL_ENTRY, POOL_FIELDS
from capra.kube.objects.remote_machines import to_remote_machine
from capra.kube.stores.following import followed, spec_changes, with_keys_of
from capra.model.bastion import Bastion
from capra.model.machine import Ansible, BecomeMethod, CleanUp, Hook, MachineSpec, TextSource
from capra.model.observation import Phase, Record
from capra.model.pool import PoolEntry
from tests.unit.kube.pool_examples import entry, machine

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtl"
HOOK = {"name": "harden", "playbook": {"configMapRef": {"name": "site", "key": "harden.yml"}}}
MINE: dict[str, Any] = {"address": "e.example.org", "sshKeyRef": {"name": "key"}, "annotations": {POOL_ENTRY: "e"}}


def _followed(kept: Record, raw: dict[str, Any] | None = None, **given: Any) -> tuple[MachineSpec, MachineSpec]:
    """The machine's spec, and what it is with the entry."""
    raw = raw or machine(**MINE)
    own = to_remote_machine(raw)[0].spec
    return own, followed(raw, entry(**given), own, kept)


@pytest.mark.parametrize(
    ("given", "changed", "written"),
    [
        ({"sshKeyRef": {"name": "new"}}, {"ssh_key_name": "new"}, {"sshKeyRef": {"name": "new"}}),
        ({"user": "ops", "useSudo": True}, {"user": "ops", "use_sudo": True}, {"user": "ops", "useSudo": True}),
        (
            {"useSudo": True, "becomeMethod": "su", "becomePasswordRef": {"name": "root"}},
            {
                "use_sudo": True,
                "become_method": BecomeMethod.SU,
                "become_secret": "root",
                "become_key": "value",
            },
            {"useSudo": True, "becomeMethod": "su", "becomePasswordRef": {"name": "root", "key": "value"}},
        ),
        ({"hostKeys": [KEY]}, {"host_keys": (KEY,)}, {"hostKeys": [KEY]}),
        ({"port": 2222}, {"port": 2222}, {"port": 2222}),
        ({"cleanUp": "Verify"}, {"clean_up": CleanUp.VERIFY}, {"cleanUp": "Verify"}),
        (
            {"ansible": {"beforeBootstrap": [HOOK]}},
            {"ansible": Ansible(before_bootstrap=(Hook("harden", TextSource("ConfigMap", "site", "harden.yml")),))},
            {"ansible": {"beforeBootstrap": [HOOK], "afterBootstrap": None, "beforeCleanUp": None}},
        ),
        ({"address": "192.0.2.9"}, {"address": "192.0.2.9"}, {"address": "192.0.2.9"}),
        (
            {"bastion": {"address": "b", "bastion": {"address": "c", "port": 2222, "sshKeyRef": {"name": "k"}}}},
            {"bastion": Bastion("b", bastion=Bastion("c", 2222, ssh_key_name="k"))},
            {
                "bastion": {
                    "address": "b",
                    "port": 22,
                    "user": "root",
                    "sshKeyRef": None,
                    "hostKeys": None,
                    "bastion": {
                        "address": "c",
                        "port": 2222,
                        "user": "root",
                        "hostKeys": None,
                        "bastion": None,
                        "sshKeyRef": {"name": "k"},
                    },
                }
            },
        ),
    ],
)
def test_what_is_changed_in_the_entry_counts(given: Any, changed: Any, written: Any) -> None:
    own, spec = _followed(Record(phase=Phase.PROVISIONED, host_keys=(KEY,)), **given)
    assert spec == replace(own, **changed)
    patch = spec_changes(own, spec)
    assert patch | written == patch
    assert spec_changes(spec, spec) == {}


@pytest.mark.parametrize(
    ("kept", "address"),
    [
        (Record(phase=Phase.PROVISIONED), "e.example.org"),
        (Record(phase=Phase.CLEANING), "e.example.org"),
        (Record(phase=Phase.PROVISIONED, host_keys=(KEY,)), "192.0.2.9"),
        (Record(), "192.0.2.9"),
    ],
)
def test_another_host_is_not_taken_for_this_one(kept: Record, address: str) -> None:
    """Where no host key is known, whoever answers at the new address would be believed."""
    _, spec = _followed(kept, address="192.0.2.9", user="ops")
    assert (spec.address, spec.user) == (address, "ops")
    _, spec = _followed(kept, address="192.0.2.9", hostKeys=[KEY])
    assert spec.address == "192.0.2.9"


def test_an_adopted_machine_whose_host_shows_any_key_stays_where_it_is() -> None:
    raw = machine(**MINE, providerID="remote-machine://e.example.org:22")
    _, spec = _followed(Record(), raw, address="192.0.2.9")
    assert spec.address == "e.example.org"


def test_what_is_not_followed() -> None:
    kept = Record(host_keys=(KEY,))
    own, spec = _followed(kept, port=99999)
    assert spec == own, "an entry with a mistake"
    own, spec = _followed(kept, machine(), user="ops")
    assert spec == own, "a machine that was not given the entry yet"
    other = machine(address="192.0.2.1", annotations={POOL_ENTRY: "other"})
    own, spec = _followed(kept, other, user="ops")
    assert spec == own, "an entry that the machine does not use"
    own, spec = _followed(kept, machine(**MINE, hostKeys=[KEY]))
    assert spec == own, "pins of one's own where the entry has none"


def test_the_machines_own_commands_count_until_the_entrys_change() -> None:
    raw = machine(**MINE, cleanUpCommands=["mine"])
    own, spec = _followed(Record(), raw)
    assert spec.clean_up_commands == ("mine",)
    own, spec = _followed(Record(), raw, cleanUpCommands=["theirs"])
    assert spec.clean_up_commands == ("theirs",)
    assert spec_changes(own, spec) == {}


def test_the_hooks_of_the_entry_take_precedence_as_a_whole() -> None:
    mine: dict[str, Any] = {"ansible": {"afterBootstrap": [HOOK]}}
    own, spec = _followed(Record(), machine(**MINE, **mine))
    assert spec.ansible == own.ansible, "the entry has none"
    assert own.ansible.after_bootstrap
    own, spec = _followed(Record(), machine(**MINE, **mine), ansible={"beforeBootstrap": [HOOK]})
    assert spec.ansible.before_bootstrap
    assert not spec.ansible.after_bootstrap
    given = machine(**MINE | {"annotations": {POOL_ENTRY: "e", POOL_FIELDS: "address,ansible"}}, **mine)
    own, spec = _followed(Record(), given)
    assert not spec.ansible, "the entry has had them"


def test_a_bastion_may_lead_to_another_host() -> None:
    _, spec = _followed(Record(phase=Phase.PROVISIONED), bastion={"address": "b"})
    assert spec.bastion is None, "whoever answers behind it would be believed"
    mine = machine(**MINE, bastion={"address": "mine"})
    kept = Record(phase=Phase.PROVISIONED, host_keys=(KEY,))
    own, spec = _followed(kept, mine)
    assert spec == own, "the entry has none"
    given = machine(
        **MINE | {"annotations": {POOL_ENTRY: "e", POOL_FIELDS: "address,bastion"}}, bastion={"address": "b"}
    )
    own, spec = _followed(kept, given)
    assert spec.bastion is None, "the entry has had it"
    assert spec_changes(own, spec)["bastion"] is None


def test_an_entry_tells_the_keys_of_its_bastions() -> None:
    known = with_keys_of(PoolEntry("e", MachineSpec(), bastion_keys=("b k1", "c k2")), Record(bastion_keys=("b k9",)))
    assert known.bastion_keys == ("b k9", "c k2")
