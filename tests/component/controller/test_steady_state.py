"""A hundred machines that are provisioned: nothing is written, and no host is contacted."""

from __future__ import annotations

import asyncio
import os

from capra.controller.queue import WorkQueue
from capra.kube.client.resources import REMOTE_MACHINES
from tests.component.controller.world import World, is_provisioned
from tests.controlplane import ControlPlane
from tests.support.waiting import Wait, holds_soon, wait_until_async

MACHINES = 100
SECONDS = float(os.environ.get("CAPRA_STEADY_STATE_SECONDS", "120"))
ACCOUNT = "controller"


async def test_a_hundred_machines_make_no_write_and_no_contact(
    world: World, shared_control_plane: ControlPlane
) -> None:
    plane, namespace = shared_control_plane, world.namespace
    plane.kubectl("create", "serviceaccount", ACCOUNT, "--namespace", namespace)
    binding = ("create", "clusterrolebinding", namespace, "--clusterrole=cluster-admin")
    plane.kubectl(*binding, f"--serviceaccount={namespace}:{ACCOUNT}")
    user = f"system:serviceaccount:{namespace}:{ACCOUNT}"
    await world.cluster()
    for number in range(MACHINES):
        await world.entry(f"e-{number}", f"198.51.100.{number}")
        await world.machine(f"m-{number}", {"pool": "p"})
    kubeconfig = str(plane.kubeconfig_for(namespace, ACCOUNT))
    # Looked at all over again several times meanwhile.
    async with world.controller(kubeconfig=kubeconfig, sync_period=SECONDS / 5) as process:

        async def all_done() -> bool:
            return all(map(is_provisioned, await world.all(REMOTE_MACHINES)))

        await wait_until_async(all_done, Wait("all machines are provisioned", 300), 1)
        await _rest(process.controller.queue)
        contacts = sum(world.hosts.contacts.values())
        before = len(plane.audit())
        await asyncio.sleep(SECONDS)
        requests = [event for event in plane.audit()[before:] if event["user"]["username"] == user]
        writes = [event for event in requests if event["verb"] not in {"get", "list", "watch"}]
        assert not writes, [(event["verb"], event["requestURI"]) for event in writes[:5]]
        # It was at work all the time: it has read all lists again.
        assert [event for event in requests if event["verb"] == "list"]
        assert sum(world.hosts.contacts.values()) == contacts == MACHINES
    assert not world.hosts.violations


async def _rest(queue: WorkQueue) -> None:
    """Until nothing has been looked at for a second."""
    calm = 0

    def rests() -> bool:
        nonlocal calm
        calm = calm + 1 if queue.idle else 0
        return calm == 20

    await holds_soon(rests, "the queue is idle", pause=0.05)
