"""What a machine had from the entry that it gives back, and who is offered an entry that another one has a claim to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from capra.engine.decide import decide
from capra.engine.decisions import GiveBack, Reserve
from capra.kube.client.resources import (
    BASTION_HOST_KEYS,
    ENTRIES,
    HOLDER,
    HOST_KEYS,
    MACHINES,
    POOL_COMMANDS,
    POOL_ENTRY,
    POOL_FIELDS,
    Raw,
    annotations_of,
)
from capra.model.machine import MachineKey
from capra.model.observation import Phase, Record
from capra.model.probe import Probe
from capra.model.status import Condition
from tests.unit.kube.pool_examples import entry, machine
from tests.unit.kube.store_world import StoreWorld
from tests.unit.local.examples import HOST_KEY, OTHER_HOST_KEY

KEY = MachineKey("default", "m")


def _changed(raw: Raw, **fields: Any) -> Raw:
    """The entry with other fields of its machine; None takes one away."""
    wanted = {**raw["spec"]["machine"], **fields}
    fields = {name: value for name, value in wanted.items() if value is not None}
    return {**raw, "spec": {**raw["spec"], "machine": fields}}


async def _given(world: StoreWorld, name: str = "a") -> None:
    await world.store.reserve(await world.store.load(KEY), name)
    assert world.get(MACHINES, "m")["spec"]["address"] == f"{name}.example.org"


GIVEN: dict[str, Any] = {"cleanUpCommands": ["rm -rf /a"], "workingDir": "/a", "user": "ops", "hostKeys": []}


@pytest.mark.parametrize(
    "becomes",
    [{}, {"cleanUpCommands": ["rm -rf /b"], "workingDir": "/b"}, {"cleanUpCommands": None, "workingDir": None}, None],
    ids=["as it was", "changed", "without", "gone"],
)
async def test_nothing_of_the_first_entry_is_left_for_the_second(becomes: Mapping[str, Any] | None) -> None:
    world = StoreWorld(machine("m", "uid-m"), entry("a", **GIVEN), entry("b"))
    await _given(world)
    if becomes is None:
        world.cache.remove(ENTRIES, world.get(ENTRIES, "a"))
    else:
        world.put(_changed(world.get(ENTRIES, "a"), **becomes))
    await world.store.give_back(await world.store.load(KEY), GiveBack("a", "no route"))
    raw = world.get(MACHINES, "m")
    assert raw["spec"] == {"pool": "p"}
    assert not {POOL_ENTRY, POOL_COMMANDS, POOL_FIELDS} & annotations_of(raw).keys()
    await _given(world, "b")
    loaded = await world.store.load(KEY)
    assert loaded.machine.spec.clean_up_commands == ()


async def test_what_is_the_machines_own_stays() -> None:
    own: dict[str, Any] = {"cleanUpCommands": ["own"], "workingDir": "/own"}
    world = StoreWorld(machine("m", "uid-m", **own), entry("a"))
    await _given(world)
    await world.store.give_back(await world.store.load(KEY), GiveBack("a", "no route"))
    assert world.get(MACHINES, "m")["spec"] == {"pool": "p", **own}


async def test_an_entry_that_another_machine_has_a_claim_to_is_not_offered() -> None:
    """It was made again, and knows nothing of its holder."""
    world = StoreWorld(machine("m", "uid-m"), machine("n", "uid-n"), entry("a"))
    await _given(world)
    raw = world.get(ENTRIES, "a")
    notes = {name: text for name, text in annotations_of(raw).items() if name != HOLDER}
    world.remake({**raw, "metadata": {**raw["metadata"], "uid": "uid-again", "annotations": notes}})
    other = await world.store.load(MachineKey("default", "n"))
    assert [one.unavailable for one in other.pool] == ["has the address of RemoteMachine default/m"]
    assert decide(await world.store.load(KEY)) == Reserve("a")
    world.cache.remove(MACHINES, world.get(MACHINES, "m"))
    other = await world.store.load(MachineKey("default", "n"))
    assert [(one.name, one.unavailable) for one in other.pool] == [("a", "")]


async def test_an_entry_that_is_gone_is_given_back() -> None:
    world = StoreWorld(machine("m", "uid-m"), entry("a"), entry("b"))
    await _given(world)
    seen = await world.store.load(KEY)
    await world.store.save(seen, Record(phase=Phase.NEW, attempts=3, unreached=3, reason="Unreachable"))
    world.cache.remove(ENTRIES, world.get(ENTRIES, "a"))
    decision = decide(await world.store.load(KEY))
    assert decision == GiveBack("a", "")
    await world.store.give_back(await world.store.load(KEY), decision)
    loaded = await world.store.load(KEY)
    assert (loaded.machine.spec.address, [one.name for one in loaded.pool]) == ("", ["b"])


async def test_after_a_move_an_entry_is_given_back_by_its_holder_only() -> None:
    """The claim is renewed first: an entry that nobody has a claim to is nobody's to free."""
    world = StoreWorld(machine("m", "uid-m"), entry("a"))
    await _given(world)
    seen = await world.store.load(KEY)
    await world.store.save(seen, Record(phase=Phase.NEW, attempts=3, unreached=3, reason="Unreachable"))
    raw = world.get(MACHINES, "m")
    world.remake({**raw, "metadata": {**raw["metadata"], "uid": "uid-moved"}})
    decision = decide(await world.store.load(KEY))
    assert decision == Reserve("a")
    await world.store.reserve(await world.store.load(KEY), "a")
    decision = decide(await world.store.load(KEY))
    assert decision == GiveBack("a", "")
    await world.store.give_back(await world.store.load(KEY), decision)
    assert world.annotations(ENTRIES, "a")[HOLDER] == ""


async def test_a_probe_keeps_the_keys_that_were_shown_first() -> None:
    """Those of the host and of its bastions: a later machine does not trust whoever answers then."""
    world = StoreWorld(entry("a"))
    reached = Condition("Reachable", "True", "Reached")
    shown = Probe(reached, reached, None, (HOST_KEY,), (f"b {HOST_KEY}",))
    await world.entries.probed(world.get(ENTRIES, "a"), shown)
    later = Probe(reached, reached, None, (OTHER_HOST_KEY,), (f"b {OTHER_HOST_KEY}", f"c {OTHER_HOST_KEY}"))
    await world.entries.probed(world.get(ENTRIES, "a"), later)
    told = annotations_of(world.get(ENTRIES, "a"))
    assert told[HOST_KEYS] == HOST_KEY
    assert told[BASTION_HOST_KEYS].splitlines() == [f"b {HOST_KEY}", f"c {OTHER_HOST_KEY}"]
