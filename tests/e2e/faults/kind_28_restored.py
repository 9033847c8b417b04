"""Kind 28: an etcd that was restored from a backup."""

from __future__ import annotations

import asyncio

from capra.kube.client.resources import POOLED_REMOTE_MACHINES, REMOTE_MACHINES
from capra.testing import FakeHosts
from tests.component.controller.world import World, connected
from tests.controlplane import ControlPlane
from tests.e2e.faults.cases import scenario
from tests.support.waiting import holds_soon

OBJECTS, VERSIONS = 100, 5_000
PATIENCE = 60.0
KEY = {"sshKeyRef": {"name": "key"}}


@scenario("etcd restored")
def restored(shared_control_plane: ControlPlane) -> None:
    """Noticed by how the watches have ended: the synchronisation by time is ten minutes away."""
    asyncio.run(_restored(shared_control_plane))


async def _restored(plane: ControlPlane) -> None:
    hosts = FakeHosts()
    async with connected(str(plane.kubeconfig), plane.namespace()) as world:
        world.hosts = hosts
        await world.secrets()
        await world.cluster()
        async with world.controller():
            await world.machine("old", {"address": "192.0.2.1", **KEY})
            await world.provisioned("old")
        await asyncio.to_thread(plane.keep_state)
        async with world.controller(may_end=True) as process:
            await asyncio.to_thread(plane.age, VERSIONS)
            await _newer(world)
            cache = process.controller.cache
            await holds_soon(lambda: len(list(cache.all(POOLED_REMOTE_MACHINES.kind))) == OBJECTS, "all are known")

            await asyncio.to_thread(plane.go_back)

            async with asyncio.timeout(PATIENCE):
                while list(process.controller.cache.all(POOLED_REMOTE_MACHINES.kind)):
                    await asyncio.sleep(0.2)
            assert process.controller.cache.get(REMOTE_MACHINES.kind, world.namespace, "new") is None
            assert process.endings
            # What is written now has lower versions than what was known: it is seen at once, by watches, too.
            await world.entry("later", "192.0.2.3")
            await world.machine("pooled", {"pool": "p"})
            await world.provisioned("pooled", PATIENCE)
            # Deleted in what is forgotten, and there again.
            await world.delete(REMOTE_MACHINES, "old")
            await world.until_gone(REMOTE_MACHINES, "old", PATIENCE)
            await world.entry_state("later", "Reserved", PATIENCE)
    assert hosts["192.0.2.1"].cleanups == 2
    assert not hosts.violations


async def _newer(world: World) -> None:
    """What the backup does not know."""
    await world.machine("new", {"address": "192.0.2.2", **KEY})
    await asyncio.gather(*(world.entry(f"e-{number}", f"198.51.100.{number}", "q") for number in range(OBJECTS)))
    await world.provisioned("new")
    await world.delete(REMOTE_MACHINES, "old")
    await world.until_gone(REMOTE_MACHINES, "old")
    for number in (0, OBJECTS - 1):
        await world.entry_state(f"e-{number}", "Available")
