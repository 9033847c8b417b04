"""A world of its own for every test, in a namespace of an API server that the tests of one process share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.component.controller.world import World, connected
from tests.controlplane import ControlPlane
from tests.controlplane.fixtures import namespace, own_control_plane, shared_control_plane

__all__ = ["namespace", "own_control_plane", "shared_control_plane"]


@pytest_asyncio.fixture
async def world(shared_control_plane: ControlPlane, namespace: str) -> AsyncIterator[World]:
    async with connected(str(shared_control_plane.kubeconfig), namespace) as made:
        await made.secrets()
        yield made
