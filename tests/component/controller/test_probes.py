"""Hosts of a pool are probed while nobody has them: what does not answer, or is not fit, is not handed out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from capra.kube.client.resources import HOST_KEYS, POOLED_REMOTE_MACHINES, REMOTE_MACHINES, UNREACHABLE, Raw
from capra.kube.objects.silent import dump_silence
from capra.kube.objects.status import moment
from capra.model.machine import IGNORED_FINDINGS_ANNOTATION
from capra.testing.hosts import HOST_KEY
from tests.component.controller.world import World, condition
from tests.support.waiting import holds_soon

INTERVAL = 3.0
FULL = {
    "name": "disk /var/lib",
    "level": "error",
    "value": "17 MiB",
    "message": "17 MiB free below /var/lib",
    "advice": "make room",
}
SWAP = {"name": "swap", "level": "warning", "value": "on", "message": "swap is on", "advice": "switch it off"}


def probed(raw: Raw, **wanted: str) -> bool:
    """The conditions of the last probe have these statuses."""
    return all(condition(raw, kind).get("status") == status for kind, status in wanted.items())


async def until_probed(world: World, name: str, patience: float = 60.0, **wanted: str) -> Raw:
    return await world.until(POOLED_REMOTE_MACHINES, name, lambda raw: probed(raw, **wanted), patience)


async def test_ten_machines_get_the_good_ones_of_twenty(world: World) -> None:
    await world.cluster()
    dead, unfit = {f"192.0.2.{number}" for number in range(5)}, {f"192.0.2.{number}" for number in range(5, 8)}
    for number in range(20):
        await world.entry(f"e-{number:02}", f"192.0.2.{number}")
    for address in dead:
        world.hosts[address].dead = True
    for address in unfit:
        world.hosts[address].findings = [SWAP, FULL]
    async with world.controller(probe_interval=60):
        for number in range(20):
            address = f"192.0.2.{number}"
            wanted = {"Reachable": str(address not in dead)}
            wanted |= {"Fit": "Unknown" if address in dead else str(address not in unfit)}
            await until_probed(world, f"e-{number:02}", 60.0, **wanted)
        for number in range(10):
            await world.machine(f"m-{number}", {"pool": "p"})
        got = {(await world.provisioned(f"m-{number}"))["spec"]["address"] for number in range(10)}
        assert len(got) == 10
        assert not got & (dead | unfit)
        assert {address: world.hosts[address].contacts for address in dead | unfit} == dict.fromkeys(dead | unfit, 0)
        entry = await world.entry_state("e-00", "Unavailable")
        assert "is Unreachable since 20" in entry["status"]["message"]
        assert condition(entry, "Reachable")["reason"] == "Unreachable"
        entry = await world.entry_state("e-05", "Unavailable")
        message = "1 error: disk /var/lib: 17 MiB free below /var/lib: make room"
        assert condition(entry, "Fit")["message"] == message
        assert message in entry["status"]["message"]
        await world.events("e-00", "HostUnreachable")
        await world.events("e-05", "HostUnfit")
        # The two that are left, and then none: who comes too late is told what is in the way.
        for name in ("m-10", "m-11"):
            await world.machine(name, {"pool": "p"})
            await world.provisioned(name)
        await world.machine("m-12", {"pool": "p"})
        raw = await world.waits("m-12", "PoolExhausted", "; by their last probes 5 Unreachable and 3 Unfit")
        assert f"the nearest is e-05: {message}" in condition(raw, "Ready")["message"]
    assert not world.hosts.violations


async def test_a_mended_host_comes_back_within_an_interval(world: World) -> None:
    await world.cluster()
    await world.entry("dead", "192.0.2.1")
    await world.entry("full", "192.0.2.2")
    world.hosts["192.0.2.1"].dead = True
    world.hosts["192.0.2.2"].findings = [FULL]
    async with world.controller(probe_interval=INTERVAL):
        await until_probed(world, "dead", Reachable="False")
        await until_probed(world, "full", Fit="False")
        for name in ("m", "n"):
            await world.machine(name, {"pool": "p"})
            await world.waits(name, "PoolExhausted")
        loop = asyncio.get_running_loop()
        mended = loop.time()
        world.hosts["192.0.2.1"].dead = False
        world.hosts["192.0.2.2"].findings = []
        got = {(await world.provisioned(name))["spec"]["address"] for name in ("m", "n")}
        assert got == {"192.0.2.1", "192.0.2.2"}
        assert loop.time() - mended < INTERVAL + 3  # the bootstrap, on a busy machine
        await world.events("dead", "HostUnreachable", "HostFit")
    assert not world.hosts.violations


async def test_a_host_that_a_machine_has_found_dead_comes_back_when_a_probe_gets_in(world: World) -> None:
    """The mark of the machine's own attempts would keep it back for a minute."""
    await world.cluster()
    await world.entry("e", "192.0.2.1", annotations={UNREACHABLE: _mark("192.0.2.1")})
    async with world.controller(probe_interval=INTERVAL):
        entry = await until_probed(world, "e", Reachable="True", Fit="True")
        assert UNREACHABLE not in entry["metadata"]["annotations"]
        # The key that it has shown first counts from now on.
        assert entry["metadata"]["annotations"][HOST_KEYS] == HOST_KEY
        await world.machine("m", {"pool": "p"})
        assert (await world.provisioned("m"))["spec"]["address"] == "192.0.2.1"
        entry = await world.entry_state("e", "Reserved")
        assert "conditions" not in entry["status"]
    assert not world.hosts.violations


