"""RemoteClusters get their endpoint and status from the Cluster that owns them, and no patch that changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from capra.controller.reconcilers.cluster import ClusterReconciler
from capra.kube.client.resources import ObjectKey, Raw
from capra.model.machine import GROUP
from tests.unit.kube.store_world import NOW, StoreWorld

KEY = ObjectKey("RemoteCluster", "default", "c")
OWNER = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "uid-owner"}


def _cluster(**spec: Any) -> Raw:
    spec["infrastructureRef"] = {"apiGroup": GROUP, "kind": "RemoteCluster", "name": "c"}
    return {"kind": "Cluster", "metadata": {"name": "c", "namespace": "default", "uid": "uid-owner"}, "spec": spec}


def _world(cluster: Raw | None, **spec: Any) -> tuple[StoreWorld, ClusterReconciler]:
    metadata = {"name": "c", "namespace": "default", "uid": "uid-c", "generation": 1, "ownerReferences": [OWNER]}
    world = StoreWorld({"kind": "RemoteCluster", "metadata": metadata, "spec": spec})
    if cluster is not None:
        world.put(cluster)
    writer: Any = world.store._writer
    return world, ClusterReconciler(world.cache, writer, lambda: NOW)


def _conditions(world: StoreWorld) -> dict[str, str]:
    status = world.get("RemoteCluster", "c").get("status") or {}
    return {one["type"]: one["status"] for one in status.get("conditions", ())}


def test_the_endpoint_of_the_owner_is_copied_and_told() -> None:
    world, reconciler = _world(_cluster(controlPlaneEndpoint={"host": "192.0.2.1", "port": 6443}))
    asyncio.run(reconciler.reconcile(KEY))
    raw = world.get("RemoteCluster", "c")
    assert raw["spec"]["controlPlaneEndpoint"] == {"host": "192.0.2.1", "port": 6443}
    assert (raw["status"]["ready"], raw["status"]["initialization"]) == (True, {"provisioned": True})
    assert _conditions(world)["Ready"] == "True"


def test_a_second_look_writes_nothing() -> None:
    world, reconciler = _world(_cluster(controlPlaneEndpoint={"host": "192.0.2.1", "port": 6443}))
    asyncio.run(reconciler.reconcile(KEY))
    patches = world.server.patches
    world.cache.put("RemoteCluster", world.get("RemoteCluster", "c"))
    asyncio.run(reconciler.reconcile(KEY))
    assert world.server.patches == patches


def test_without_its_owner_nothing_is_provisioned() -> None:
    world, reconciler = _world(None)
    asyncio.run(reconciler.reconcile(KEY))
    assert not (world.get("RemoteCluster", "c").get("status") or {}).get("ready")


def test_a_paused_cluster_is_left_alone_but_says_so() -> None:
    endpoint = {"host": "192.0.2.1", "port": 6443}
    world, reconciler = _world(_cluster(paused=True, controlPlaneEndpoint=endpoint))
    asyncio.run(reconciler.reconcile(KEY))
    assert "controlPlaneEndpoint" not in world.get("RemoteCluster", "c")["spec"]
    assert _conditions(world)["Paused"] == "True"
