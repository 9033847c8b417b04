"""A world of its own for every test, in a namespace of an API server that the tests of one process share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.component.controller.workload import WorkloadCluster
from tests.component.controller.world import World, connected
from tests.controlplane import ControlPlane
from tests.controlplane.fixtures import bring_up, namespace, own_control_plane, shared_control_plane

__all__ = ["namespace", "own_control_plane", "shared_control_plane"]


@pytest.fixture(scope="module")
def second_control_plane() -> Iterator[ControlPlane]:
    """Of workload clusters; for the tests of one file."""
    with bring_up() as plane:
        yield plane


@pytest.fixture
def workload(second_control_plane: ControlPlane) -> WorkloadCluster:
    """A workload cluster without Nodes."""
    made = WorkloadCluster(second_control_plane)
    made.clear()
    return made


@pytest_asyncio.fixture
async def world(shared_control_plane: ControlPlane, namespace: str) -> AsyncIterator[World]:
    async with connected(str(shared_control_plane.kubeconfig), namespace) as made:
        await made.secrets()
        yield made