def _mark(address: str) -> str:
    machine: dict[str, Any] = {"address": address, "port": 22}
    return dump_silence({"metadata": {}, "spec": {"machine": machine}}, 4_000_000_000, "timed out")


async def test_without_an_interval_nobody_is_probed_and_nothing_that_probes_have_told_counts(world: World) -> None:
    await world.cluster()
    await world.entry("a", "192.0.2.1")
    await world.entry("b", "192.0.2.2")
    world.hosts["192.0.2.1"].findings = [FULL]
    async with world.controller(probe_interval=INTERVAL):
        await until_probed(world, "a", Fit="False")
    probes = world.hosts["192.0.2.1"].probes
    async with world.controller(probe_interval=0):
        entry = await world.until(POOLED_REMOTE_MACHINES, "a", lambda raw: not raw["status"].get("conditions"))
        assert entry["status"]["state"] == "Available"
        assert "lastProbeTime" not in entry["status"]
        await world.machine("m", {"pool": "p"})
        assert (await world.provisioned("m"))["spec"]["address"] == "192.0.2.1"
        await asyncio.sleep(INTERVAL + 1)
    assert world.hosts["192.0.2.1"].probes == probes
    assert all(not one.probe for one in world.hosts.requests[-1:])


async def test_whoever_takes_an_entry_ends_its_probe(world: World) -> None:
    await world.cluster()
    await world.entry("e", "192.0.2.1")
    host = world.hosts["192.0.2.1"]
    async with world.controller(probe_interval=INTERVAL):
        await until_probed(world, "e", Fit="True")
        host.hung = True
        before = host.probes
        await holds_soon(lambda: host.probes > before and host.busy, "a probe is under way")
        await world.machine("m", {"pool": "p"})
        await world.bootstrapping("m")  # or there would be two runs at once, which is a violation
        host.hung = False
        await world.provisioned("m")
        probes = host.probes
        await asyncio.sleep(INTERVAL + 1)
        assert host.probes == probes
        # Given back, it is probed at once.
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        await until_probed(world, "e", Fit="True")
    assert not world.hosts.violations


async def test_probes_take_no_room_from_runs(world: World) -> None:
    """All probes hang, and the only place for a run is free."""
    await world.cluster()
    for number in range(4):
        await world.entry(f"e-{number}", f"192.0.2.{number}", pool="other")
        world.hosts[f"192.0.2.{number}"].hung = True
    await world.machine("m", {"address": "192.0.2.9", "sshKeyRef": {"name": "key"}})
    async with world.controller(probe_interval=INTERVAL, probe_concurrency=2, concurrency=1):
        await holds_soon(lambda: sum(host.busy for host in world.hosts.hosts.values()) >= 2, "probes are under way")
        await world.provisioned("m")
        assert sum(world.hosts[f"192.0.2.{number}"].probes for number in range(4)) == 2


async def test_another_host_is_probed_at_once(world: World) -> None:
    await world.cluster()
    await world.entry("e", "192.0.2.1")
    world.hosts["192.0.2.1"].dead = True
    async with world.controller(probe_interval=300):
        await until_probed(world, "e", Reachable="False")
        await world.patch(POOLED_REMOTE_MACHINES, "e", {"spec": {"machine": {"address": "192.0.2.2"}}})
        await until_probed(world, "e", 20, Reachable="True", Fit="True")
        assert (await world.entry_state("e", "Available"))["status"].get("message") is None


async def test_a_finding_can_be_ignored(world: World) -> None:
    await world.cluster()
    await world.entry("e", "192.0.2.1", annotations={IGNORED_FINDINGS_ANNOTATION: "swap, disk /var/lib"})
    world.hosts["192.0.2.1"].findings = [FULL]
    async with world.controller(probe_interval=INTERVAL):
        entry = await until_probed(world, "e", Reachable="True", Fit="True")
        assert "17 MiB free" in condition(entry, "Fit")["message"]


@pytest.mark.parametrize("key", ["ssh-ed25519 AAAA", ""])
async def test_a_key_that_is_none_is_told_of_the_entry(world: World, key: str) -> None:
    await world.secret("bad", key)
    await world.cluster()
    await world.entry("e", "192.0.2.1", key="bad")
    async with world.controller(probe_interval=INTERVAL):
        entry = await until_probed(world, "e", Reachable="False", Fit="Unknown")
        told = condition(entry, "Reachable")
        assert told["reason"] == ("InvalidSSHKey" if key else "SSHKeyNotFound")
        assert told["message"].startswith("spec.machine.sshKeyRef.name")
    assert world.hosts.requests == []


async def test_facts_are_told_and_stay_while_the_host_is_away(world: World) -> None:
    await world.cluster()
    await world.entry("e", "192.0.2.1")
    host = world.hosts["192.0.2.1"]
    host.facts = {"os.id": "debian", "os.version": "12", "cpus": "4", "memory": "2031616", "architecture": "aarch64"}
    async with world.controller(probe_interval=INTERVAL):
        entry = await until_probed(world, "e", Fit="True")
        facts = {"os": "debian", "osVersion": "12", "cpus": 4, "memory": "1984Mi", "architecture": "arm64"}
        assert entry["status"]["facts"] == facts
        first = moment(entry["status"]["lastProbeTime"])
        host.dead = True
        entry = await until_probed(world, "e", Reachable="False")
        assert entry["status"]["facts"] == facts
        assert 0 < moment(entry["status"]["lastProbeTime"]) - first <= INTERVAL + 2
