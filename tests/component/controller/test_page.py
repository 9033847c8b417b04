"""The page of a controller as a process, for people whom a real API server knows."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.controlplane import ControlPlane
from tests.controlplane.process import free_port
from tests.e2e.controller.process import ControllerProcess
from tests.support.waiting import Wait, wait_until

RBAC = Path(__file__).resolve().parents[3] / "deploy" / "rbac.yaml"
MACHINE = """
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: RemoteMachine
metadata: {name: looked-at}
spec: {address: 192.0.2.1, sshKeyRef: {name: key}}
"""


@pytest.fixture
def port(shared_control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[int]:
    """Where a controller of this namespace has its diagnostics."""
    shared_control_plane.kubectl("apply", "--namespace", namespace, "-f", "-", stdin=MACHINE)
    found = free_port()
    settings = (f"--namespace={namespace}", "--page", f"--diagnostics-address=127.0.0.1:{found}")
    controller = ControllerProcess(shared_control_plane.kubeconfig, tmp_path, settings)
    try:
        controller.start()
        yield found
    finally:
        if controller.process is not None:
            controller.kill()


def _token(plane: ControlPlane, namespace: str, account: str, role: str) -> str:
    """Of a ServiceAccount that has a ClusterRole."""
    words = (f"--clusterrole={role}", f"--serviceaccount={namespace}:{account}")
    plane.kubectl("create", "serviceaccount", account, "--namespace", namespace)
    plane.kubectl("create", "clusterrolebinding", f"{namespace}-{account}", *words)
    return plane.kubectl("create", "token", account, "--namespace", namespace).strip()


def _get(port: int, path: str, token: str) -> tuple[int, str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_roles_decide_who_sees_which_namespace(shared_control_plane: ControlPlane, namespace: str, port: int) -> None:
    plane = shared_control_plane
    roles = [one for one in yaml.safe_load_all(RBAC.read_text()) if one["metadata"]["name"] == "capra-page-reader"]
    plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(roles))
    own = f"{namespace}-page"
    plane.kubectl("create", "clusterrole", own, "--verb=get", f"--non-resource-url=/page/{namespace}/*")
    everybody, one = _token(plane, namespace, "all", "capra-page-reader"), _token(plane, namespace, "one", own)

    # The authorizer of the API server learns of a new role by a watch; an answer is believed for ten seconds.
    for token in (everybody, one):
        wait = Wait("the API server knows the role", 30)
        wait_until(lambda token=token: _get(port, f"/page/{namespace}/", token)[0] == 200, wait)  # type: ignore[misc]
    machine = f"/page/{namespace}/machines/looked-at"
    assert "192.0.2.1:22" in _get(port, machine, one)[1]
    assert _get(port, "/page/", everybody)[0] == 200
    assert "looked-at" in _get(port, "/page/", everybody)[1]
    assert _get(port, "/page/", one)[0] == 403
    assert _get(port, "/page/default/", one)[0] == 403
    assert _get(port, machine, "nonsense")[0] == 401
    assert _get(port, "/metrics", everybody)[0] == 403
