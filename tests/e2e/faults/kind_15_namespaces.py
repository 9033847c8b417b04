"""Kind 15: what another namespace says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from capra.kube.client.resources import EVENTS, POOLED_REMOTE_MACHINES, QUARANTINED, REMOTE_MACHINES, WATCH_FILTER_LABEL
from capra.testing import FakeHosts
from tests.component.controller.world import connected
from tests.controlplane import ControlPlane
from tests.e2e.faults.cases import scenario

ADDRESS = "192.0.2.15"
MINE = {WATCH_FILTER_LABEL: "kind-15"}
EVERYWHERE: dict[str, Any] = {"namespace": "", "watch_filter": "kind-15"}


@scenario("another namespace's claim")
def another_namespace(shared_control_plane: ControlPlane) -> None:
    """One controller for both namespaces; b's entry is never found clean."""
    asyncio.run(_another_namespace(shared_control_plane))


async def _another_namespace(plane: ControlPlane) -> None:
    hosts, kubeconfig = FakeHosts(), str(plane.kubeconfig)
    names = plane.namespace("a"), plane.namespace("b")
    async with connected(kubeconfig, names[0]) as a, connected(kubeconfig, names[1]) as b:
        for world in (a, b):
            world.hosts = hosts
            await world.secrets()
            await world.cluster()
        await b.entry("liar-of-b", ADDRESS, labels=MINE, annotations={QUARANTINED: "says so"})
        spec = {"address": ADDRESS, "sshKeyRef": {"name": "key"}}
        hosts.fail(ADDRESS)  # the cleanup of what is said to be in quarantine
        async with a.controller(**EVERYWHERE):
            await b.entry_state("liar-of-b", "Quarantined")
            await a.entry("e", ADDRESS, labels=MINE)
            assert (await a.entry_state("e", "Available"))["status"].get("message") is None
            await a.machine("pooled", {"pool": "p"}, labels=MINE)
            await a.provisioned("pooled")
            await a.delete(REMOTE_MACHINES, "pooled")
            await a.until_gone(REMOTE_MACHINES, "pooled")
            await a.machine("direct", spec, labels=MINE)
            await a.provisioned("direct")
            objects = [*await a.all(REMOTE_MACHINES), *await a.all(POOLED_REMOTE_MACHINES)]
            told = json.dumps([[raw.get("status") for raw in objects], [raw["message"] for raw in await a.all(EVENTS)]])
    assert not any(name in told for name in ("liar-of-b", names[1]))
