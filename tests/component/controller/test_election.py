"""Several controllers with one Lease, against a real API server: one acts, and another goes on where it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import yaml

from capra.controller.controller import Controller
from capra.controller.leadership.election import Election, LostLeadership
from capra.controller.leadership.lease import LEASE_NAME, LEASES
from capra.controller.operator import operate
from capra.controller.serving.metrics import Metrics
from capra.engine.ports import ProgressListener
from capra.kube.client.api import Api
from capra.kube.client.connection import client_config, configure, connect
from capra.kube.client.resources import REMOTE_MACHINES
from capra.model.run import RunRequest, RunResult
from capra.settings import ControllerSettings
from tests.component.controller.world import PATIENCE, World
from tests.support.leases import Stage
from tests.support.proxy import Proxy, proxy
from tests.support.waiting import holds_soon

DURATION, DEADLINE, PERIOD = 8.0, 3.0, 0.5
"""Seconds; the work has as long to end as with the values that hold by default."""


@dataclass
class Replica:
    """One controller, with its own connection to the API server and to the same hosts."""

    name: str
    world: World
    stage: Stage
    kubeconfig: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    exits: list[int] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    """Addresses of the hosts that it has contacted."""

    async def lead(self) -> None:
        """As controller/main.py."""
        settings = ControllerSettings(
            namespace=self.world.namespace,
            leader_elect=True,
            leader_elect_lease_duration=DURATION,
            leader_elect_renew_deadline=DEADLINE,
            leader_elect_retry_period=PERIOD,
        )
        configuration = await configure(self.kubeconfig)
        async with connect(configuration) as connection:

            async def work() -> None:
                self.stage.enter(self.name)
                try:
                    found = partial(client_config, configuration)
                    await operate(Controller(settings, Api(connection), self, Metrics()), found, self.world.namespace)
                finally:
                    self.stage.leave(self.name)

            namespace = self.world.namespace
            await Election(connection, settings, namespace, self.name, end_process=self.exits.append).lead(
                work, self.stop
            )

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """As a runner."""
        self.hosts.append(request.connection.address)
        return await self.world.hosts.run(request, listener)


@contextlib.asynccontextmanager
async def replica(
    world: World, stage: Stage, name: str, kubeconfig: str = ""
) -> AsyncIterator[tuple[Replica, asyncio.Task[None]]]:
    """One at work, or waiting for it; ended without giving the Lease back if it is still there in the end."""
    made = Replica(name, world, stage, kubeconfig or world.kubeconfig)
    leading = asyncio.create_task(made.lead())
    try:
        yield made, leading
    finally:
        leading.cancel()
        await asyncio.wait({leading})


async def until_at_work(stage: Stage, name: str) -> float:
    """When it began."""
    await holds_soon(lambda: name in stage.at_work, f"{name} is at work", PATIENCE)
    return stage.when(name, "began")


async def until_contacted(by: Replica) -> None:
    """Until it has a run under way."""
    await holds_soon(lambda: bool(by.hosts), "a run is under way", PATIENCE)


async def holder(world: World) -> str:
    return str((await world.get(LEASES, LEASE_NAME))["spec"].get("holderIdentity"))


async def machine(world: World, name: str, address: str) -> None:
    await world.machine(name, {"address": address, "sshKeyRef": {"name": "key"}})


@pytest.fixture
async def over_a_proxy(world: World, tmp_path: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy to the API server, and a kubeconfig that goes through it."""
    raw = yaml.safe_load(Path(world.kubeconfig).read_text())  # noqa: ASYNC240  # a small file
    where = raw["clusters"][0]["cluster"]
    async with proxy(int(where["server"].rpartition(":")[2])) as made:
        where["server"] = f"https://127.0.0.1:{made.port}"
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(raw))
        yield made, str(tmp_path / "kubeconfig")


async def test_one_acts_and_the_other_follows_at_once_when_the_lease_is_given_back(world: World) -> None:
    await world.cluster()
    stage = Stage()
    async with replica(world, stage, "a") as (first, leading):
        await until_at_work(stage, "a")
        async with replica(world, stage, "b") as (second, _):
            await machine(world, "m", "192.0.2.10")
            await world.provisioned("m")
            await asyncio.sleep(DURATION)
            assert stage.at_work == ["a"]
            assert await holder(world) == "a"
            first.stop.set()
            async with asyncio.timeout(PATIENCE):
                await leading
            began = await until_at_work(stage, "b")
            assert began - stage.when("a", "ended") < DURATION, "b has waited until the Lease was over"
            await machine(world, "n", "192.0.2.11")
            await world.provisioned("n")
            assert (first.hosts, second.hosts) == (["192.0.2.10"], ["192.0.2.11"])
    assert not stage.together


async def test_another_goes_on_with_what_one_that_died_has_begun(world: World) -> None:
    await world.cluster()
    world.hosts["192.0.2.10"].hung = True
    stage = Stage()
    async with replica(world, stage, "a") as (first, leading):
        await until_at_work(stage, "a")
        async with replica(world, stage, "b") as (second, _):
            await machine(world, "m", "192.0.2.10")
            await until_contacted(first)
            leading.cancel()
            await asyncio.wait({leading})
            assert await holder(world) == "a"
            world.hosts["192.0.2.10"].hung = False
            began = await until_at_work(stage, "b")
            assert stage.when("a", "ended") < began
            await world.provisioned("m")
            assert (first.hosts, second.hosts) == (["192.0.2.10"], ["192.0.2.10"])
            assert list(world.hosts["192.0.2.10"].bootstraps.values()) == [1]
    assert not stage.together
    assert not world.hosts.violations


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nobody answers that a connection ends
async def test_one_that_has_lost_the_api_server_ends_its_work_before_another_begins(
    world: World, over_a_proxy: tuple[Proxy, str]
) -> None:
    await world.cluster()
    network, kubeconfig = over_a_proxy
    world.hosts["192.0.2.10"].hung = True
    stage = Stage()
    async with replica(world, stage, "a", kubeconfig) as (first, leading):
        await until_at_work(stage, "a")
        async with replica(world, stage, "b") as (second, _):
            await machine(world, "m", "192.0.2.10")
            await until_contacted(first)
            network.freeze()
            await asyncio.wait({leading}, timeout=PATIENCE)
            assert not first.exits, "the work was to end by itself"
            assert isinstance(leading.exception(), LostLeadership)
            began = await until_at_work(stage, "b")
            assert stage.when("a", "ended") < began
            world.hosts["192.0.2.10"].hung = False
            await world.provisioned("m")
            assert second.hosts == ["192.0.2.10"]
            # What was held back is too late to do harm.
            network.thaw()
            raw = await world.get(REMOTE_MACHINES, "m")
            await asyncio.sleep(1)
            assert (await world.get(REMOTE_MACHINES, "m"))["status"] == raw["status"]
            assert await holder(world) == "b"
    assert not stage.together
    assert not world.hosts.violations
    gc.collect()
