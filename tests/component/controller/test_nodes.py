"""Nodes of a real API server are given their provider IDs, and never the wrong one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs

from capra.controller.reconcilers import node as reconciler
from capra.kube.client.resources import REMOTE_MACHINES, SECRETS
from capra.model.machine import PAUSED_ANNOTATION
from capra.model.retry import RetryPolicy
from tests.component.controller.workload import WorkloadCluster
from tests.component.controller.world import CLUSTERS, MACHINES, World
from tests.controlplane.fixtures import bring_up

ADDRESS, OTHER = "192.0.2.10", "192.0.2.11"
ID, OTHER_ID = f"remote-machine://{ADDRESS}:22", f"remote-machine://{OTHER}:22"
MACHINE_LABEL = "k0smotron.io/machine-name"


def spec(address: str = ADDRESS) -> dict[str, Any]:
    return {"address": address, "sshKeyRef": {"name": "key"}}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes 10 to 60 seconds takes 0.3 to 0.6 here."""
    monkeypatch.setattr(reconciler, "WORKLOAD_CLUSTER", RetryPolicy(0.3, 0.6))


@pytest.mark.parametrize(
    ("name", "addresses", "labels"),
    [
        ("m", [], {}),
        ("n", [], {MACHINE_LABEL: "m"}),
        (f"host-{ADDRESS}", [], {}),
        ("n", [], {"kubernetes.io/hostname": f"host-{ADDRESS}"}),
        ("n", [("Hostname", f"host-{ADDRESS}")], {}),
        ("n", [("InternalIP", "10.0.0.1"), ("ExternalIP", ADDRESS)], {}),
    ],
    ids=["name", "label", "host name", "hostname label", "Hostname", "address"],
)
@pytest.mark.parametrize("kind", ["K0sWorkerConfig", "KubeadmConfig"])
async def test_a_node_is_found_by(
    world: World,
    workload: WorkloadCluster,
    name: str,
    addresses: list[tuple[str, str]],
    labels: Mapping[str, str],
    kind: str,
) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    workload.node("bystander", ("InternalIP", "10.0.0.99"), ("InternalIP", "127.0.0.1"))
    workload.node(name, *addresses, labels=labels)
    async with world.controller():
        await world.machine("m", spec(), kind=kind)
        await workload.until(name, ID, "m")
    assert workload.get("bystander") == ("", "")


