"""Clusters in a test control plane for which Cluster API's own controllers write kubeadm's bootstrap data.

The API server plays the workload cluster as well: each `<cluster>-kubeconfig` leads to itself. There are no hosts; the
test says what the infrastructure provider would say of them.
"""

from __future__ import annotations

import base64
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.controlplane import ClusterApi, ControlPlane, Kubeadm
from tests.support.documents import Document, without_secrets
from tests.support.waiting import Wait, wait_until

NAMESPACE = "kubeadm"
VERSION = "v1.34.1"
ENDPOINT = {"host": "192.0.2.10", "port": 6443}
EVERYTHING = yaml.safe_load((Path(__file__).parent / "everything.yaml").read_text())
CORE, BOOTSTRAP, CONTROL_PLANE, INFRASTRUCTURE = (
    f"{prefix}cluster.x-k8s.io" for prefix in ("", "bootstrap.", "controlplane.", "infrastructure.")
)
NAMED = {"joinConfiguration": {"nodeRegistration": {"name": "{{ ds.meta_data.local_hostname }}"}}}
PATIENCE = 90.0
"""Seconds for what takes a few on an idle machine. The controllers look again at intervals of 20 and 30."""


def ignition() -> dict[str, Any]:
    """`EVERYTHING` as far as the format Ignition takes it, and what only Ignition has."""
    # Its provider refuses 'bootCommands', 'append', other encodings and 'partition', looks a mount up by its label
    # alone, and wants a mode for each file.
    spec = {key: value for key, value in EVERYTHING.items() if key != "bootCommands"}
    spec["files"] = [
        {"permissions": "0644", **file}
        for file in spec["files"]
        if not file.get("append") and file.get("encoding", "base64") == "base64"
    ]
    spec["mounts"] = [["etcd_disk", "/var/lib/etcddisk", "defaults", "noatime"]]
    spec["users"] = [spec["users"][0]]
    disks = spec["diskSetup"]
    filesystems = [{key: one[key] for key in one if key != "partition"} for one in disks["filesystems"]]
    spec["diskSetup"] = {**disks, "filesystems": filesystems}
    additional = "systemd:\n  units:\n  - name: docker.service\n    enabled: true\n"
    return {**spec, "format": "ignition", "ignition": {"containerLinuxConfig": {"additionalConfig": additional}}}


