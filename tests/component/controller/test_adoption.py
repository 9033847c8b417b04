"""Nodes of a real API server are adopted by RemoteMachines; their hosts exist only in memory."""

from __future__ import annotations

from typing import Any

import pytest

from capra.engine.adoption import adopting
from capra.kube.client.resources import EVENTS, POOLED_REMOTE_MACHINES, REMOTE_MACHINES, Raw
from capra.model.machine import ADOPT_ANNOTATION
from capra.model.run import Playbook
from tests.component.controller.workload import NODES, WorkloadCluster
from tests.component.controller.world import PATIENCE, World, condition
from tests.support.waiting import Wait, wait_until_async

ADDRESS = "192.0.2.10"
ID = "0123456789abcdef0123456789abcdef"
NAME = f"host-{ADDRESS}"
WORKER = {"machine_id": ID, "here.services": "k0sworker", "here.processes": "k0s kubelet", "address": ADDRESS}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopting, "LOOK_AGAIN", 0.5)


def joins(workload: WorkloadCluster, machine_id: str = ID, ready: str = "True", name: str = NAME) -> None:
    """A Node with the machine ID of its host."""
    workload.node(name, ("InternalIP", ADDRESS))
    status = {"nodeInfo": {"machineID": machine_id}, "conditions": [{"type": "Ready", "status": ready}]}
    workload.plane.request("PATCH", f"{NODES}/{name}/status", {"status": status})


def spec() -> dict[str, Any]:
    return {"address": ADDRESS, "sshKeyRef": {"name": "key"}}


async def adopted(world: World, name: str = "m") -> Raw:
    return await world.until(REMOTE_MACHINES, name, lambda raw: condition(raw, "Ready").get("status") == "True")


async def waits(world: World, reason: str) -> str:
    """The message of the machine that waits, or fails, for this reason."""
    raw = await world.until(REMOTE_MACHINES, "m", lambda raw: condition(raw, "Ready").get("reason") == reason)
    return str(condition(raw, "Ready")["message"])


