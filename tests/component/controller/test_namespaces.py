"""What the objects of one namespace say does not count in another: only the host itself does. And one host under two
names, where the host tells."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from capra.kube.client.resources import (
    EVENTS,
    POOLED_REMOTE_MACHINES,
    QUARANTINED,
    REMOTE_MACHINES,
    WATCH_FILTER_LABEL,
    Raw,
)
from capra.model.machine import TAKE_OVER_ANNOTATION
from tests.component.controller.world import World, condition, connected
from tests.controlplane import ControlPlane

FIRST, SECOND = "192.0.2.10", "192.0.2.11"
MINE = {WATCH_FILTER_LABEL: "test-namespaces"}
"""The controller looks at all namespaces, of which other tests have some."""

EVERYWHERE: dict[str, Any] = {"namespace": "", "watch_filter": MINE[WATCH_FILTER_LABEL]}


def direct(address: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "sshKeyRef": {"name": "key"}, **more}


@pytest_asyncio.fixture
async def other(shared_control_plane: ControlPlane) -> AsyncIterator[World]:
    """Another namespace, with the same hosts."""
    place = shared_control_plane.namespace()
    async with connected(str(shared_control_plane.kubeconfig), place) as made:
        await made.secrets()
        yield made


async def _told(world: World) -> str:
    """All that the namespace is told: status and events."""
    objects = [*await world.all(REMOTE_MACHINES), *await world.all(POOLED_REMOTE_MACHINES)]
    return json.dumps([[raw.get("status") for raw in objects], [raw["message"] for raw in await world.all(EVENTS)]])


async def test_unproven_claims_of_another_namespace(world: World, other: World) -> None:
    for place in (world, other):
        await place.cluster()
        place.hosts = world.hosts
    await other.entry("liar", FIRST, labels=MINE, annotations={QUARANTINED: "says so"})
    await other.machine("pretender", direct(SECOND, providerID=f"remote-machine://{SECOND}:22"), labels=MINE)
    await other.create(REMOTE_MACHINES, "unseen", direct(FIRST, providerID=f"remote-machine://{FIRST}:22"))
    await world.entry("e", FIRST, labels=MINE)
    async with world.controller(**EVERYWHERE):
        await world.machine("pooled", {"pool": "p"}, labels=MINE)
        await world.machine("direct", direct(SECOND), labels=MINE)
        await world.provisioned("pooled")
        await world.provisioned("direct")
        told = await _told(world)
    assert not any(name in told for name in ("liar", "pretender", "unseen", other.namespace))


async def test_a_host_that_another_namespace_really_uses(world: World, other: World) -> None:
    """The host says so. The machine is told of another namespace, not of its objects; deleting it touches nothing; its
    entry is handed out again after the other one's cleanup."""
    for place in (world, other):
        await place.cluster()
        place.hosts = world.hosts
    world.hosts.remember = True
    world.hosts.names[f"[::ffff:{FIRST}]:22"] = f"{FIRST}:22"
    async with world.controller(**EVERYWHERE):
        theirs = await other.machine("theirs", direct(FIRST), labels=MINE)
        await other.provisioned("theirs")
        await world.entry("e", f"::ffff:{FIRST}", labels=MINE)
        await world.machine("mine", {"pool": "p"}, labels=MINE)
        uid = theirs["metadata"]["uid"]
        await world.waits("mine", "HostClaimed", f"is used by a machine of another namespace (UID {uid}) since ")
        assert condition(await world.get(REMOTE_MACHINES, "mine"), "SSHReachable")["status"] == "True"
        told = await _told(world)
        assert not any(name in told for name in ("theirs", other.namespace))
        await world.delete(REMOTE_MACHINES, "mine")
        await world.until_gone(REMOTE_MACHINES, "mine")
        entry = await world.entry_state("e", "Quarantined")
        assert "the host was left alone" in entry["status"]["message"]
        await world.events("mine", "CleanupGivenUp")
        assert other.hosts[FIRST].cleanups == 0
        told = await _told(world)
        assert not any(name in told for name in ("theirs", other.namespace))
        await other.delete(REMOTE_MACHINES, "theirs")
        await other.until_gone(REMOTE_MACHINES, "theirs")
        await world.entry_state("e", "Available")
    assert world.hosts[FIRST].cleanups == 2
    assert not world.hosts.violations


