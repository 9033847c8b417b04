"""Kind 17: every input has a bound, and ends in one error that says which."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from capra.kube.client.resources import REMOTE_MACHINES, Raw
from tests.component.controller.world import condition, connected
from tests.controlplane import ControlPlane
from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.e2e.tree import Tree
from tests.hosts import Host


@scenario("flood")
def flood(host: Host, capra: Capra, case: dict[str, Any]) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=case["given"]["runcmd"]))
    with Tree() as tree:
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert report["outcome"] == "Finished"
    assert tree.peak < 300, tree.largest
    kept = host.ssh("du -sk /var/lib/capra | cut -f1").stdout
    assert int(kept) < 2048


@scenario("sexagesimal")
def sexagesimal(shared_control_plane: ControlPlane) -> None:
    asyncio.run(_sexagesimal(shared_control_plane))


async def _sexagesimal(plane: ControlPlane) -> None:
    async with connected(str(plane.kubeconfig), plane.namespace()) as world:
        await world.cluster()
        await world.secrets()
        await world.secret("long", "#cloud-config\nruncmd: [1" + ":1" * 199_999 + "]\n")
        pauses: list[float] = []
        async with world.controller():
            ticker = asyncio.ensure_future(_measure(pauses))
            started = time.monotonic()
            await world.machine("m", {"address": "192.0.2.10", "sshKeyRef": {"name": "key"}}, data="long")
            raw = await world.until(REMOTE_MACHINES, "m", lambda raw: "runcmd[0]" in _message(raw))
            took = time.monotonic() - started
            ticker.cancel()
    assert _message(raw).count("runcmd[0]") == 1
    assert took < 2.0
    assert max(pauses) < 0.5


async def _measure(pauses: list[float]) -> None:
    """How long the event loop did not turn, each time."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.01)
        pauses.append(time.monotonic() - before - 0.01)


def _message(raw: Raw) -> str:
    return str(condition(raw, "Ready").get("message", ""))
