"""Where the control plane is reached: who says so, and what Capra does about it."""

from __future__ import annotations

import pytest

from capra.kube.client.resources import CONTROL_PLANE_LABEL, REMOTE_CLUSTERS, REMOTE_MACHINES
from tests.component.controller.remote_clusters import ENDPOINT, OTHER, owned, ready, settled
from tests.component.controller.world import CLUSTERS, MACHINES, World, condition, is_provisioned


@pytest.mark.parametrize("late", [False, True])
async def test_the_endpoint_of_the_cluster_is_passed_on(world: World, late: bool) -> None:
    await world.cluster(ready=False, controlPlaneEndpoint=None if late else ENDPOINT)
    async with world.controller():
        await owned(world)
        if late:
            assert not (await ready(world))["spec"].get("controlPlaneEndpoint")
            await world.patch(CLUSTERS, "c", {"spec": {"controlPlaneEndpoint": ENDPOINT}})
        raw = await world.until(
            REMOTE_CLUSTERS,
            "c",
            lambda raw: raw["spec"].get("controlPlaneEndpoint") == ENDPOINT and is_provisioned(raw),
        )
        raw = await settled(world)
        assert condition(raw, "Ready")["observedGeneration"] == raw["metadata"]["generation"]


async def test_an_endpoint_that_differs_is_not_fought_over(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world, {"controlPlaneEndpoint": OTHER})
        raw = await ready(world)
        assert raw["spec"]["controlPlaneEndpoint"] == OTHER
        # Nor with a control plane provider that writes another one later.
        written = await world.patch(REMOTE_CLUSTERS, "c", {"spec": {"controlPlaneEndpoint": OTHER | {"port": 8443}}})
        raw = await settled(world)
        assert raw["spec"]["controlPlaneEndpoint"] == written["spec"]["controlPlaneEndpoint"]
        assert is_provisioned(raw)


async def test_an_endpoint_that_is_wrong_is_named_and_mended(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world, {"controlPlaneEndpoint": {"host": "https://example.org/", "port": 6443}})
        raw = await ready(world, "InvalidEndpoint")
        message = condition(raw, "Ready")["message"]
        assert "spec.controlPlaneEndpoint.host must be" in message
        assert "'https://example.org/'" in message
        assert is_provisioned(raw)
        await world.patch(REMOTE_CLUSTERS, "c", {"spec": {"controlPlaneEndpoint": OTHER}})
        assert condition(await ready(world), "Ready")["status"] == "True"


async def test_half_an_endpoint_is_named(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world, {"controlPlaneEndpoint": {"host": "192.0.2.1"}})
        raw = await ready(world, "InvalidEndpoint")
        assert "spec.controlPlaneEndpoint.port is required beside host 192.0.2.1" in condition(raw, "Ready")["message"]
        assert raw["spec"]["controlPlaneEndpoint"] == {"host": "192.0.2.1"}


async def test_what_a_control_plane_provider_writes_stays(world: World) -> None:
    """K0smotronControlPlane sets the endpoint and may say that it is provisioned, before Capra looks or after."""
    await world.cluster(ready=False, controlPlaneEndpoint=None)
    await world.create(REMOTE_CLUSTERS, "c", {})
    provisioned = {"status": {"ready": True, "initialization": {"provisioned": True}}}
    await world.patch(REMOTE_CLUSTERS, "c", provisioned, "status")
    await world.patch(REMOTE_CLUSTERS, "c", {"spec": {"controlPlaneEndpoint": OTHER}})
    async with world.controller():
        raw = await ready(world, "WaitingForCluster")
        assert is_provisioned(raw)
        assert raw["spec"]["controlPlaneEndpoint"] == OTHER


async def test_a_control_plane_machine_without_an_endpoint_says_so_and_is_provisioned(world: World) -> None:
    await world.cluster(controlPlaneEndpoint=None)
    async with world.controller():
        await owned(world)
        spec = {"address": "192.0.2.10", "sshKeyRef": {"name": "key"}}
        await world.machine("m", spec)
        await world.machine("n", spec | {"address": "192.0.2.11"})
        await world.patch(MACHINES, "n", {"metadata": {"labels": {CONTROL_PLANE_LABEL: ""}}})
        kind = "ControlPlaneEndpointAvailable"
        raw = await world.until(REMOTE_MACHINES, "n", lambda raw: is_provisioned(raw) and bool(condition(raw, kind)))
        assert condition(raw, kind)["status"] == "False"
        assert "Cluster c has no spec.controlPlaneEndpoint" in condition(raw, kind)["message"]
        assert condition(raw, "Ready")["status"] == "True"
        assert not condition(await world.provisioned("m"), kind)
        await world.patch(CLUSTERS, "c", {"spec": {"controlPlaneEndpoint": ENDPOINT}})
        await world.until(REMOTE_MACHINES, "n", lambda raw: condition(raw, kind)["status"] == "True")
