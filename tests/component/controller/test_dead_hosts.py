"""Hosts of a pool that do not answer: given back, marked, skipped, tried again."""

from __future__ import annotations

import pytest

from capra.engine import records
from capra.kube.client.resources import POOLED_REMOTE_MACHINES, REMOTE_MACHINES, UNREACHABLE
from capra.kube.objects import silent
from capra.model.retry import RetryPolicy
from tests.component.controller.world import World, condition
from tests.support.waiting import holds_soon


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RUN", RetryPolicy(0.2, 0.2))


async def test_the_machine_takes_the_next_entry(world: World) -> None:
    world.hosts["192.0.2.1"].dead = True
    await world.cluster()
    await world.entry("a-dead", "192.0.2.1", labels={"rack": "dead"}, user="ops")
    await world.entry("b-alive", "192.0.2.2", labels={"rack": "alive"})
    await world.machine("m", {"pool": "p"})
    async with world.controller():
        raw = await world.provisioned("m")
        assert raw["spec"]["address"] == "192.0.2.2"
        assert raw["spec"]["providerID"] == "remote-machine://192.0.2.2:22"
        assert raw["spec"]["user"] == "root"
        assert raw["metadata"]["labels"]["rack"] == "alive"
        entry = await world.entry_state("a-dead", "Unavailable")
        assert "Unreachable since 20" in entry["status"]["message"]
        assert entry["status"]["reserved"] is False
        assert world.hosts["192.0.2.1"].contacts == 3
        await world.events("m", "HostGivenBack")


async def test_two_machines_and_one_dead_host(world: World) -> None:
    world.hosts["192.0.2.1"].dead = True
    await world.cluster()
    for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3")):
        await world.entry(name, address)
    for name in ("m", "n"):
        await world.machine(name, {"pool": "p"})
    async with world.controller():
        found = {(await world.provisioned(name))["spec"]["address"] for name in ("m", "n")}
        assert found == {"192.0.2.2", "192.0.2.3"}
        assert world.hosts["192.0.2.1"].contacts == 3
    assert world.hosts.violations == []


async def test_all_are_dead_and_one_comes_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silent, "SILENT_HOST", RetryPolicy(6, 1800))
    await world.cluster()
    for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2")):
        await world.entry(name, address)
        world.hosts[address].dead = True
    await world.machine("m", {"pool": "p"})
    async with world.controller():
        await world.waits("m", "PoolExhausted", "is not tried again before")
        told = condition(await world.get(REMOTE_MACHINES, "m"), "HostReserved")
        assert told["message"].count("Unreachable since") == 2
        world.hosts["192.0.2.2"].dead = False
        await world.provisioned("m")
        assert world.hosts["192.0.2.2"].contacts == 4
        await world.until(
            POOLED_REMOTE_MACHINES, "b", lambda raw: UNREACHABLE not in raw["metadata"].get("annotations", {})
        )


async def test_once_anything_was_sent_the_machine_stays(world: World) -> None:
    await world.cluster()
    await world.entry("a", "192.0.2.1")
    await world.entry("b", "192.0.2.2")
    world.hosts.fail("192.0.2.1")
    await world.machine("m", {"pool": "p"})
    async with world.controller():
        await world.waits("m", "StepFailed")
        world.hosts["192.0.2.1"].dead = True
        host = world.hosts["192.0.2.1"]
        before = host.contacts
        await holds_soon(lambda: host.contacts >= before + 5, "it is tried five times", 200)
        assert world.hosts["192.0.2.2"].contacts == 0
        world.hosts["192.0.2.1"].dead = False
        assert (await world.provisioned("m"))["spec"]["address"] == "192.0.2.1"
