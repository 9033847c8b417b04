"""A management cluster with Cluster API and Capra installed, and one namespace of it with what a user puts there."""

from __future__ import annotations

import base64
import contextlib
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.controlplane import ClusterApi, ControlPlane
from tests.e2e.support import cloud_config
from tests.hosts import Host
from tests.support.waiting import Wait, wait_until

CORE = "cluster.x-k8s.io"
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io"
ACCOUNT = ("capra-system", "capra-manager")
PATHS = {
    "Cluster": f"{CORE}/v1beta2/clusters",
    "Machine": f"{CORE}/v1beta2/machines",
    "MachineSet": f"{CORE}/v1beta2/machinesets",
    "MachineDeployment": f"{CORE}/v1beta2/machinedeployments",
    "RemoteCluster": f"{INFRASTRUCTURE}/v1beta2/remoteclusters",
    "RemoteMachine": f"{INFRASTRUCTURE}/v1beta2/remotemachines",
    "RemoteMachineTemplate": f"{INFRASTRUCTURE}/v1beta2/remotemachinetemplates",
    "PooledRemoteMachine": f"{INFRASTRUCTURE}/v1beta2/pooledremotemachines",
    "K0sWorkerConfig": "bootstrap.cluster.x-k8s.io/v1beta2/k0sworkerconfigs",
    "K0sControllerConfig": "bootstrap.cluster.x-k8s.io/v1beta2/k0scontrollerconfigs",
    "KubeadmConfig": "bootstrap.cluster.x-k8s.io/v1beta2/kubeadmconfigs",
    "RKE2Config": "bootstrap.cluster.x-k8s.io/v1beta2/rke2configs",
    "KThreesConfig": "bootstrap.cluster.x-k8s.io/v1beta2/kthreesconfigs",
    "K0smotronControlPlane": "controlplane.cluster.x-k8s.io/v1beta2/k0smotroncontrolplanes",
}
PATIENCE = 120.0
"""Seconds for what takes a few on an idle machine."""

Raw = Mapping[str, Any]


@dataclass
class Management:
    """The cluster. release: the directory of Capra's release; workload: what `<cluster>-kubeconfig` leads to."""

    plane: ControlPlane
    core: ClusterApi
    release: Path
    workload: ControlPlane

    def install(self) -> None:
        """What `kubectl apply -f install.yaml` installs, but for the Deployment: nobody would run it."""
        objects = [one for one in yaml.safe_load_all((self.release / "install.yaml").read_text()) if one]
        # The namespace must be there first.
        self.plane.apply([one for one in objects if one["kind"] != "Deployment"], "--server-side")
        self.plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


