"""Stands in for the kubelets: a host whose bootstrap has succeeded joins the workload cluster as a Node."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import urllib.error
from typing import Any, Self

from tests.controlplane import ControlPlane
from tests.e2e.controller.site import Site

HEALTHY = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False"}
LOOK_SECONDS = 0.5


class Kubelets:
    """Looks at a site's RemoteMachines while the context lasts.

    A Node is named after the host, as a kubelet does it, and has no provider ID: to set that is the controller's part.
    """

    def __init__(self, site: Site, workload: ControlPlane) -> None:
        self._site = site
        self._workload = workload
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelets", daemon=True)
        self.problem = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for name in [node["metadata"]["name"] for node in self.nodes()]:
            with contextlib.suppress(urllib.error.HTTPError):
                self._workload.request("DELETE", f"/api/v1/nodes/{name}")
        assert not self.problem, self.problem

    def nodes(self) -> list[Any]:
        """All Nodes of the workload cluster."""
        return list(self._workload.request("GET", "/api/v1/nodes")["items"])

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self._look()
            except OSError as error:  # the API server may be away, on purpose
                self.problem = "" if isinstance(error, urllib.error.URLError) else repr(error)

    def _look(self) -> None:
        known = {node["metadata"]["name"] for node in self.nodes()}
        for raw in self._site.all("RemoteMachine"):
            status = raw.get("status") or {}
            name = _host_name(status.get("addresses") or ())
            if status.get("ready") and name and name not in known and not raw["metadata"].get("deletionTimestamp"):
                self._workload.request("POST", "/api/v1/nodes", _node(name, raw["spec"]["address"]))
                known.add(name)


def _host_name(addresses: Any) -> str:
    return next((one["address"] for one in addresses if one["type"] == "Hostname"), "")


def _node(name: str, address: str) -> dict[str, Any]:
    ipaddress.ip_address(address)
    conditions = [{"type": kind, "status": status, "reason": "Kubelet"} for kind, status in HEALTHY.items()]
    told = [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"conditions": conditions, "addresses": told},
    }
