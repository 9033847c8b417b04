"""An API server that answers 409, 429, 500 or nothing, drops watches, or is gone for a while: the controller goes on by
itself, and nothing runs twice. Each test says that its fault was met: only the controller goes through the proxy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from capra.kube.client.resources import HOLDER, POOLED_REMOTE_MACHINES, REMOTE_MACHINES
from tests.component.controller.world import World, connected
from tests.controlplane import ControlPlane
from tests.controlplane.crds import install_capra, install_cluster_api
from tests.controlplane.faults import Fault, FaultyServer, faulty
from tests.support.waiting import holds_soon

ADDRESS = "192.0.2.10"
SPEC = {"address": ADDRESS, "sshKeyRef": {"name": "key"}}
POOL = {"pool": "p"}
WATCHES = 6
"""Five kinds and the Secrets."""


@pytest.fixture
def proxy(shared_control_plane: ControlPlane) -> Iterator[FaultyServer]:
    with faulty(shared_control_plane) as made:
        yield made


@pytest.fixture
def through(proxy: FaultyServer, shared_control_plane: ControlPlane, tmp_path: Path) -> str:
    """A kubeconfig that leads through the proxy."""
    path = tmp_path / "kubeconfig"
    path.write_text(shared_control_plane.kubeconfig_text(server=proxy.server))
    return str(path)


async def _watched(proxy: FaultyServer) -> None:
    await holds_soon(lambda: proxy.watches >= WATCHES, "everything is watched")


def _nothing_ran_twice(world: World) -> None:
    assert not world.hosts.violations
    assert all(set(host.bootstraps.values()) <= {1} for host in world.hosts.hosts.values())


@pytest.mark.parametrize("status", [409, 429, 500, 503])
async def test_writes_that_fail_for_a_while(world: World, proxy: FaultyServer, through: str, status: int) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS)
    headers = {"Retry-After": "1"} if status == 429 else {}
    proxy.add(Fault("PATCH|POST", ".*", status, times=6, headers=headers))
    async with world.controller(kubeconfig=through):
        await world.machine("m", POOL)
        await world.provisioned("m", 60)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert proxy.faults[0].seen == 6
    assert world.hosts[ADDRESS].cleanups == 1
    _nothing_ran_twice(world)


async def test_answers_of_writes_that_are_lost(world: World, proxy: FaultyServer, through: str) -> None:
    """Each write is carried out, and nobody hears of it."""
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller(kubeconfig=through):
        # Every one of the first writes, whichever it is.
        proxy.add(Fault("PATCH", ".*", 0, times=12))
        await world.machine("m", POOL)
        await world.provisioned("m", 90)
        proxy.add(Fault("PATCH", ".*", 0, times=6))
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m", 60)
        await world.entry_state("e", "Available")
    assert [fault.seen for fault in proxy.faults] == [12, 6]
    assert world.hosts[ADDRESS].cleanups == 1
    _nothing_ran_twice(world)


async def test_reads_that_fail_at_the_start(world: World, proxy: FaultyServer, through: str) -> None:
    await world.cluster()
    await world.machine("m", SPEC)
    proxy.add(Fault("GET", ".*", 500, times=15))
    async with world.controller(kubeconfig=through):
        await world.provisioned("m", 60)
    assert proxy.faults[0].seen == 15
    _nothing_ran_twice(world)


async def test_watches_that_are_dropped(world: World, proxy: FaultyServer, through: str) -> None:
    await world.cluster()
    async with world.controller(kubeconfig=through):
        await _watched(proxy)
        for number in range(4):
            await world.machine(f"m-{number}", {**SPEC, "address": f"192.0.2.{number + 1}"})
            proxy.drop_watches()
        for number in range(4):
            await world.provisioned(f"m-{number}", 60)
        assert proxy.dropped >= WATCHES
        # What is deleted while nobody looks is noticed, too.
        await _watched(proxy)
        before = proxy.dropped
        proxy.drop_watches()
        await world.delete(REMOTE_MACHINES, "m-0")
        await world.until_gone(REMOTE_MACHINES, "m-0", 60)
        assert proxy.dropped >= before + WATCHES
    _nothing_ran_twice(world)


@pytest.mark.parametrize("status", [400, 403, 410, 429, 500])
async def test_watches_that_are_refused_for_a_while(
    world: World, proxy: FaultyServer, through: str, status: int
) -> None:
    """At some of them, the controller ends, and is started anew."""
    ends = status in {400, 410}
    await world.cluster()
    async with world.controller(kubeconfig=through, may_end=ends) as process:
        await _watched(proxy)
        proxy.add(Fault("GET", ".*watch=true.*", status, times=8))
        proxy.drop_watches()
        await world.machine("m", SPEC)
        await world.provisioned("m", 90)
        await holds_soon(lambda: proxy.faults[0].seen == 8, "eight watches were refused", 90)
        await world.machine("n", {**SPEC, "address": "192.0.2.11"})
        await world.provisioned("n", 60)
        assert bool(process.endings) == ends
    _nothing_ran_twice(world)


@pytest.mark.parametrize("seed", range(3))
async def test_faults_of_all_kinds_at_random(world: World, proxy: FaultyServer, through: str, seed: int) -> None:
    chance = random.Random(seed)
    await world.cluster()
    for number in range(4):
        await world.entry(f"e-{number}", f"192.0.2.{number + 1}")
    over = asyncio.Event()
    made: list[Fault] = []

    def met() -> list[int]:
        return [fault.status for fault in made if fault.seen]

    async def disturb() -> None:
        while not over.is_set():
            status = chance.choice([0, 0, 409, 429, 500, 504])
            proxy.faults = [Fault("GET|PATCH|POST", ".*", status, chance.randint(1, 3))]
            made.extend(proxy.faults)
            if chance.random() < 0.2:
                proxy.drop_watches()
            await asyncio.sleep(chance.uniform(0.05, 0.6))

    # An answer to a watch that nobody expects ends the controller, which is started anew.
    async with world.controller(kubeconfig=through, may_end=True):
        disturbing = asyncio.create_task(disturb())
        names = [f"m-{number}" for number in range(6)]
        for name in names:
            await world.machine(name, POOL)
        await asyncio.sleep(8)
        for name in names[:3]:
            await world.delete(REMOTE_MACHINES, name)
        await asyncio.sleep(4)
        await holds_soon(lambda: len(met()) > 5 and len(set(met())) > 2, "faults of several kinds were met")
        over.set()
        await disturbing
        proxy.faults = []
        await _watched(proxy)
        proxy.drop_watches()
        for name in names[:3]:
            await world.until_gone(REMOTE_MACHINES, name, 120)
        for name in names[3:]:
            await world.provisioned(name, 120)
    assert len(met()) > 5, met()
    assert len(set(met())) > 2, met()
    assert proxy.dropped >= WATCHES
    holders = [
        (raw["metadata"].get("annotations") or {}).get(HOLDER, "").partition("/")[0]
        for raw in await world.all(POOLED_REMOTE_MACHINES)
    ]
    assert sorted(holder for holder in holders if holder) == names[3:]
    _nothing_ran_twice(world)


@pytest_asyncio.fixture
async def lone_world(own_control_plane: ControlPlane) -> AsyncIterator[World]:
    """On an API server that the test may stop."""
    install_cluster_api(own_control_plane)
    install_capra(own_control_plane)
    async with connected(str(own_control_plane.kubeconfig), own_control_plane.namespace()) as made:
        await made.secrets()
        yield made


async def test_an_api_server_that_restarts(lone_world: World, own_control_plane: ControlPlane) -> None:
    world = lone_world
    await world.cluster()
    world.hosts[ADDRESS].hung = True
    async with world.controller():
        await world.machine("m", SPEC)
        await world.bootstrapping("m")
        await asyncio.to_thread(own_control_plane.stop)
        # The run ends while nobody can be told.
        world.hosts[ADDRESS].hung = False
        done = world.hosts[ADDRESS].bootstraps
        await holds_soon(lambda: list(done.values()) == [1], "the run has ended")
        await asyncio.sleep(3)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", own_control_plane.port)
        await asyncio.to_thread(own_control_plane.start)
        await world.provisioned("m", 90)
        await world.machine("n", {**SPEC, "address": "192.0.2.11"})
        await world.provisioned("n", 60)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m", 60)
    assert list(world.hosts[ADDRESS].bootstraps.values()) == [1]
    _nothing_ran_twice(world)
