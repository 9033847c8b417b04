"""What the inventory plugin hands to Ansible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, is_trusted_as_template, trust_as_template

from ansible_collections.capra.machine.plugins.inventory.remote_machines import InventoryModule
from capra.inventory.hosts import Files, InventoryHost
from capra.model.machine import MachineKey, MachineSpec

EVIL = trust_as_template("{{ 6 * 7 }}")
"""Before 2.19 ansible-core trusts every text of an inventory; since then this mark says that a text is trusted."""

HOST = InventoryHost(
    MachineKey("default", "a"),
    MachineSpec(address="192.0.2.1", user=EVIL),
    labels={"one": EVIL},
    facts={"os.id": EVIL},
    host_name=EVIL,
    host_addresses=("192.0.2.1", EVIL),
)
OPTIONS = {
    "strict": True,
    "compose": {"made": trust_as_template("capra_labels['one']"), "login": trust_as_template("ansible_user")},
    "groups": {},
    "keyed_groups": [],
}


class _Inventory:
    """Ansible's, as far as the plugin writes to it."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}

    def add_host(self, host: str, group: str | None = None) -> None:
        assert host == "a"

    def add_group(self, group: str) -> str:
        return group

    def set_variable(self, host: str, name: str, value: Any) -> None:
        self.variables[name] = value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in (*value, *value.values()):
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def test_no_value_is_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, inventory = InventoryModule(), _Inventory()
    plugin.inventory, plugin.templar = inventory, Templar(loader=DataLoader())
    monkeypatch.setattr(plugin, "get_option", OPTIONS.__getitem__)
    plugin._add("a", HOST, Files("/run/key", "/run/known_hosts"))
    found = list(_texts(inventory.variables))
    assert found.count("{{ 6 * 7 }}") == 7, "user, label, fact, name and address of the host, and what is composed"
    assert not [text for text in found if is_trusted_as_template(text)]
