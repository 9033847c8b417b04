"""`capra doctor` of a cluster, by its administrator and by somebody who may do nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.component.controller.world import SSH_KEY
from tests.controlplane import ControlPlane
from tests.controlplane.crds import install_capra

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
CRD = "remotemachines.infrastructure.cluster.x-k8s.io"
WEBHOOK = {
    "strategy": "Webhook",
    "webhook": {
        "conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"name": "gone", "namespace": "gone", "path": "/convert"}, "caBundle": ""},
    },
}
MACHINE = """
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: RemoteMachine
metadata: {name: m, namespace: default}
spec: {address: 192.0.2.1, sshKeyRef: {name: key}}
"""


async def _found(kubeconfig: Path, code: int) -> dict[str, dict[str, Any]]:
    """The findings by name."""

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "capra", "doctor", "--kubeconfig", str(kubeconfig), "-o", "json"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    done = await asyncio.to_thread(run)
    assert done.returncode == code, (done.stdout, done.stderr)
    return {one["name"]: one for one in json.loads(done.stdout)["findings"]}


async def test_what_is_missing_is_found_until_it_is_there(own_control_plane: ControlPlane) -> None:
    plane = own_control_plane
    found = await _found(plane.kubeconfig, 1)
    assert found["API server"]["level"] == found["clock"]["level"] == "ok"
    for name in ("infrastructure.cluster.x-k8s.io", "cluster.x-k8s.io", "CRD remotemachines", "controller"):
        assert (found[name]["level"], found[name]["value"]) == ("error", "missing"), name
    assert found["RBAC"]["value"] == "36 missing"
    assert "list secrets" in found["RBAC"]["message"]

    install_capra(plane)
    plane.kubectl("apply", "-f", str(DEPLOY / "namespace.yaml"), "-f", str(DEPLOY / "rbac.yaml"))
    plane.kubectl("apply", "-f", "-", stdin=MACHINE)
    plane.kubectl("patch", "crd", CRD, "--type=merge", "--patch", json.dumps({"spec": {"conversion": WEBHOOK}}))
    found = await _found(plane.kubeconfig, 1)
    assert found["infrastructure.cluster.x-k8s.io"]["level"] == found["RBAC"]["level"] == "ok"
    assert (found["CRD remotemachines"]["level"], found["CRD remotemachines"]["value"]) == ("error", "Webhook")
    assert found["CRD pooledremotemachines"]["level"] == "ok"
    assert (found["Secrets"]["level"], found["Secrets"]["value"]) == ("error", "default/key")

    # What the advice says is right.
    advice = found["CRD remotemachines"]["advice"].partition(", when")[0]
    patch = advice.partition("--patch ")[2].strip("'")
    plane.kubectl("patch", "crd", CRD, "--type=merge", "--patch", patch)
    (plane.directory / "id").write_text(SSH_KEY)
    plane.kubectl("create", "secret", "generic", "key", "-n", "default", f"--from-file=value={plane.directory / 'id'}")
    found = await _found(plane.kubeconfig, 1)
    assert found["CRD remotemachines"]["level"] == found["Secrets"]["level"] == "ok"


async def test_who_may_nothing_is_told_what_could_not_be_looked_at(own_control_plane: ControlPlane) -> None:
    plane = own_control_plane
    install_capra(plane)
    plane.kubectl("create", "serviceaccount", "nobody", "-n", "default")
    found = await _found(plane.kubeconfig_for("default", "nobody"), 1)
    unknown = {name for name, one in found.items() if one["level"] == "unknown"}
    kinds = {f"CRD {kind}" for kind in ("remotemachines", "pooledremotemachines", "remoteclusters")}
    assert unknown == {*kinds, "RBAC", "controller", "Secrets"}
    assert all(found[name]["advice"] for name in unknown)


async def test_a_server_that_does_not_answer(own_control_plane: ControlPlane) -> None:
    kubeconfig = own_control_plane.directory / "elsewhere.kubeconfig"
    kubeconfig.write_text(own_control_plane.kubeconfig_text(server="https://127.0.0.1:9"))
    found = await _found(kubeconfig, 1)
    assert found.keys() == {"API server"}
    assert "kubeconfig" in found["API server"]["advice"]
