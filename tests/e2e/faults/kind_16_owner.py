"""Owner is who has the UID and names the object back."""

from __future__ import annotations

import asyncio
from typing import Any

from capra.kube.client.resources import REMOTE_MACHINES
from tests.component.controller.world import MACHINES, connected, owner_reference
from tests.controlplane import ControlPlane
from tests.e2e.faults.cases import scenario


@scenario("wrong UID")
def wrong_uid(shared_control_plane: ControlPlane) -> None:
    asyncio.run(_wrong_uid(str(shared_control_plane.kubeconfig), shared_control_plane.namespace("owner")))


async def _wrong_uid(kubeconfig: str, namespace: str) -> None:
    async with connected(kubeconfig, namespace) as world, world.controller():
        await world.secrets()
        await world.cluster()
        await world.machine("m", {"address": "192.0.2.1", "sshKeyRef": {"name": "key"}})
        owner = (await world.get(MACHINES, "m"))["metadata"]["uid"]
        await world.provisioned("m")
        wrong = "11111111-2222-3333-4444-555555555555"
        raw = await world.get(MACHINES, "m")
        reference: dict[str, Any] = owner_reference(raw) | {"uid": wrong, "controller": False}
        spec = {"address": "192.0.2.2", "sshKeyRef": {"name": "key"}}
        await world.create(REMOTE_MACHINES, "thief", spec, ownerReferences=[reference])
        await world.waits("thief", "WaitingForMachine", f"with the UID {wrong}")
        told = await world.waits("thief", "WaitingForMachine", f"has the UID {owner}")
        assert told["metadata"]["ownerReferences"][0]["uid"] == wrong
        # The right UID is not enough: that Machine has another infrastructure.
        await world.patch(
            REMOTE_MACHINES, "thief", {"metadata": {"ownerReferences": [owner_reference(raw) | {"controller": False}]}}
        )
        await world.waits("thief", "WaitingForMachine", f"names RemoteMachine {namespace}/m of")
        assert world.hosts["192.0.2.2"].contacts == 0
        # Cluster API mends it: nothing has to be changed here for it to be seen.
        back = {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "RemoteMachine", "name": "thief"}
        await world.patch(MACHINES, "m", {"spec": {"infrastructureRef": back}})
        await world.provisioned("thief")
