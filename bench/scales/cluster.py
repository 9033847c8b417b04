"""What the bench writes to the management cluster, in the place of people and of Cluster API's own controllers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

from capra.kube.client.resources import REMOTE_MACHINES, Resource
from tests.component.controller.world import World

WRITERS = 16
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


async def prepare(world: World, entries: int) -> None:
    """A Cluster, the Secrets, and a pool."""
    await world.secrets()
    await world.cluster()
    await _all(world.entry(f"e-{n}", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(entries))


async def create(world: World, machines: int) -> None:
    """Machines that take their hosts from the pool."""
    await _all(world.machine(f"m-{n}", {"pool": "p"}) for n in range(machines))


async def delete(world: World, machines: int) -> None:
    """All of them, as Cluster API would: one by one."""
    await _all(world.delete(REMOTE_MACHINES, f"m-{n}") for n in range(machines))


async def lease(world: World) -> tuple[float, int]:
    """Seconds since it was last renewed, and how often it has changed hands."""
    [found] = await world.all(LEASES)
    renewed = datetime.fromisoformat(found["spec"]["renewTime"].replace("Z", "+00:00"))
    return (datetime.now(UTC) - renewed).total_seconds(), int(found["spec"].get("leaseTransitions") or 0)


async def _all(work: Iterable[Coroutine[Any, Any, object]]) -> None:
    """So many at once, in order."""
    left = iter(work)

    async def worker() -> None:
        for one in left:
            await one

    await asyncio.gather(*(worker() for _ in range(WRITERS)))
