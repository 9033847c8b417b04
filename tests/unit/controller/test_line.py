"""Who waits for an entry of a pool gets one when there is one, the longest first; and nobody is woken for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from capra.controller.reconcilers.reconciler import Result
from capra.kube.cache.known import By
from capra.kube.client.resources import ObjectKey, Raw, annotations_of, name_of
from capra.model.machine import PAUSED_ANNOTATION
from capra.model.observation import Phase
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.controller.line_world import ENTRIES, MACHINES, LineWorld
from tests.unit.kube.pool_examples import machine

A_WHILE = 5.0
"""Seconds in which everything is done that is not put off."""


def runs(test: Callable[[LineWorld], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        world = LineWorld()
        async with world.at_work():
            await test(world)

    with capture_logs():
        run_in_virtual_time(within())


@pytest.fixture(autouse=True)
def _virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    time = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr("capra.controller.queue.time", time)


def looked_at(world: LineWorld) -> list[str]:
    """The names of the machines that are looked at from now on."""
    names: list[str] = []
    reconcile = world.controller._machines.reconcile

    async def noted(key: Any, **more: Any) -> Result:
        if key.kind == MACHINES:
            names.append(key.name)
        return await reconcile(key, **more)

    world.controller._machines.reconcile = noted  # type: ignore[method-assign]
    return names


async def line_up(world: LineWorld, numbers: Iterable[int]) -> None:
    """Machines that wait, one after the other."""
    for number in numbers:
        world.add_machine(f"m-{number}")
        await asyncio.sleep(A_WHILE)


def test_the_longest_first_and_no_more_than_there_are_entries() -> None:
    async def test(world: LineWorld) -> None:
        await line_up(world, reversed(range(9)))
        looks = looked_at(world)
        world.add_entry("a")
        world.add_entry("b")
        await asyncio.sleep(A_WHILE)
        assert {world.holder("a"), world.holder("b")} == {"m-8", "m-7"}
        # The one behind them, too: what has become of the pool is told to whoever is first by then.
        assert set(looks) <= {"m-8", "m-7", "m-6"}

    runs(test)


def test_what_helps_nobody_wakes_one() -> None:
    async def test(world: LineWorld) -> None:
        world.add_entry("a")
        await line_up(world, range(9))
        looks = looked_at(world)
        world.annotate(ENTRIES, "a", {"note": "it is held all the same"})
        await asyncio.sleep(A_WHILE)
        assert set(looks) <= {"m-0", "m-1"}  # who holds it, and the first in line

    runs(test)


def test_one_that_fails_is_passed_over() -> None:
    async def test(world: LineWorld) -> None:
        await line_up(world, range(4))
        world.server.broken |= {"m-0", "m-1"}
        world.add_entry("a")
        await asyncio.sleep(A_WHILE)
        assert world.holder("a") == "m-2"
        # They are not out of the line: what is wrong may have passed.
        world.server.broken.clear()
        world.add_entry("b")
        await asyncio.sleep(A_WHILE)
        assert world.holder("b") == "m-0"

    runs(test)


def test_one_that_goes_at_that_moment_leaves_it_to_the_next() -> None:
    async def test(world: LineWorld) -> None:
        await line_up(world, range(3))
        world.add_entry("a")
        await asyncio.sleep(0.006)
        world.delete(MACHINES, "m-0")
        world.annotate(MACHINES, "m-1", {PAUSED_ANNOTATION: ""})
        await asyncio.sleep(A_WHILE)
        world.free("a")
        await asyncio.sleep(A_WHILE)
        assert world.holder("a") == "m-2"

    runs(test)


def test_a_silent_host_is_tried_again_whoever_knew_of_it() -> None:
    async def test(world: LineWorld) -> None:
        world.add_entry("a")
        await line_up(world, range(3))
        world.delete(MACHINES, "m-0")
        world.falls_silent("a")
        await asyncio.sleep(A_WHILE)
        world.delete(MACHINES, "m-1")
        await asyncio.sleep(100.0)
        assert world.holder("a") == "m-2"

    runs(test)


@pytest.mark.parametrize("change", ["address", "port"])
def test_a_machine_that_was_at_the_host_goes_elsewhere(change: str) -> None:
    """A change of an object that holds no entry of this pool, and waits for none."""

    async def test(world: LineWorld) -> None:
        other = machine("other", "uid-other", Phase.PROVISIONED, pool="", address="a.example.org")
        other["spec"]["port"] = 22
        world.server.put(other)
        world.add_entry("a")
        await line_up(world, range(2))
        assert world.holder("a") == ""
        world.controller._synced = True
        elsewhere = {"address": "b.example.org", "port": 2222}
        world.change(MACHINES, "other", {"spec": {change: elsewhere[change]}})
        await asyncio.sleep(A_WHILE)
        assert world.holder("a") == "m-0"

    runs(test)


@pytest.mark.parametrize("how", ["moved", "gone", "clean"])
def test_whoever_waits_for_a_host_hears_that_it_is_free(how: str) -> None:
    """A machine with an address of its own, and an entry of the pool, whatever has become of the one that was there."""

    async def test(world: LineWorld) -> None:
        user = machine("user", "uid-user", Phase.PROVISIONED, pool="", address="a.example.org")
        world.server.put(user)
        world.server.put(machine("waits", "uid-waits", pool="", address="a.example.org"))
        world.add_entry("a")
        await asyncio.sleep(A_WHILE)
        world.controller._synced = True
        heard: list[ObjectKey] = []
        world.controller.queue.add = lambda key, after=0.0: heard.append(key)  # type: ignore[method-assign]
        if how == "moved":
            world.change(MACHINES, "user", {"spec": {"address": "b.example.org"}})
        elif how == "gone":
            world.delete(MACHINES, "user")
        else:
            annotations = machine("user", "uid-user", Phase.CLEAN)["metadata"]["annotations"]
            world.annotate(MACHINES, "user", annotations)
        await asyncio.sleep(A_WHILE)
        assert {ObjectKey(MACHINES, "default", "waits"), ObjectKey(ENTRIES, "default", "a")} <= set(heard)

    runs(test)


NAMES = st.sampled_from(["0", "1", "2", "3"])
ACTS: dict[str, Callable[[LineWorld, str], Any]] = {
    "a machine is made": lambda world, name: world.add_machine(f"m-{name}"),
    "a machine is deleted": lambda world, name: world.delete(MACHINES, f"m-{name}"),
    "a machine is paused": lambda world, name: world.annotate(MACHINES, f"m-{name}", {PAUSED_ANNOTATION: ""}),
    "a machine goes on": lambda world, name: world.annotate(MACHINES, f"m-{name}", {PAUSED_ANNOTATION: None}),
    "a machine gets an address": lambda world, name: world.change(
        MACHINES, f"m-{name}", {"spec": {"address": "m.example.org"}}
    ),
    "a machine breaks": lambda world, name: world.server.broken.add(f"m-{name}"),
    "an entry is made": lambda world, name: world.add_entry(f"e-{name}"),
    "an entry is freed": lambda world, name: world.free(f"e-{name}"),
    "an entry is deleted": lambda world, name: world.delete(ENTRIES, f"e-{name}"),
    "an entry is paused": lambda world, name: world.annotate(ENTRIES, f"e-{name}", {PAUSED_ANNOTATION: ""}),
    "an entry goes on": lambda world, name: world.annotate(ENTRIES, f"e-{name}", {PAUSED_ANNOTATION: None}),
    "the key is lost": lambda world, name: world.delete("Secret", "key"),
    "the key is back": lambda world, name: world.server.put(
        {"kind": "Secret", "metadata": {"name": "key", "namespace": "default", "uid": f"uid-{world.now()}"}}
    ),
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ACTS)), NAMES, st.sampled_from([0.0, 0.004, 0.013, 3.0])), max_size=40)
)
@settings(max_examples=150, deadline=None)
def test_nobody_waits_while_there_is_an_entry(script: list[tuple[str, str, float]]) -> None:
    async def test(world: LineWorld) -> None:
        for act, name, pause in script:
            ACTS[act](world, name)
            await asyncio.sleep(pause)
        await asyncio.sleep(A_WHILE)
        free = [name_of(raw) for raw in world.controller.cache.by(ENTRIES, "default", By.AVAILABLE, "p")]
        assert not free or not [name_of(raw) for raw in world.machines() if could_take(raw, world)]

    runs(test)


def could_take(raw: Raw, world: LineWorld) -> bool:
    waits = not raw["spec"].get("address") and PAUSED_ANNOTATION not in annotations_of(raw)
    return waits and name_of(raw) not in world.server.broken
