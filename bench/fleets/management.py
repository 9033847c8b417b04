"""The management cluster: a real API server with Capra installed, and the objects of a fleet.

Cluster API's own controllers do not run: what they would write (the Machine's ownership, the state of the Cluster), the
benchmark writes. They would use the same cores, and with their own pace would be measured instead of Capra.
"""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.fleets.api import Client, Request, Watch
from bench.fleets.hosts import BenchError
from capra.model.machine import GIVE_UP_ANNOTATION
from tests.controlplane import ControlPlane
from tests.controlplane.crds import install_cluster_api

ROOT = Path(__file__).resolve().parents[2]
CORE = "cluster.x-k8s.io"
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io"
ACCOUNT = ("capra-system", "capra-manager")
CLUSTER = "c"
LABELS = {f"{CORE}/cluster-name": CLUSTER}


class Management:
    """One namespace of it."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        """Install Capra. directory: for the release that is composed for that."""
        self.plane = plane
        install_cluster_api(plane)
        plane.apply(_release(directory), "--server-side")
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self.namespace = plane.namespace("fleet")
        self.client = Client(plane.kubeconfig_text())
        self.watch = Watch(self.client, self.path("remotemachines"), provisioned)

    def close(self) -> None:
        """End its threads."""
        self.watch.close()
        self.client.close()

    def kubeconfig(self) -> Path:
        """Of the controller, with the rights that its ServiceAccount has."""
        return self.plane.kubeconfig_for(*ACCOUNT)

    def path(self, plural: str, name: str = "") -> str:
        """Of an object, or of the list."""
        group = {"secrets": "api/v1", "remotemachines": f"apis/{INFRASTRUCTURE}/v1beta2"}
        base = f"/{group.get(plural, f'apis/{CORE}/v1beta2')}/namespaces/{self.namespace}/{plural}"
        return f"{base}/{name}" if name else base

    def cluster(self, key: str) -> None:
        """A Cluster whose infrastructure is ready, and the SSH key of all hosts."""
        reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteCluster", "name": CLUSTER}
        spec = {"infrastructureRef": reference, "controlPlaneEndpoint": {"host": "127.0.0.1", "port": 6443}}
        self.client.request(*self._new("clusters", "Cluster", CLUSTER, spec))
        ready = {"status": {"initialization": {"infrastructureProvisioned": True}}}
        self.client.request("PATCH", f"{self.path('clusters', CLUSTER)}/status", ready)
        self.client.request(*self._secret("key", {"value": key}))

    def prepare(self, names: Sequence[str], data: str) -> dict[str, Any]:
        """What there is before the RemoteMachines: Machines, each with bootstrap data of its own; those, by
        name."""
        self.client.all(self._secret(name, {"value": data, "format": "cloud-config"}) for name in names)
        made = self.client.all(self._machine(name) for name in names)
        return {raw["metadata"]["name"]: raw for raw in made}

    def remote_machine(self, owner: Mapping[str, Any], address: str) -> Request:
        """The request that creates a RemoteMachine of a Machine."""
        name = owner["metadata"]["name"]
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": "Machine",
            "name": name,
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        spec = {"address": address, "port": 22, "user": "root", "sshKeyRef": {"name": "key"}}
        return self._new("remotemachines", "RemoteMachine", name, spec, ownerReferences=[reference])

    def deletion(self, name: str) -> Request:
        """The request that deletes a RemoteMachine."""
        return ("DELETE", self.path("remotemachines", name), None)

    def abandon(self, names: Sequence[str]) -> None:
        """Delete RemoteMachines without a cleanup of their hosts, which would be tried for half an hour."""
        given_up = {"metadata": {"annotations": {GIVE_UP_ANNOTATION: ""}}}
        self.client.all(("PATCH", self.path("remotemachines", name), given_up) for name in names)
        self.client.all(map(self.deletion, names))

    def forget(self, names: Sequence[str]) -> None:
        """Remove what `prepare` made; nobody collects garbage here."""
        for plural in ("machines", "secrets"):
            self.client.all(("DELETE", self.path(plural, name), None) for name in names)
        self.watch.forget(names)

    def _machine(self, name: str) -> Request:
        reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachine", "name": name}
        # As k0smotron's have it: a host of an unknown kind is asked first whose node it is.
        config = {"apiGroup": "bootstrap.cluster.x-k8s.io", "kind": "K0sWorkerConfig", "name": name}
        bootstrap = {"configRef": config, "dataSecretName": name}
        spec = {"clusterName": CLUSTER, "bootstrap": bootstrap, "infrastructureRef": reference}
        return self._new("machines", "Machine", name, spec)

    def _secret(self, name: str, data: Mapping[str, str]) -> Request:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        metadata = {"name": name, "labels": LABELS}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
        return ("POST", self.path("secrets"), body)

    def _new(self, plural: str, kind: str, name: str, spec: Any, **more: Any) -> Request:
        group = INFRASTRUCTURE if plural == "remotemachines" else CORE
        metadata = {"name": name, "labels": LABELS, **more}
        body = {"apiVersion": f"{group}/v1beta2", "kind": kind, "metadata": metadata, "spec": spec}
        return ("POST", self.path(plural), body)


def provisioned(raw: Mapping[str, Any]) -> bool:
    """Whether a RemoteMachine says so."""
    initialization = (raw.get("status") or {}).get("initialization") or {}
    return bool(initialization.get("provisioned"))


def _release(directory: Path) -> list[Any]:
    """What `kubectl apply -f install.yaml` installs, but for the Deployment: nobody would run it."""
    command = [sys.executable, str(ROOT / "scripts" / "release_manifests.py"), "--output", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(f"no release could be composed: {done.stderr}")
    installed = next(directory.rglob("install.yaml")).read_text()
    return [one for one in yaml.safe_load_all(installed) if one and one["kind"] != "Deployment"]
