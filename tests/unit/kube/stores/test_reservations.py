"""An entry that changes between the decision and the write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from capra.kube.client.errors import ConflictError
from capra.kube.client.resources import ENTRIES, HOLDER, MACHINES
from capra.model.machine import MachineKey
from tests.unit.kube.pool_examples import entry, machine
from tests.unit.kube.store_world import StoreWorld

KEY = MachineKey("default", "m")


def _moved(world: StoreWorld) -> None:
    raw = world.get(ENTRIES, "a")
    world.server.put({**raw, "spec": {**raw["spec"], "pool": "other"}})


def _deleted(world: StoreWorld) -> None:
    del world.server.objects[ENTRIES, "a"]


@pytest.mark.parametrize("change", [_moved, _deleted])
async def test_it_is_not_taken_and_another_is_looked_for(change: Callable[[StoreWorld], None]) -> None:
    """While the watch is late."""
    world = StoreWorld(machine("m", "uid-m"), entry("a"))
    seen = await world.store.load(KEY)
    change(world)
    with pytest.raises(ConflictError):
        await world.store.reserve(seen, "a")
    assert "address" not in world.get(MACHINES, "m")["spec"]
    if (ENTRIES, "a") in world.server.objects:
        assert HOLDER not in world.annotations(ENTRIES, "a")


async def test_one_of_which_only_the_status_has_changed_is_taken() -> None:
    world = StoreWorld(machine("m", "uid-m"), entry("a"))
    seen = await world.store.load(KEY)
    world.server.put({**world.get(ENTRIES, "a"), "status": {"ready": True}})
    assert await world.store.reserve(seen, "a") == "a"


async def test_the_hooks_of_an_entry_take_the_place_of_the_machines_own() -> None:
    """A merge patch alone would leave both."""
    hook: dict[str, Any] = {"name": "h", "playbook": {"configMapRef": {"name": "site", "key": "h.yml"}}}
    world = StoreWorld(machine(ansible={"afterBootstrap": [hook]}), entry("a", ansible={"beforeBootstrap": [hook]}))
    await world.store.reserve(await world.store.load(KEY), "a")
    assert world.get(MACHINES, "m")["spec"]["ansible"] == {"beforeBootstrap": [hook]}
    assert not (await world.store.load(KEY)).outdated
    other = StoreWorld(machine(ansible={"afterBootstrap": [hook]}), entry("a"))
    await other.store.reserve(await other.store.load(KEY), "a")
    assert other.get(MACHINES, "m")["spec"]["ansible"] == {"afterBootstrap": [hook]}


RACK: dict[str, Any] = {"hostSelector": {"matchLabels": {"rack": "a"}}}


async def test_one_that_does_not_fit_any_more_is_not_taken() -> None:
    """While the watch is late."""
    world = StoreWorld(machine("m", "uid-m", **RACK), entry("a", labels={"rack": "a"}))
    seen = await world.store.load(KEY)
    raw = world.get(ENTRIES, "a")
    world.server.put({**raw, "metadata": {**raw["metadata"], "labels": {"rack": "b"}}})
    with pytest.raises(ConflictError):
        await world.store.reserve(seen, "a")
    assert HOLDER not in world.annotations(ENTRIES, "a")


async def test_whoever_comes_too_late_gets_the_next_one_that_fits() -> None:
    fitting = [entry(name, labels={"rack": "a"}) for name in "bd"]
    world = StoreWorld(machine("m", "uid-m", **RACK), entry("a"), entry("c"), *fitting)
    seen = await world.store.load(KEY)
    assert [one.name for one in seen.pool] == ["b"]
    world.put(entry("b", "n/uid-n/uid-b", labels={"rack": "a"}))
    assert await world.store.reserve(seen, "b") == "d"


async def test_a_selector_that_has_a_mistake_by_now_takes_nothing() -> None:
    world = StoreWorld(machine("m", "uid-m", **RACK), entry("a", labels={"rack": "a"}))
    seen = await world.store.load(KEY)
    raw = world.get(MACHINES, "m")
    world.put({**raw, "spec": {**raw["spec"], "hostSelector": {"matchLabels": {"no label!": ""}}}})
    with pytest.raises(ConflictError, match="has changed meanwhile"):
        await world.store.reserve(seen, "a")
