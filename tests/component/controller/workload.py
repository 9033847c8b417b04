"""A workload cluster for tests: a second API server, whose Nodes the test makes as kubelets would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.component.controller.world import PATIENCE, World
from tests.controlplane import ControlPlane
from tests.support.waiting import holds_soon

NODES = "/api/v1/nodes"
CLIENT = "OpenAPI-Generator"
"""How the controller's client calls itself; the API server and the test ask, too."""


class WorkloadCluster:
    """Its Nodes are one test's: `clear` them before."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._seen = len(plane.audit())

    def clear(self) -> None:
        for raw in self.plane.request("GET", NODES)["items"]:
            self.plane.request("DELETE", f"{NODES}/{raw['metadata']['name']}")
        self.requests()

    async def kubeconfig(self, world: World, text: str = "", cluster: str = "c") -> None:
        """The Secret that the Cluster's control plane provider makes."""
        await world.secret(f"{cluster}-kubeconfig", text or self.plane.kubeconfig_text())

    def node(
        self, name: str, *addresses: tuple[str, str], provider_id: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """A Node that has joined. addresses: (type, address)."""
        told = [{"type": kind, "address": address} for kind, address in addresses]
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": dict(labels or {})},
            "status": {"addresses": told},
        }
        if provider_id:
            body["spec"] = {"providerID": provider_id}
        self.plane.request("POST", NODES, body)

    def label(self, name: str, labels: Mapping[str, str | None]) -> None:
        self.plane.request("PATCH", f"{NODES}/{name}", {"metadata": {"labels": labels}})

    def get(self, name: str) -> tuple[str, str]:
        """Its provider ID, and the Machine that its label names; each empty when it is not there."""
        raw = self.plane.request("GET", f"{NODES}/{name}")
        labels = raw["metadata"].get("labels") or {}
        return raw["spec"].get("providerID", ""), labels.get("k0smotron.io/machine-name", "")

    async def until(self, name: str, provider_id: str, machine: str) -> None:
        """Wait until the Node has both."""
        what = f"Node {name} has {provider_id} and {machine}"
        await holds_soon(lambda: self.get(name) == (provider_id, machine), what, PATIENCE, 0.05)

    def requests(self) -> list[str]:
        """What the controller has asked for since this was last called, as `verb resource`."""
        events = self.plane.audit()
        new, self._seen = events[self._seen :], len(events)
        return [
            f"{event['verb']} {event['objectRef']['resource']}"
            for event in new
            if event.get("objectRef") and event.get("userAgent", "").startswith(CLIENT)
        ]

    async def until_listed(self, times: int = 1) -> None:
        """Wait until the controller has looked at the Nodes so often from now on."""
        seen = 0

        def enough() -> bool:
            nonlocal seen
            seen += self.requests().count("list nodes")
            return seen >= times

        await holds_soon(enough, f"{times} looks at the Nodes", PATIENCE, 0.05)
