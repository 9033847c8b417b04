"""What a cleanup finds on a host and may not remove: told, and no such host goes back to its pool."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.client.resources import POOLED_REMOTE_MACHINES, REMOTE_MACHINES
from capra.model.machine import GIVE_UP_ANNOTATION, CleanUp
from capra.testing import stepped
from tests.component.controller.world import World, condition

ADDRESS = "192.0.2.20"
LEFT = stepped("not_clean", "still on the host: process kubelet, port 10250")
DIRECT: dict[str, Any] = {"address": ADDRESS, "sshKeyRef": {"name": "key"}}
POOL: dict[str, Any] = {"pool": "p"}


async def test_an_entry_with_something_left_is_quarantined_until_somebody_says_what_to_do(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        await world.machine("m", POOL, kind="KubeadmConfig")
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, LEFT, LEFT)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        entry = await world.entry_state("e", "Quarantined")
        assert "process kubelet, port 10250" in entry["status"]["message"]
        assert "set cleanUp of the PooledRemoteMachine to Default" in entry["status"]["message"]
        await world.events("m", "CleanupFailed", "CleanupGivenUp")
        spec = {"machine": {"cleanUp": "Default"}}
        await world.patch(POOLED_REMOTE_MACHINES, "e", {"spec": spec})
        await world.entry_state("e", "Available")
    # Nothing is removed before somebody says so, and then what the bootstrap provider's kind tells.
    assert [one.playbook for one in world.hosts.requests[:2]] == ["bootstrap", "custom_cleanup"]
    assert world.hosts.requests[-1].playbook == "kubeadm_cleanup"
    assert not world.hosts.violations


async def test_a_host_of_no_pool_is_looked_at_and_let_go(world: World) -> None:
    """What is left is told: the machine goes, as it does with the reference, and its host can be used again."""
    await world.cluster()
    async with world.controller():
        await world.machine("m", DIRECT, kind="RKE2Config")
        await world.provisioned("m")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert [one.playbook for one in world.hosts.requests] == ["bootstrap", "custom_cleanup"]
    assert world.hosts.requests[-1].variables["custom_cleanup_verify"] == "nothing"


async def test_what_the_machine_says_of_its_cleanup_counts_in_quarantine(world: World) -> None:
    """The machine has gone when its entry is cleaned."""
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        await world.machine("m", POOL | {"cleanUp": "Default"}, kind="KubeadmConfig")
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, LEFT)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until(
            REMOTE_MACHINES, "m", lambda raw: condition(raw, "CleanupSucceeded").get("reason") == "HostNotClean"
        )
        await world.annotate(REMOTE_MACHINES, "m", {GIVE_UP_ANNOTATION: ""})
        await world.until_gone(REMOTE_MACHINES, "m")
        await world.entry_state("e", "Available")
    assert {one.playbook for one in world.hosts.requests[1:]} == {"kubeadm_cleanup"}


@pytest.mark.parametrize("given", [{"cleanUp": "Default"}, {"cleanUpCommands": ["true"]}])
async def test_what_is_left_by_a_cleanup_that_was_to_remove_it_holds_the_machine(
    world: World, given: dict[str, Any]
) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", DIRECT | given, kind="KThreesConfig")
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, LEFT)
        await world.delete(REMOTE_MACHINES, "m")
        raw = await world.until(
            REMOTE_MACHINES, "m", lambda raw: condition(raw, "CleanupSucceeded").get("reason") == "HostNotClean"
        )
        assert "process kubelet" in condition(raw, "CleanupSucceeded")["message"]
        await world.until_gone(REMOTE_MACHINES, "m")
    wanted = "custom_cleanup" if "cleanUpCommands" in given else "k3s_cleanup"
    assert [one.playbook for one in world.hosts.requests] == ["bootstrap", wanted, wanted]


async def test_a_default_for_the_whole_controller(world: World) -> None:
    await world.cluster()
    async with world.controller(default_clean_up=CleanUp.DEFAULT):
        await world.machine("m", DIRECT, kind="KubeadmConfig")
        await world.provisioned("m")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert world.hosts.requests[-1].playbook == "kubeadm_cleanup"
