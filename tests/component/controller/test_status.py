"""`capra status` of a cluster, by somebody who may only view."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.cli.shared.cluster import ClusterView, look
from capra.errors import Fatal
from capra.kube.client.api import Api
from capra.kube.client.connection import configure, connect
from capra.kube.client.resources import REMOTE_MACHINES
from tests.component.controller.world import World
from tests.controlplane import ControlPlane
from tests.support.waiting import Wait, wait_until_async

SPEC: dict[str, Any] = {"address": "192.0.2.10", "sshKeyRef": {"name": "key"}}
RBAC = Path(__file__).resolve().parents[3] / "deploy" / "rbac.yaml"


@pytest.fixture
def viewer(shared_control_plane: ControlPlane, namespace: str) -> Path:
    """The kubeconfig of somebody who has the role for viewers in this namespace, and none besides."""
    plane = shared_control_plane
    roles = [one for one in yaml.safe_load_all(RBAC.read_text()) if one["metadata"]["name"] == "capra-viewer"]
    plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(roles))
    plane.kubectl("create", "serviceaccount", "viewer", "--namespace", namespace)
    words = ("--clusterrole=capra-viewer", f"--serviceaccount={namespace}:viewer", "--namespace", namespace)
    plane.kubectl("create", "rolebinding", "viewer", *words)
    return plane.kubeconfig_for(namespace, "viewer")


async def _capra(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """`capra status` as a process of its own."""

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "capra", "status", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    done = await asyncio.to_thread(run)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


async def _told(world: World) -> None:
    """One machine that is provisioned, one that has failed, one of a pool, and a free entry."""
    world.hosts.fail("192.0.2.11")
    await world.cluster()
    await world.entry("e-0", "192.0.2.20")
    await world.entry("e-1", "192.0.2.21", "other")
    await world.machine("fine", SPEC)
    await world.machine("broken", SPEC | {"address": "192.0.2.11"})
    await world.machine("pooled", {"pool": "p"})
    await world.provisioned("fine")
    await world.waits("broken", "StepFailed")
    await world.provisioned("pooled")
    await world.entry_state("e-0", "Reserved")
    await world.entry_state("e-1", "Available")


async def test_a_viewer_sees_machines_and_pools_failures_first(world: World, viewer: Path) -> None:
    where = ("--kubeconfig", str(viewer), "--context", "x", "--namespace", world.namespace)
    # Back-off ends in seconds; the clock of the controller stands meanwhile.
    async with world.controller(clock=lambda: 1_000_000.0):
        await _told(world)
        shown = (await _capra(*where)).stdout
        document = json.loads((await _capra(*where, "--output", "json")).stdout)
        (only,) = json.loads((await _capra(*where, "--limit", "pooled", "-o", "json")).stdout)["machines"]

    names = [(one["name"], one["phase"], one["ready"], one["reason"]) for one in document["machines"]]
    assert names == [
        ("broken", "Failed", "False", "StepFailed"),
        ("fine", "Provisioned", "True", ""),
        ("pooled", "Provisioned", "True", ""),
    ]
    pools = {
        pool["name"]: [(one["name"], one["state"], one["machine"]) for one in pool["entries"]]
        for pool in document["pools"]
    }
    assert pools == {"other": [("e-1", "Available", "")], "p": [("e-0", "Reserved", "pooled")]}
    assert (only["name"], only["host"], only["entry"]) == ("pooled", "192.0.2.20:22", "e-0")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    name = f"{world.namespace}/"
    assert lines[0] == "3 RemoteMachines"
    assert lines[1] == "MACHINE HOST PHASE READY MESSAGE"
    assert lines[2].startswith(f"{name}broken 192.0.2.11:22 Failed StepFailed ")
    assert f"{name}fine 192.0.2.10:22 Provisioned yes" in lines
    assert f"pool {name}p: 1 Reserved" in lines
    assert "e-0 192.0.2.20:22 Reserved pooled" in lines


async def test_a_list_of_each_kind_is_all_that_is_asked_for(world: World, viewer: Path) -> None:
    for number in range(5):
        await world.create(REMOTE_MACHINES, f"m-{number}", SPEC)
    asked: list[tuple[str, int]] = []
    view = ClusterView(str(viewer), "", world.namespace)
    async with connect(await configure(view.kubeconfig)) as connection:

        def listener(verb: str, code: int) -> None:
            asked.append((verb, code))

        overview = await look(Api(connection, listener=listener), view)
        assert asked == [("GET", 200)] * 2
        assert [line.name for line in overview.machines] == [f"m-{number}" for number in range(5)]
        asked.clear()
        assert await look(Api(connection, listener=listener, page=2), view) == overview
        assert asked == [("GET", 200)] * 4


async def test_who_may_not_read_everything_is_told_what_to_ask_for(world: World, viewer: Path) -> None:
    done = await _capra("--kubeconfig", str(viewer), code=1)
    assert "403" in done.stderr
    assert "ask for a role that may list remotemachines (ClusterRole capra-viewer)" in done.stderr
    assert "or give the --namespace that you may read" in done.stderr


async def test_a_context_that_is_not_there(viewer: Path) -> None:
    done = await _capra("--kubeconfig", str(viewer), "--context", "nowhere", code=2)
    assert "--context nowhere: cannot be used" in done.stderr


async def test_a_cluster_without_capra(own_control_plane: ControlPlane) -> None:
    view = ClusterView(str(own_control_plane.kubeconfig), "", "")
    async with connect(await configure(view.kubeconfig)) as connection:
        with pytest.raises(Fatal, match="Capra's kinds are not installed in this cluster"):
            await look(Api(connection), view)


async def test_watching_tells_each_change(world: World, viewer: Path, tmp_path: Path) -> None:
    await world.create(REMOTE_MACHINES, "m", SPEC)
    output = tmp_path / "output"
    command = ["status", "--kubeconfig", str(viewer), "-n", world.namespace, "--watch"]
    with output.open("w") as file:
        watching = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "capra",
            *command,
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:

        async def told(text: str) -> None:
            async def look_there() -> bool:
                return text in output.read_text()

            await wait_until_async(look_there, Wait(f"{text!r} is told", 60, tell=output.read_text))

        name = f"RemoteMachine {world.namespace}/m"
        await told(f"{name}: -\n")
        await world.patch(REMOTE_MACHINES, "m", {"status": {"phase": "Pending"}}, "status")
        await told(f"{name}: Pending\n")
        await world.delete(REMOTE_MACHINES, "m")
        await told(f"{name}: gone\n")
        assert output.read_text().count(f"{name}: -") == 1
    finally:
        watching.send_signal(2)
        assert await watching.wait() == 130