async def test_a_node_is_adopted_and_cleaned_like_any_other(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    joins(workload)
    world.hosts[ADDRESS].facts = WORKER
    async with world.controller():
        # The data are the workload cluster's kubeconfig: Cluster API asks for some, and nobody reads them.
        await world.machine("m", spec(), data="c-kubeconfig", annotations={ADOPT_ANNOTATION: "Adopt"})
        raw = await adopted(world)
        assert raw["spec"]["providerID"] == f"remote-machine://{ADDRESS}:22"
        assert {one.playbook for one in world.hosts.requests} == {Playbook.PREFLIGHT}
        await workload.until(NAME, f"remote-machine://{ADDRESS}:22", "m")

        async def announced() -> bool:
            return any(one["reason"] == "Adopted" for one in await world.all(EVENTS))

        await wait_until_async(announced, Wait("an event tells it", PATIENCE))
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert world.hosts[ADDRESS].cleanups == 1
    assert {one.playbook for one in world.hosts.requests} == {Playbook.PREFLIGHT, Playbook.K0S_CLEANUP}
    assert world.hosts.violations == []


async def test_another_hosts_node_is_refused_until_that_is_mended(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    joins(workload, "f" * 32)
    world.hosts[ADDRESS].facts = WORKER
    async with world.controller():
        await world.machine("m", spec(), annotations={ADOPT_ANNOTATION: "Adopt"})
        assert "it is another host's Node" in await waits(world, "AdoptionRefused")
        workload.plane.request("PATCH", f"{NODES}/{NAME}/status", {"status": {"nodeInfo": {"machineID": ID}}})
        await adopted(world)
    assert {one.playbook for one in world.hosts.requests} == {Playbook.PREFLIGHT}


async def test_who_waits_adopts_a_node_that_joins_later(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    async with world.controller():
        await world.machine("m", spec(), annotations={ADOPT_ANNOTATION: "Wait"})
        assert "no Kubernetes runs on" in await waits(world, "WaitingForNode")
        world.hosts[ADDRESS].facts = WORKER
        joins(workload, ready="False")
        await world.until(REMOTE_MACHINES, "m", lambda raw: "is not Ready" in condition(raw, "Ready")["message"])
        ready = [{"type": "Ready", "status": "True"}]
        workload.plane.request("PATCH", f"{NODES}/{NAME}/status", {"status": {"conditions": ready}})
        await adopted(world)
    assert {one.playbook for one in world.hosts.requests} == {Playbook.PREFLIGHT}


async def test_a_cluster_that_cannot_be_asked_is_waited_for(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    world.hosts[ADDRESS].facts = WORKER
    joins(workload)
    async with world.controller():
        await world.machine("m", spec(), annotations={ADOPT_ANNOTATION: "Adopt"})
        assert "the workload cluster cannot be asked for its Node" in await waits(world, "WaitingForNode")
        await workload.kubeconfig(world)
        await adopted(world)


async def test_an_entry_says_that_its_host_is_adopted(world: World, workload: WorkloadCluster) -> None:
    await world.cluster()
    await workload.kubeconfig(world)
    joins(workload)
    world.hosts[ADDRESS].facts = WORKER
    async with world.controller():
        await world.entry("e", ADDRESS, annotations={ADOPT_ANNOTATION: "Adopt"})
        await world.machine("m", {"pool": "p"})
        raw = await adopted(world)
        assert raw["spec"]["address"] == ADDRESS
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        entry = await world.get(POOLED_REMOTE_MACHINES, "e")
        assert not (entry.get("status") or {}).get("reserved")
    assert world.hosts[ADDRESS].bootstraps == {}
    assert world.hosts[ADDRESS].cleanups == 1


async def test_a_machine_outlives_the_entry_that_said_so(world: World, workload: WorkloadCluster) -> None:
    """Its running host is never bootstrapped."""
    await world.cluster()
    world.hosts[ADDRESS].facts = WORKER
    joins(workload)
    async with world.controller():
        await world.entry("e", ADDRESS, annotations={ADOPT_ANNOTATION: "Adopt"})
        await world.machine("m", {"pool": "p"})
        await waits(world, "WaitingForNode")  # there is no kubeconfig
        await world.delete(POOLED_REMOTE_MACHINES, "e")
        await world.until_gone(POOLED_REMOTE_MACHINES, "e")
        await workload.kubeconfig(world)
        await adopted(world)
    assert world.hosts[ADDRESS].bootstraps == {}


async def test_one_host_is_adopted_once(world: World, workload: WorkloadCluster) -> None:
    """By whatever addresses two machines know it."""
    await world.cluster()
    await workload.kubeconfig(world)
    joins(workload)
    other = "192.0.2.11"
    world.hosts.names[f"{other}:22"] = f"{ADDRESS}:22"
    world.hosts[ADDRESS].facts = {**WORKER, "hostname": NAME}
    async with world.controller():
        await world.machine("m", spec(), annotations={ADOPT_ANNOTATION: "Adopt"})
        await adopted(world)
        await world.machine("n", spec() | {"address": other}, annotations={ADOPT_ANNOTATION: "Adopt"})
        await world.waits("n", "AdoptionRefused", f"RemoteMachine {world.namespace}/m has adopted the host")
        await world.delete(REMOTE_MACHINES, "n")
        await world.until_gone(REMOTE_MACHINES, "n")
    assert world.hosts[ADDRESS].cleanups == 0


async def test_a_host_that_runs_kubernetes_is_rejected_and_a_clean_one_is_bootstrapped(world: World) -> None:
    await world.cluster()
    world.hosts[ADDRESS].facts = WORKER
    async with world.controller():
        await world.machine("m", spec(), annotations={ADOPT_ANNOTATION: "Reject"})
        assert "clean the host, or set the annotation to Adopt" in await waits(world, "AdoptionRefused")
        world.hosts[ADDRESS].facts = {}
        await adopted(world)
    assert sum(world.hosts[ADDRESS].bootstraps.values()) == 1


async def test_an_unknown_word_is_told(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", spec(), annotations={ADOPT_ANNOTATION: "yes"})
        assert "is 'yes'; known are Adopt, Wait, Reject" in await waits(world, "InvalidInput")
    assert world.hosts.requests == []