class Site:
    """One namespace."""

    def __init__(self, management: Management, namespace: str = "") -> None:
        self.management = management
        self.plane = management.plane
        self.namespace = namespace or self.plane.namespace("e2e")

    def path(self, kind: str, name: str = "", subresource: str = "") -> str:
        if kind in {"Secret", "Event"}:
            base = f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s"
        else:
            group, version, plural = PATHS[kind].split("/")
            base = f"/apis/{group}/{version}/namespaces/{self.namespace}/{plural}"
        return "/".join(part for part in (base, name, subresource) if part)

    def create(self, kind: str, name: str, spec: Any = None, **more: Any) -> Any:
        """A new object. more: further metadata."""
        group, version, _ = PATHS[kind].split("/")
        body: dict[str, Any] = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name, **more}}
        if spec is not None:
            body["spec"] = spec
        return self.plane.request("POST", self.path(kind), body)

    def get(self, kind: str, name: str) -> Any:
        """The object, None when there is none."""
        try:
            return self.plane.request("GET", self.path(kind, name))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def all(self, kind: str) -> list[Any]:
        return list(self.plane.request("GET", self.path(kind))["items"])

    def patch(self, kind: str, name: str, body: Raw, subresource: str = "") -> Any:
        return self.plane.request("PATCH", self.path(kind, name, subresource), body)

    def annotate(self, kind: str, name: str, **annotations: str | None) -> None:
        self.patch(kind, name, {"metadata": {"annotations": annotations}})

    def delete(self, kind: str, name: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            self.plane.request("DELETE", self.path(kind, name))

    def secret(self, name: str, data: Mapping[str, bytes], **labels: str) -> None:
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        metadata = {"name": name, "labels": {"clusterctl.cluster.x-k8s.io/move": "", **labels}}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
        self.plane.request("POST", self.path("Secret"), body)

    def keys(self, hosts: Sequence[Host]) -> None:
        """The Secret `key` with the SSH key that all hosts of a group take."""
        self.secret("key", {"value": Path(hosts[0].key_file).read_bytes()})

    def data(self, name: str = "data", files: Sequence[dict[str, Any]] = (), commands: Sequence[str] = ()) -> None:
        """A Secret with bootstrap data."""
        self.secret(name, {"value": cloud_config(files, commands), "format": b"cloud-config"})

    def cluster(self, name: str = "c") -> None:
        """A Cluster with its RemoteCluster, a control plane that is said to be there, and the way to its Nodes."""
        reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteCluster", "name": name}
        control_plane = {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "K0smotronControlPlane", "name": name}
        # Without the label, Cluster API does not see it.
        kubeconfig = self.management.workload.kubeconfig_text().encode()
        self.secret(f"{name}-kubeconfig", {"value": kubeconfig}, **{f"{CORE}/cluster-name": name})
        self.create("RemoteCluster", name)
        self.create("K0smotronControlPlane", name, {"version": "v1.34.4"})
        spec = {"infrastructureRef": reference, "controlPlaneRef": control_plane}
        self.create("Cluster", name, spec | {"controlPlaneEndpoint": {"host": "127.0.0.1", "port": 6443}})
        initialized = {"controlPlaneInitialized": True}
        told = {"initialization": initialized, "version": "v1.34.4", "externalManagedControlPlane": True}
        self.patch("K0smotronControlPlane", name, {"status": told}, "status")

    def machine(
        self,
        name: str,
        spec: Raw,
        data: str = "data",
        version: str = "v1beta2",
        config: str = "",
        cluster: str = "c",
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """A Machine and its RemoteMachine, as a user writes them. config: kind of a bootstrap config, played here."""
        bootstrap: dict[str, Any] = {"dataSecretName": data}
        if config:
            self.create(config, name)
            told = {"dataSecretName": data, "ready": True, "initialization": {"dataSecretCreated": True}}
            self.patch(config, name, {"status": told}, "status")
            bootstrap = {"configRef": {"apiGroup": "bootstrap.cluster.x-k8s.io", "kind": config, "name": name}}
        self.plane.request(
            "POST",
            self.path("RemoteMachine").replace("v1beta2", version),
            {
                "apiVersion": f"{INFRASTRUCTURE}/{version}",
                "kind": "RemoteMachine",
                "metadata": {"name": name, "annotations": dict(annotations or {})},
                "spec": spec,
            },
        )
        reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachine", "name": name}
        self.create("Machine", name, {"clusterName": cluster, "bootstrap": bootstrap, "infrastructureRef": reference})

    def entry(self, host: Host, pool: str = "p", name: str = "", **machine: Any) -> None:
        """A PooledRemoteMachine for a host."""
        self.create("PooledRemoteMachine", name or host.name, {"pool": pool, "machine": address(host) | machine})

    def until(self, what: str, holds: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait until it holds; what it gave."""
        return wait_until(holds, Wait(what, patience, tell=self.describe), 0.2)

    def provisioned(self, name: str, patience: float = PATIENCE) -> Any:
        """Until Cluster API says that the Machine's infrastructure is there; the Machine."""

        def holds() -> Any:
            machine = self.get("Machine", name) or {}
            ready = ((machine.get("status") or {}).get("initialization") or {}).get("infrastructureProvisioned")
            return machine if ready and machine["spec"].get("providerID") else None

        return self.until(f"Machine {name} is provisioned", holds, patience)

    def waits(self, name: str, reason: str, patience: float = PATIENCE) -> Any:
        """Until the RemoteMachine is not Ready for this reason."""
        return self.until(
            f"RemoteMachine {name} is {reason}",
            lambda: (
                (raw := self.get("RemoteMachine", name)) and condition(raw, "Ready").get("reason") == reason and raw
            ),
            patience,
        )

    def gone(self, kind: str, name: str, patience: float = PATIENCE) -> None:
        self.until(f"{kind} {name} is gone", lambda: self.get(kind, name) is None, patience)

    def states(self) -> dict[str, str]:
        """The state of every entry."""
        return {
            raw["metadata"]["name"]: (raw.get("status") or {}).get("state", "")
            for raw in self.all("PooledRemoteMachine")
        }

    def all_available(self, patience: float = PATIENCE) -> None:
        self.until("all entries are Available", lambda: set(self.states().values()) == {"Available"}, patience)

    def events(self, name: str) -> list[str]:
        """The reasons of Capra's events about an object."""
        found = [raw for raw in self.all("Event") if raw["involvedObject"]["name"] == name]
        return [raw["reason"] for raw in found if raw["source"].get("component") == "capra"]

    def describe(self) -> str:
        """For the message of a test that fails."""
        told = []
        for kind in ("Machine", "RemoteMachine", "PooledRemoteMachine"):
            for raw in self.all(kind):
                metadata = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
                told.append(yaml.safe_dump({kind: {"metadata": metadata, "status": raw.get("status")}}))
        return "\n".join(told)[-12000:]


def address(host: Host, key: str = "key") -> dict[str, Any]:
    """What a manifest says of a host."""
    return {"address": host.address, "port": host.port, "sshKeyRef": {"name": key}}


def condition(raw: Raw, kind: str) -> Raw:
    """One condition; empty when it is not there."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})