async def test_a_claim_that_goes_lets_in_who_waits_in_another_namespace(world: World, other: World) -> None:
    """The host told of the claim, and the host is asked again."""
    for place in (world, other):
        await place.cluster()
        place.hosts = world.hosts
    world.hosts.remember = True
    world.hosts.names["node-0.example.org:22"] = f"{FIRST}:22"
    async with world.controller(**EVERYWHERE):
        await other.machine("theirs", direct(FIRST), labels=MINE)
        await other.provisioned("theirs")
        await world.machine("mine", direct("node-0.example.org"), labels=MINE)
        await world.waits("mine", "HostClaimed", "is used by a machine of another namespace")
        await other.delete(REMOTE_MACHINES, "theirs")
        await other.until_gone(REMOTE_MACHINES, "theirs")
        await world.provisioned("mine")
    assert world.hosts[FIRST].cleanups == 1
    assert not world.hosts.violations


async def test_one_host_under_two_names(world: World) -> None:
    """Two spellings of one address are found here; what cannot be found here is told by the host, with the name."""
    await world.cluster()
    world.hosts.remember = True
    world.hosts.names["node-0.example.org:22"] = f"{FIRST}:22"
    async with world.controller():
        await world.machine("first", direct(FIRST))
        await world.provisioned("first")
        await world.machine("spelled", direct(f"::ffff:{FIRST}"))
        await world.waits("spelled", "HostInUse", f"RemoteMachine {world.namespace}/first uses the host")
        await world.machine("named", direct("node-0.example.org"))
        await world.waits("named", "HostClaimed", f"is used by {world.namespace}/first (UID ")
        for name in ("spelled", "named"):
            await world.delete(REMOTE_MACHINES, name)
            await world.until_gone(REMOTE_MACHINES, name)
        assert world.hosts[FIRST].cleanups == 0
        assert (await world.provisioned("first"))["status"]["phase"] == "Provisioned"
        await world.delete(REMOTE_MACHINES, "first")
        await world.until_gone(REMOTE_MACHINES, "first")
    assert world.hosts[FIRST].cleanups == 1
    assert f"{FIRST}:22" in world.hosts.hosts
    assert not world.hosts.violations


async def test_a_host_is_taken_over_by_name(world: World) -> None:
    """The first machine's cleanup was given up: the next one at that host is told, and may be let in."""
    await world.cluster()
    world.hosts.remember = True
    async with world.controller():
        first: Raw = await world.machine("first", direct(FIRST))
        await world.provisioned("first")
        world.hosts.fail(FIRST)
        await world.annotate(REMOTE_MACHINES, "first", {"capra.infrastructure.cluster.x-k8s.io/give-up-cleanup": ""})
        await world.delete(REMOTE_MACHINES, "first")
        await world.until_gone(REMOTE_MACHINES, "first")
        await world.machine("next", direct(FIRST))
        await world.waits("next", "HostClaimed", f"is used by {world.namespace}/first (UID {first['metadata']['uid']})")
        await world.annotate(REMOTE_MACHINES, "next", {TAKE_OVER_ANNOTATION: f"{world.namespace}/other"})
        await world.until(REMOTE_MACHINES, "next", lambda raw: world.hosts[FIRST].contacts >= 3)
        await world.waits("next", "HostClaimed")
        await world.annotate(REMOTE_MACHINES, "next", {TAKE_OVER_ANNOTATION: first["metadata"]["uid"]})
        await world.provisioned("next")
        await world.delete(REMOTE_MACHINES, "next")
        await world.until_gone(REMOTE_MACHINES, "next")
    assert world.hosts[FIRST].cleanups == 1


async def test_a_vanished_holders_host_is_cleaned_as_its(world: World, monkeypatch: Any) -> None:
    """The entry of a machine that is gone without a cleanup is cleaned by the UID that the host knows."""
    monkeypatch.setattr("capra.kube.stores.pool_entries.VANISHED_PATIENCE", 0.5)
    await world.cluster()
    world.hosts.remember = True
    await world.entry("e", FIRST)
    async with world.controller():
        made = await world.machine("m", {"pool": "p"})
        await world.provisioned("m")
        await world.patch(REMOTE_MACHINES, "m", {"metadata": {"finalizers": None}})
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        await world.until(POOLED_REMOTE_MACHINES, "e", lambda raw: world.hosts[FIRST].cleanups == 1)
        await world.entry_state("e", "Available")
    cleanup = world.hosts.requests[-1]
    assert cleanup.variables["k0s_cleanup_uid"] == made["metadata"]["uid"]
