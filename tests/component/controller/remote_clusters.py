"""What the tests of RemoteClusters share."""

from __future__ import annotations

import asyncio
from typing import Any

from capra.kube.client.resources import REMOTE_CLUSTERS, Raw
from tests.component.controller.world import CLUSTERS, World, condition, owner_reference

ENDPOINT = {"host": "198.51.100.1", "port": 6443}
"""Of `World.cluster`."""
OTHER = {"host": "api.example.org", "port": 443}
SETTLED = 0.5
"""Seconds after which everything that follows from a change has been written."""


async def owned(world: World, spec: Any = None, **metadata: Any) -> Raw:
    """A RemoteCluster `c` of the Cluster `c`, as Cluster API's controller leaves it."""
    owner = await world.get(CLUSTERS, "c")
    return await world.create(REMOTE_CLUSTERS, "c", spec or {}, ownerReferences=[owner_reference(owner)], **metadata)


async def ready(world: World, reason: str = "Ready") -> Raw:
    """Until the RemoteCluster's Ready has this reason, and everything that belongs to it is written."""
    await world.until(REMOTE_CLUSTERS, "c", lambda raw: condition(raw, "Ready").get("reason") == reason)
    return await settled(world)


async def settled(world: World) -> Raw:
    await asyncio.sleep(SETTLED)
    return await world.get(REMOTE_CLUSTERS, "c")


def version(raw: Raw) -> str:
    return str(raw["metadata"]["resourceVersion"])
