"""Why a host's key is believed, and what is contacted where none is known."""

from __future__ import annotations

from typing import Any

from capra.kube.client.resources import POOLED_REMOTE_MACHINES, REMOTE_MACHINES
from capra.model.machine import HostKeyPolicy
from capra.testing.hosts import HOST_KEY
from tests.component.controller.world import World, condition

ADDRESS = "192.0.2.10"


def spec(**more: Any) -> dict[str, Any]:
    return {"address": ADDRESS, "sshKeyRef": {"name": "key"}, **more}


async def test_a_key_of_a_first_contact_is_told_and_kept(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", spec())
        raw = await world.provisioned("m")
        told = condition(raw, "HostKeyTrusted")
        assert (told["status"], told["reason"]) == ("True", "FirstUse")


async def test_a_strict_controller_contacts_nobody_without_a_key(world: World) -> None:
    await world.cluster()
    async with world.controller(host_key_policy=HostKeyPolicy.STRICT):
        await world.machine("m", spec())
        raw = await world.waits("m", "HostKeyNotPinned", "is needed with --host-key-policy=strict")
        told = condition(raw, "HostKeyTrusted")
        assert (told["status"], told["reason"]) == ("False", "HostKeyNotPinned")
        assert world.hosts.requests == []
        await world.patch(REMOTE_MACHINES, "m", {"spec": {"hostKeys": [HOST_KEY]}})
        told = condition(await world.provisioned("m"), "HostKeyTrusted")
        assert (told["status"], told["reason"]) == ("True", "Pinned")


async def test_a_strict_controller_probes_nobody_without_a_key(world: World) -> None:
    await world.cluster()
    async with world.controller(host_key_policy=HostKeyPolicy.STRICT, probe_interval=0.5):
        await world.entry("e", ADDRESS)
        raw = await world.until(
            POOLED_REMOTE_MACHINES, "e", lambda raw: condition(raw, "Reachable").get("status") == "False"
        )
        told = condition(raw, "Reachable")
        assert told["reason"] == "HostKeyNotPinned"
        assert told["message"].startswith("spec.machine.hostKeys is needed")
        assert world.hosts.requests == []
        await world.patch(POOLED_REMOTE_MACHINES, "e", {"spec": {"machine": {"hostKeys": [HOST_KEY]}}})
        await world.until(POOLED_REMOTE_MACHINES, "e", lambda raw: condition(raw, "Fit").get("status") == "True")
