"""RemoteClusters against a real API server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capra.kube.client.resources import REMOTE_CLUSTERS, WATCH_FILTER_LABEL, Raw
from capra.model.machine import MANAGED_BY_ANNOTATION, PAUSED_ANNOTATION
from tests.component.controller.remote_clusters import ENDPOINT, owned, ready, settled, version
from tests.component.controller.world import CLUSTERS, World, condition, is_provisioned, owner_reference

V1BETA1 = replace(REMOTE_CLUSTERS, version="v1beta1")


async def test_provisioned_at_once_and_told_in_both_versions(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world)
        raw = await ready(world)
        assert is_provisioned(raw)
        assert condition(raw, "Ready")["status"] == "True"
        assert condition(raw, "Paused")["status"] == "False"
        assert condition(raw, "Paused")["reason"] == "NotPaused"
        assert not raw["metadata"].get("finalizers")
        assert (await world.get(V1BETA1, "c"))["status"]["ready"] is True


async def test_waits_for_its_cluster(world: World) -> None:
    async with world.controller():
        await world.create(REMOTE_CLUSTERS, "c", {})
        raw = await ready(world, "WaitingForCluster")
        assert "spec.infrastructureRef must name it" in condition(raw, "Ready")["message"]
        assert not is_provisioned(raw)
        cluster = await world.cluster(ready=False)
        assert not is_provisioned(await settled(world))
        await world.patch(REMOTE_CLUSTERS, "c", {"metadata": {"ownerReferences": [owner_reference(cluster)]}})
        assert is_provisioned(await ready(world))


async def test_a_cluster_that_comes_after_its_reference(world: World) -> None:
    """As when clusterctl or a restored backup makes the owned object first."""
    cluster = await world.cluster(ready=False)
    reference = owner_reference(cluster)
    await world.delete(CLUSTERS, "c")
    async with world.controller():
        await world.create(REMOTE_CLUSTERS, "c", {}, ownerReferences=[reference])
        raw = await ready(world, "WaitingForCluster")
        assert "waiting for Cluster c" in condition(raw, "Ready")["message"]
        await world.cluster(ready=False)
        assert is_provisioned(await ready(world))


async def test_paused_by_the_cluster_and_by_itself(world: World) -> None:
    await world.cluster(ready=False, paused=True)
    async with world.controller():
        await owned(world)
        by_cluster = "Cluster spec.paused is set to true"
        raw = await paused(world, by_cluster)
        assert [one["type"] for one in raw["status"]["conditions"]] == ["Paused"]
        assert not is_provisioned(raw)
        assert not raw["spec"].get("controlPlaneEndpoint")
        await world.annotate(REMOTE_CLUSTERS, "c", {PAUSED_ANNOTATION: "false"})
        by_annotation = "RemoteCluster has the cluster.x-k8s.io/paused annotation"
        await paused(world, f"{by_cluster}, {by_annotation}")
        await world.patch(CLUSTERS, "c", {"spec": {"paused": None}})
        await paused(world, by_annotation)
        await world.annotate(REMOTE_CLUSTERS, "c", {PAUSED_ANNOTATION: None})
        raw = await ready(world)
        assert is_provisioned(raw)
        assert condition(raw, "Paused")["status"] == "False"
        assert raw["spec"]["controlPlaneEndpoint"] == ENDPOINT


async def paused(world: World, message: str) -> Raw:
    await world.until(REMOTE_CLUSTERS, "c", lambda raw: condition(raw, "Paused").get("message") == message)
    raw = await settled(world)
    assert condition(raw, "Paused")["status"] == "True"
    assert condition(raw, "Paused")["reason"] == "Paused"
    assert condition(raw, "Paused")["observedGeneration"] == raw["metadata"]["generation"]
    return raw


async def test_pausing_keeps_what_was_told_before(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world)
        before = await ready(world)
        await world.patch(CLUSTERS, "c", {"spec": {"paused": True}})
        after = await paused(world, "Cluster spec.paused is set to true")
        assert is_provisioned(after)
        assert condition(after, "Ready") == condition(before, "Ready")


@pytest.mark.parametrize("value", ["k0smotron", "", "false"])
async def test_what_others_manage_is_not_touched(world: World, value: str) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        made = await owned(world, annotations={MANAGED_BY_ANNOTATION: value})
        assert version(await settled(world)) == version(made)
        await world.patch(CLUSTERS, "c", {"spec": {"paused": True}})
        assert version(await settled(world)) == version(made)
        await world.delete(REMOTE_CLUSTERS, "c")
        await world.until_gone(REMOTE_CLUSTERS, "c")


async def test_nothing_is_written_twice(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world)
        first = await ready(world)
        # Each of these has it looked at again.
        await world.annotate(CLUSTERS, "c", {"example.org/look": "again"})
        assert version(await settled(world)) == version(first)
    async with world.controller(sync_period=0.3):
        assert version(await settled(world)) == version(first)


async def test_the_conditions_of_others_stay(world: World) -> None:
    await world.cluster(ready=False)
    foreign = {
        "type": "Somebody",
        "status": "True",
        "reason": "Else",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    await owned(world)
    await world.patch(REMOTE_CLUSTERS, "c", {"status": {"conditions": [foreign]}}, "status")
    async with world.controller():
        assert condition(await ready(world), "Somebody") == foreign


async def test_deletion_goes_through_at_once(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world)
        await ready(world)
        await world.delete(REMOTE_CLUSTERS, "c")
        await world.until_gone(REMOTE_CLUSTERS, "c", patience=1)


async def test_deletion_that_waits_for_somebody_else_is_left_to_them(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await owned(world, finalizers=["example.org/finalizer"])
        await ready(world)
        await world.delete(REMOTE_CLUSTERS, "c")
        deleting = await world.get(REMOTE_CLUSTERS, "c")
        await world.patch(CLUSTERS, "c", {"spec": {"paused": True}})
        assert version(await settled(world)) == version(deleting)
        await world.patch(REMOTE_CLUSTERS, "c", {"metadata": {"finalizers": None}})
        await world.until_gone(REMOTE_CLUSTERS, "c")


async def test_only_what_the_watch_filter_lets_through(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller(watch_filter="mine"):
        made = await owned(world, labels={WATCH_FILTER_LABEL: "yours"})
        assert version(await settled(world)) == version(made)
        await world.patch(REMOTE_CLUSTERS, "c", {"metadata": {"labels": {WATCH_FILTER_LABEL: "mine"}}})
        assert is_provisioned(await ready(world))
