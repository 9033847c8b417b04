"""What k0smotron's provider has provisioned goes on under Capra: adopted without a run, cleaned when it is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from capra.kube.client.resources import FINALIZER, POOLED_REMOTE_MACHINES, REMOTE_CLUSTERS, REMOTE_MACHINES
from capra.model.machine import GROUP
from tests.component.controller.world import MACHINES, World, condition, connected, is_provisioned, owner_reference
from tests.component.crds.test_upgrade import reference_crds, wait
from tests.controlplane import ControlPlane
from tests.controlplane.crds import install_capra, install_cluster_api

DIRECT, POOLED = "192.0.2.1", "192.0.2.2"
COMMANDS = {"v1beta1": "customCleanUpCommands", "v1beta2": "cleanUpCommands"}


@pytest_asyncio.fixture
async def old_world(own_control_plane: ControlPlane) -> AsyncIterator[World]:
    """With Cluster API, and nothing of ours."""
    install_cluster_api(own_control_plane)
    async with connected(str(own_control_plane.kubeconfig), own_control_plane.namespace()) as made:
        await made.secrets()
        yield made


async def _provisioned_by_k0smotron(world: World, plane: ControlPlane, name: str, version: str, spec: Any) -> None:
    """As its controller leaves a machine, with the owner that Cluster API has set."""
    await world.machine(name, {}, kind="K0sWorkerConfig")
    owner = await world.get(MACHINES, name)
    await world.delete(REMOTE_MACHINES, name)
    path = f"/apis/{GROUP}/{version}/namespaces/{world.namespace}/remotemachines"
    spec = {**spec, "providerID": f"remote-machine://{spec['address']}:22", "sshKeyRef": {"name": "key"}}
    metadata = {"name": name, "finalizers": [FINALIZER], "ownerReferences": [owner_reference(owner)]}
    body = {"apiVersion": f"{GROUP}/{version}", "kind": "RemoteMachine", "metadata": metadata, "spec": spec}
    plane.request("POST", path, body)
    status: dict[str, Any] = {"addresses": [{"type": "ExternalIP", "address": spec["address"]}]}
    if version == "v1beta1":
        status["ready"] = True
    else:
        status["initialization"] = {"provisioned": True}
        now = "2026-01-01T00:00:00Z"
        told = {"status": "True", "reason": "BootstrapExecSucceeded", "message": "", "lastTransitionTime": now}
        status["conditions"] = [{"type": "BootstrapExecSucceeded", **told}]
    plane.request("PATCH", f"{path}/{name}/status", {"status": status})


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
async def test_objects_of_the_reference_are_adopted_and_cleaned(
    old_world: World, own_control_plane: ControlPlane, version: str
) -> None:
    world, plane = old_world, own_control_plane
    # No webhook converts here: an object is kept whole only in the version that is stored.
    plane.apply(reference_crds(version), "--server-side")
    wait(plane)
    await world.cluster()
    group = f"/apis/{GROUP}/{version}/namespaces/{world.namespace}"
    entry = {
        "apiVersion": f"{GROUP}/{version}",
        "kind": "PooledRemoteMachine",
        "metadata": {"name": "e"},
        "spec": {
            "pool": "p",
            "machine": {"address": POOLED, "sshKeyRef": {"name": "key"}, COMMANDS[version]: ["wipe"]},
        },
    }
    plane.request("POST", f"{group}/pooledremotemachines", entry)
    reserved = {"reserved": True, "machineRef": {"name": "pooled", "namespace": world.namespace}}
    plane.request("PATCH", f"{group}/pooledremotemachines/e/status", {"status": reserved})
    await _provisioned_by_k0smotron(world, plane, "direct", version, {"address": DIRECT})
    pooled = {"address": POOLED, "pool": "p", COMMANDS[version]: ["wipe"]}
    await _provisioned_by_k0smotron(world, plane, "pooled", version, pooled)

    install_capra(plane, "--force-conflicts")
    async with world.controller():
        for name in ("direct", "pooled"):
            raw = await world.until(REMOTE_MACHINES, name, lambda raw: condition(raw, "Ready").get("status") == "True")
            assert is_provisioned(raw)
            assert raw["metadata"]["finalizers"] == [FINALIZER]
        held = await world.entry_state("e", "Reserved")
        assert held["status"]["machineRef"]["name"] == "pooled"
        # Nobody else gets the entry meanwhile.
        await world.machine("new", {"pool": "p"})
        await world.waits("new", "PoolExhausted", "e is reserved by pooled")
        assert not world.hosts.requests

        for name in ("direct", "pooled"):
            await world.delete(REMOTE_MACHINES, name)
            await world.until_gone(REMOTE_MACHINES, name)
            await world.events(name, "Adopted")
        assert world.hosts[DIRECT].cleanups == 1
        assert world.hosts[POOLED].commands == [["wipe"]]
        assert world.hosts.requests[0].variables["k0s_cleanup_role"] == "worker"
        assert (await world.provisioned("new"))["spec"]["address"] == POOLED
    assert not world.hosts.violations
    assert await world.all(REMOTE_CLUSTERS) == []
    assert len(await world.all(POOLED_REMOTE_MACHINES)) == 1
