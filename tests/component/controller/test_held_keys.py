"""SSH keys outlive the cleanups that need them, in whatever order things are deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from capra.kube.client.resources import (
    POOLED_REMOTE_MACHINES,
    REMOTE_MACHINES,
    SECRETS,
    SSH_KEY_FINALIZER,
    Raw,
    Resource,
)
from tests.component.controller.world import World
from tests.controlplane import ControlPlane

ADDRESS = "192.0.2.20"
DIRECT: dict[str, Any] = {"address": ADDRESS, "sshKeyRef": {"name": "key"}}


def _is_held(raw: Raw) -> bool:
    return SSH_KEY_FINALIZER in raw["metadata"].get("finalizers", ())


def _is_not_held(raw: Raw) -> bool:
    return not _is_held(raw)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("order", ["key first", "key last"])
async def test_a_host_is_cleaned_whatever_is_deleted_first(world: World, order: str, pooled: bool) -> None:
    await world.cluster()
    if pooled:
        await world.entry("e", ADDRESS)
    async with world.controller():
        await world.machine("m", {"pool": "p"} if pooled else DIRECT)
        await world.provisioned("m")
        await world.until(SECRETS, "key", _is_held)
        things: list[tuple[Resource, str]] = [(SECRETS, "key"), (REMOTE_MACHINES, "m")]
        things += [(POOLED_REMOTE_MACHINES, "e")] if pooled else []
        for resource, name in things if order == "key first" else reversed(things):
            await world.delete(resource, name)
        for resource, name in things:
            await world.until_gone(resource, name)
    assert world.hosts[ADDRESS].cleanups == 1
    assert not world.hosts.violations


async def test_a_key_that_is_deleted_stays_until_nobody_names_it(world: World) -> None:
    await world.cluster()
    async with world.controller():
        for name, address in (("m-0", ADDRESS), ("m-1", "192.0.2.21")):
            await world.machine(name, DIRECT | {"address": address})
            await world.provisioned(name)
        await world.delete(SECRETS, "key")
        assert await world.events("key", "SSHKeyInUse") == ["SSHKeyInUse"]
        await world.delete(REMOTE_MACHINES, "m-0")
        await world.until_gone(REMOTE_MACHINES, "m-0")
        await asyncio.sleep(1)
        assert _is_held(await world.get(SECRETS, "key"))
    # Another controller, which has seen none of it, lets it go.
    async with world.controller():
        await world.delete(REMOTE_MACHINES, "m-1")
        await world.until_gone(REMOTE_MACHINES, "m-1")
        await world.until_gone(SECRETS, "key")
    assert [host.cleanups for host in world.hosts.hosts.values()] == [1, 1]


async def test_a_key_that_is_in_use_no_more_is_let_go_and_others_finalizers_stay(world: World) -> None:
    await world.cluster()
    theirs = "example.org/theirs"
    async with world.controller():
        await world.patch(SECRETS, "key", {"metadata": {"finalizers": [theirs]}})
        await world.machine("m", DIRECT)
        held = await world.until(SECRETS, "key", _is_held)
        assert held["metadata"]["finalizers"] == [theirs, SSH_KEY_FINALIZER]
        await world.provisioned("m")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        left = await world.until(SECRETS, "key", _is_not_held)
        assert left["metadata"]["finalizers"] == [theirs]
        # Bootstrap data are nobody's but their owner's.
        assert _is_not_held(await world.get(SECRETS, "data"))
        await world.patch(SECRETS, "key", {"metadata": {"finalizers": []}})


async def test_without_the_right_to_hold_keys_the_work_goes_on(
    world: World, shared_control_plane: ControlPlane, tmp_path: Any
) -> None:
    """The rights of an older version."""
    plane, namespace = shared_control_plane, world.namespace
    plane.kubectl("create", "serviceaccount", "old", "--namespace", namespace)
    rules = {
        "remote": ("get,list,watch,patch", "remotemachines.infrastructure.cluster.x-k8s.io"),
        "status": ("patch", "remotemachines.infrastructure.cluster.x-k8s.io/status"),
        "pools": ("get,list,watch,patch", "pooledremotemachines.infrastructure.cluster.x-k8s.io"),
        "clusters": ("get,list,watch,patch", "remoteclusters.infrastructure.cluster.x-k8s.io"),
        "core": ("get,list,watch,patch", "machines.cluster.x-k8s.io,clusters.cluster.x-k8s.io"),
        "secrets": ("get,list,watch", "secrets"),
        "events": ("create,patch", "events"),
    }
    for name, (verbs, resources) in rules.items():
        plane.kubectl("create", "role", name, f"--verb={verbs}", f"--resource={resources}", "--namespace", namespace)
        words = (f"--role={name}", f"--serviceaccount={namespace}:old", "--namespace", namespace)
        plane.kubectl("create", "rolebinding", name, *words)
    await world.cluster()
    async with world.controller(kubeconfig=str(plane.kubeconfig_for(namespace, "old"))):
        await world.machine("m", DIRECT)
        await world.provisioned("m")
        assert _is_not_held(await world.get(SECRETS, "key"))
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert world.hosts[ADDRESS].cleanups == 1