async def test_a_node_that_joins_later_is_waited_for(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    async with world.controller():
        await world.machine("m", spec())
        await workload.until_listed(3)
        workload.node("m")
        await workload.until("m", ID, "m")


async def test_no_requests_once_every_node_has_its_id(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    for name in ("m", "n"):
        workload.node(name)
    async with world.controller() as process:
        await world.machine("m", spec())
        await world.machine("n", spec(OTHER))
        await workload.until("m", ID, "m")
        await workload.until("n", OTHER_ID, "n")
        await asyncio.sleep(1)
        assert workload.requests().count("patch nodes") == 2
        await world.annotate(REMOTE_MACHINES, "m", {"example.org/note": "changed"})
        await world.patch(SECRETS, "c-kubeconfig", {"metadata": {"labels": {"example.org/note": "changed"}}})
        await asyncio.sleep(2)
        assert workload.requests() == []
        assert process.controller.queue.idle
    # A restart forgets: one look, and nothing is written. Once Cluster API has found the Nodes, not even that.
    async with world.controller():
        await workload.until_listed()
        await asyncio.sleep(1)
        assert workload.requests() == []
    for name in ("m", "n"):
        await world.patch(MACHINES, name, {"status": {"nodeRef": {"name": name}}}, "status")
    async with world.controller():
        await asyncio.sleep(1)
        assert workload.requests() == []


async def test_a_node_that_was_deleted_and_comes_back_is_given_it_again(
    world: World, workload: WorkloadCluster
) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    workload.node("m")
    async with world.controller():
        await world.machine("m", spec())
        await workload.until("m", ID, "m")
        workload.clear()
        gone = {
            "type": "NodeHealthy",
            "status": "False",
            "reason": "NodeDeleted",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        await world.patch(MACHINES, "m", {"status": {"nodeRef": {"name": "m"}, "conditions": [gone]}}, "status")
        await workload.until_listed()
        workload.node("m")
        await workload.until("m", ID, "m")


async def test_what_could_be_a_wrong_node_is_left_alone_and_told_once(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    workload.node("a", ("InternalIP", ADDRESS))
    workload.node("b", ("InternalIP", ADDRESS))
    with capture_logs() as logs:
        async with world.controller():
            await world.machine("m", spec())
            await workload.until_listed(4)
            assert workload.get("a") == workload.get("b") == ("", "")
            told = [entry for entry in logs if entry["log_level"] == "warning"]
            assert [entry["why"] for entry in told] == ["any of the Nodes a, b could be its own"]
            # The operator says which.
            workload.label("b", {MACHINE_LABEL: "m"})
            await workload.until("b", ID, "m")
    assert workload.get("a") == ("", "")


async def test_a_node_that_two_machines_claim_is_left_alone(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    workload.node("n", ("InternalIP", ADDRESS), ("ExternalIP", OTHER))
    with capture_logs() as logs:
        async with world.controller():
            await world.machine("m", spec())
            await world.machine("o", spec(OTHER))
            for name in ("m", "o"):
                await world.provisioned(name)
            await workload.kubeconfig(world)
            await workload.until_listed(3)
            told = [entry["why"] for entry in logs if entry["log_level"] == "warning"]
            assert told == ["Node n could also be that of Machine o", "Node n could also be that of Machine m"]
            assert workload.get("n") == ("", "")
            # The other's own Node joins under its name, and so this one is free.
            workload.node("o")
            await workload.until("o", OTHER_ID, "o")
            await workload.until("n", ID, "m")


async def test_the_id_of_another_provider_stays(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    workload.node("m", ("InternalIP", ADDRESS), provider_id="aws:///zone/i-1", labels={MACHINE_LABEL: "m"})
    async with world.controller():
        await world.machine("m", spec())
        await workload.until_listed(3)
        assert workload.get("m") == ("aws:///zone/i-1", "m")
        assert "patch nodes" not in workload.requests()


async def test_a_node_that_has_its_id_is_not_written_to(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    workload.node("n", provider_id=ID)
    async with world.controller():
        await world.machine("m", spec())
        await workload.until_listed()
        await asyncio.sleep(1)
        assert workload.requests() == []
    assert workload.get("n") == (ID, "")


async def test_a_controller_of_k0s_has_a_node_only_where_it_is_told_to(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    workload.node("m")
    async with world.controller():
        await world.machine("m", spec(), kind="K0sControllerConfig")
        await world.provisioned("m")
        await asyncio.sleep(1)
        assert workload.requests() == []
        labels = {"k0smotron.io/control-plane-worker-enabled": "true"}
        await world.patch(MACHINES, "m", {"metadata": {"labels": labels}})
        await workload.until("m", ID, "m")


async def test_nothing_is_done_while_the_cluster_is_paused(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    async with world.controller():
        await world.machine("m", spec())
        await workload.until_listed()
        await world.patch(CLUSTERS, "c", {"spec": {"paused": True}})
        await asyncio.sleep(1)
        workload.node("m")
        workload.requests()
        await asyncio.sleep(1)
        assert workload.requests() == []
        await world.annotate(MACHINES, "m", {PAUSED_ANNOTATION: ""})
        await world.patch(CLUSTERS, "c", {"spec": {"paused": False}})
        await asyncio.sleep(1)
        assert workload.requests() == []
        await world.annotate(MACHINES, "m", {PAUSED_ANNOTATION: None})
        await workload.until("m", ID, "m")


async def test_a_kubeconfig_that_comes_later_is_not_polled_for(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    workload.node("m")
    async with world.controller() as process:
        await world.machine("m", spec())
        await world.provisioned("m")
        await asyncio.sleep(1)
        assert len(process.controller.queue) == 0
        await workload.kubeconfig(world)
        await workload.until("m", ID, "m")


async def test_a_kubeconfig_cannot_run_programs(world: World, workload: WorkloadCluster, tmp_path: Path) -> None:
    await world.cluster()
    workload.node("m")
    ran = tmp_path / "ran"
    text = yaml.safe_load(workload.plane.kubeconfig_text())
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [str(ran)]}
    text["users"][0]["user"]["exec"] = program | {"interactiveMode": "Never"}
    with capture_logs() as logs:
        async with world.controller():
            await workload.kubeconfig(world, yaml.safe_dump(text))
            await world.machine("m", spec())
            await world.provisioned("m")
            await asyncio.sleep(1.5)
            (told,) = (entry for entry in logs if entry["log_level"] == "warning")
            subject = f"Secret {world.namespace}/c-kubeconfig"
            assert told["error"] == f"{subject}: user.exec: is not accepted: programs are not run"
            assert workload.requests() == []
            await world.patch(SECRETS, "c-kubeconfig", {"stringData": {"value": workload.plane.kubeconfig_text()}})
            await workload.until("m", ID, "m")
    assert not ran.exists()


async def test_a_workload_cluster_that_is_away_is_waited_for(world: World) -> None:
    await world.cluster()
    with bring_up() as plane, capture_logs() as logs:
        workload = WorkloadCluster(plane)
        workload.node("m")
        await workload.kubeconfig(world)
        plane.stop()
        async with world.controller() as process:
            await world.machine("m", spec())
            await world.provisioned("m")
            await asyncio.sleep(2)
            assert process.controller.alive
            told = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
            assert told == ["a workload cluster cannot be read"]
            await asyncio.to_thread(plane.start)
            await workload.until("m", ID, "m")


async def test_other_clusters_do_not_wait_for_one_that_is_silent(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await world.cluster("silent")
    await workload.kubeconfig(world)

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    workload.node("m")
    text = workload.plane.kubeconfig_text(server=f"https://127.0.0.1:{port}")
    await workload.kubeconfig(world, text, "silent")
    try:
        async with world.controller():
            await world.machine("s", spec(OTHER))
            await world.patch(MACHINES, "s", {"spec": {"clusterName": "silent"}})
            await world.provisioned("s")
            begun = time.monotonic()
            await world.machine("m", spec())
            await workload.until("m", ID, "m")
            assert time.monotonic() - begun < 25
    finally:
        server.close()
