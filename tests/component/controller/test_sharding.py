"""Two controllers share the machines of one namespace by the label of their watch filters."""

from __future__ import annotations

import asyncio

from capra.kube.client.resources import REMOTE_MACHINES, WATCH_FILTER_LABEL
from capra.model.run import Playbook
from capra.testing import FakeHosts
from tests.component.controller.world import World

MACHINES = 100
SHARDS = ("a", "b")
PATIENCE = 240.0


def shard_of(number: int) -> str:
    return SHARDS[number % 2]


def labels_of(number: int) -> dict[str, str]:
    return {WATCH_FILTER_LABEL: shard_of(number)}


async def test_two_controllers_share_a_hundred_machines(world: World) -> None:
    """Half of them by address, half from one pool; none is handled twice, and none takes an entry of the other."""
    await world.cluster()
    hosts = {shard: FakeHosts() for shard in SHARDS}
    named = range(MACHINES // 2)
    pooled = range(MACHINES // 2, MACHINES)
    async with world.controller(hosts["a"], watch_filter="a"), world.controller(hosts["b"], watch_filter="b"):
        await asyncio.gather(*(world.entry(f"e{n}", f"192.0.2.{n}", labels=labels_of(n)) for n in pooled))
        specs = {n: {"address": f"192.0.2.{n}", "sshKeyRef": {"name": "key"}} for n in named}
        specs |= {n: {"pool": "p"} for n in pooled}
        await asyncio.gather(*(world.machine(f"m{n}", spec, labels=labels_of(n)) for n, spec in specs.items()))
        for n in specs:
            await world.provisioned(f"m{n}", PATIENCE)
        for n in specs:
            await world.delete(REMOTE_MACHINES, f"m{n}")
        for n in specs:
            await world.until_gone(REMOTE_MACHINES, f"m{n}", PATIENCE)
    for shard in SHARDS:
        mine = {f"m{n}" for n in specs if shard_of(n) == shard}
        begun = [one.key.name for one in hosts[shard].requests if one.playbook is Playbook.BOOTSTRAP]
        assert sorted(begun) == sorted(mine)
        assert hosts[shard].violations == []
        assert {host.cleanups for host in hosts[shard].hosts.values()} == {1}
        assert {one.key.name for one in hosts[shard].requests} == mine
    places = [set(one.hosts) for one in hosts.values()]
    assert places[0].isdisjoint(places[1])
    assert sum(map(len, places)) == MACHINES