def made(api: str, kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """An object of one of Cluster API's groups."""
    raw: dict[str, Any] = {"apiVersion": f"{api}/v1beta2", "kind": kind}
    raw["metadata"] = {"name": name, "namespace": NAMESPACE, **metadata}
    return raw if spec is None else raw | {"spec": spec}


def referring(api: str, kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": api, "kind": kind, "name": name}


class Clusters:
    """The namespace with its clusters."""

    def __init__(self, plane: ControlPlane, core: ClusterApi, kubeadm: Kubeadm) -> None:
        self.plane, self.core, self.kubeadm = plane, core, kubeadm
        plane.kubectl("create", "namespace", NAMESPACE)
        self._secret("content", {"file": "from a secret\n", "password": "$6$salt$fedcba9876543210"})

    def cluster(self, name: str, control_plane: dict[str, Any] | None = None) -> None:
        """A cluster whose infrastructure is there. control_plane: the kubeadmConfigSpec of a KubeadmControlPlane;
        without it, control planes are Machines by themselves."""
        self._secret(f"{name}-kubeconfig", {"value": self.plane.kubeconfig_text()}, {f"{CORE}/cluster-name": name})
        spec: dict[str, Any] = {"infrastructureRef": referring(INFRASTRUCTURE, "RemoteCluster", name)}
        spec |= {"controlPlaneEndpoint": ENDPOINT, "clusterNetwork": {"pods": {"cidrBlocks": ["192.168.0.0/16"]}}}
        objects = [made(INFRASTRUCTURE, "RemoteCluster", name, {"controlPlaneEndpoint": ENDPOINT})]
        if control_plane is not None:
            spec["controlPlaneRef"] = referring(CONTROL_PLANE, "KubeadmControlPlane", name)
            template = {"infrastructureRef": referring(INFRASTRUCTURE, "RemoteMachineTemplate", name)}
            replicas = {"replicas": 1, "version": VERSION, "machineTemplate": {"spec": template}}
            objects += [
                made(INFRASTRUCTURE, "RemoteMachineTemplate", name, {"template": {"spec": {"pool": "p"}}}),
                made(CONTROL_PLANE, "KubeadmControlPlane", name, replicas | {"kubeadmConfigSpec": control_plane}),
            ]
        self.plane.apply([*objects, made(CORE, "Cluster", name, spec)])
        self._tell("remotecluster", name, {"ready": True, "initialization": {"provisioned": True}})

    def machine(self, name: str, cluster: str, spec: dict[str, Any], *, control_plane: bool = False) -> None:
        """A Machine with its RemoteMachine and its KubeadmConfig."""
        labels = {f"{CORE}/cluster-name": cluster} | ({f"{CORE}/control-plane": ""} if control_plane else {})
        machine = {
            "clusterName": cluster,
            "version": VERSION,
            "bootstrap": {"configRef": referring(BOOTSTRAP, "KubeadmConfig", name)},
            "infrastructureRef": referring(INFRASTRUCTURE, "RemoteMachine", name),
        }
        self.plane.apply(
            [
                made(BOOTSTRAP, "KubeadmConfig", name, spec or None, labels=labels),
                made(INFRASTRUCTURE, "RemoteMachine", name, {"address": "192.0.2.11", "sshKeyRef": {"name": "key"}}),
                made(CORE, "Machine", name, machine, labels=labels),
            ]
        )

    def joined(self, machine: str) -> None:
        """The host of a Machine has become a Node: what the infrastructure provider and kubeadm do."""
        identity = f"remote-machine://{machine}"
        self.plane.kubectl(
            *("patch", "remotemachine", machine, "-n", NAMESPACE, "--type=merge"),
            *("--patch", f'{{"spec": {{"providerID": "{identity}"}}}}'),
        )
        self._tell("remotemachine", machine, {"ready": True, "initialization": {"provisioned": True}})
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": machine}, "spec": {"providerID": identity}}
        self.plane.apply([node])

    def kubeadm_was_run(self) -> None:
        """In the workload cluster stands what `kubeadm init` leaves there. By it a KubeadmControlPlane knows that the
        first control plane is up."""
        self.plane.kubectl("create", "configmap", "kubeadm-config", "-n", "kube-system")

    def initialized(self, cluster: str) -> None:
        """Wait until Cluster API holds the cluster's first control plane for up: only then others join."""

        def holds() -> bool:
            status = self.plane.get("cluster", cluster, "-n", NAMESPACE).get("status", {})
            told = {one["type"]: one["status"] for one in status.get("conditions", [])}
            return told.get("ControlPlaneInitialized") == "True"

        self._until(f"the control plane of {cluster} is initialized", holds)

    def written(self, name: str, *, of: str = "") -> Document:
        """The document that stands in the Secret of a KubeadmConfig, with its secrets replaced. name: what the document
        is to be called. of: the name of the KubeadmConfig, or of the KubeadmControlPlane that made it; `name` by
        default."""
        owner = of or name

        def found() -> dict[str, str] | None:
            for config in self.plane.get("kubeadmconfigs", "-n", NAMESPACE)["items"]:
                metadata = config["metadata"]
                made_for = {metadata["name"], metadata.get("labels", {}).get(f"{CORE}/control-plane-name")}
                if owner in made_for and (secret := config.get("status", {}).get("dataSecretName")):
                    data: dict[str, str] = self.plane.get("secret", secret, "-n", NAMESPACE)["data"]
                    return data
            return None

        data = {key: base64.b64decode(value).decode() for key, value in self._until(f"data of {owner}", found).items()}
        return Document(name, data["format"], without_secrets(data["value"]))

    def _until(self, what: str, holds: Callable[[], Any]) -> Any:
        return wait_until(
            holds, Wait(what, PATIENCE, tell=lambda: f"{self.core.tail(10)}\n{self.kubeadm.tail(10)}"), 0.5
        )

    def _tell(self, kind: str, name: str, status: dict[str, Any]) -> None:
        path = f"/apis/{INFRASTRUCTURE}/v1beta2/namespaces/{NAMESPACE}/{kind}s/{name}/status"
        try:
            self.plane.request("PATCH", path, {"status": status})
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{kind} {name}: {error.read().decode()}") from error

    def _secret(self, name: str, data: dict[str, str], labels: dict[str, str] | None = None) -> None:
        metadata = {"name": name, "namespace": NAMESPACE, "labels": labels or {}}
        self.plane.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}])


def write_all(clusters: Clusters) -> list[Document]:
    """Everything that is saved, as the controllers write it now."""
    clusters.cluster("managed", EVERYTHING)
    clusters.cluster("flatcar", ignition())
    clusters.cluster("alone")
    clusters.machine("alone-0", "alone", {}, control_plane=True)
    documents = [
        clusters.written("kubeadm-init", of="alone-0"),
        clusters.written("kubeadm-init-everything", of="managed"),
        clusters.written("kubeadm-init-ignition", of="flatcar"),
    ]
    clusters.kubeadm_was_run()
    clusters.joined("alone-0")
    for cluster in ("managed", "alone"):
        clusters.initialized(cluster)
    join: dict[str, Any] = {"joinConfiguration": {"controlPlane": {}}}
    for kind, spec in (("", {}), ("-everything", EVERYTHING), ("-ignition", ignition())):
        clusters.machine(f"kubeadm-control-plane{kind}", "alone", spec | join, control_plane=True)
        clusters.machine(f"kubeadm-worker{kind}", "managed", spec)
        documents += [clusters.written(f"kubeadm-{role}{kind}") for role in ("control-plane", "worker")]
    clusters.machine("kubeadm-worker-named", "managed", NAMED)
    return [*documents, clusters.written("kubeadm-worker-named")]
