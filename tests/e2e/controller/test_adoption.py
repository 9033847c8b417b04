"""Running nodes are adopted over real SSH, without a command that changes anything, and cleaned like any other."""

from __future__ import annotations

import base64
import contextlib
import time
import urllib.error
from collections.abc import Iterator

import pytest
import yaml

from capra.model.machine import ADOPT_ANNOTATION
from tests.controlplane import ControlPlane
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, address, condition
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host

pytestmark = pytest.mark.usefixtures("standin")
ADOPT = {ADOPT_ANNOTATION: "Adopt"}
NODES = "/api/v1/nodes"
CHANGED = "find / -xdev -newer /var/tmp/mark -type f ! -path '/var/log/*' ! -path '/run/*' ! -path '/proc/*'"


@pytest.fixture
def node(host: Host, workload: ControlPlane) -> Iterator[str]:
    """The name of a Node of the workload cluster that the host is; it runs by nobody's doing but its own."""
    name, machine_id = host.ssh("uname -n; cat /etc/machine-id", check=True).stdout.lower().split()
    told = {
        "nodeInfo": {"machineID": machine_id},
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": host.address}],
    }
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    workload.request("POST", NODES, body)
    workload.request("PATCH", f"{NODES}/{name}/status", {"status": told})
    yield name
    with contextlib.suppress(urllib.error.HTTPError):  # Cluster API has deleted it with its Machine
        workload.request("DELETE", f"{NODES}/{name}")


def _begin(host: Host, role: str) -> list[str]:
    """A node of k0s, brought up by hand. Returns the calls of k0s."""
    host.ssh(
        f"echo token > /etc/k0s.token; k0s install {role}{' --token-file /etc/k0s.token' if role == 'worker' else ''}"
        " && k0s start",
        check=True,
    )
    return host.k0s_calls()


def _mark(host: Host) -> None:
    host.ssh("touch /var/tmp/mark; sleep 1.1", check=True)


def _untouched(host: Host, calls: list[str]) -> None:
    """Nothing was called, and no file has changed but what sshd and the node itself write."""
    assert host.k0s_calls() == calls
    changed = [one for one in host.ssh(CHANGED).stdout.split() if not one.startswith("/var/lib/k0s/")]
    assert changed == []
    assert host.ssh("ls -d /var/lib/capra 2>/dev/null").stdout == ""


def test_a_worker(site: Site, controller: ControllerProcess, host: Host, node: str, workload: ControlPlane) -> None:
    site.keys([host])
    site.cluster()
    calls = _begin(host, "worker")
    _mark(host)
    # Data that no host could be bootstrapped with: Cluster API wants some, and an adopted host needs none.
    site.machine("m", address(host), data="c-kubeconfig", annotations=ADOPT)
    site.provisioned("m")
    _untouched(host, calls)
    raw = site.get("RemoteMachine", "m")
    assert condition(raw, "Ready")["status"] == "True"
    assert "Adopted" in site.events("m")
    where = f"{NODES}/{node}"
    wanted = raw["spec"]["providerID"]
    site.until(
        "the Node has the provider ID", lambda: workload.request("GET", where)["spec"].get("providerID") == wanted
    )
    site.delete("Machine", "m")
    site.gone("RemoteMachine", "m")
    assert any(call.startswith("reset") for call in host.k0s_calls())
    assert host.ssh("ls -d /etc/systemd/system/k0sworker.service /var/lib/k0s 2>/dev/null").stdout == ""


def test_a_controller_without_a_node(site: Site, controller: ControllerProcess, host: Host) -> None:
    site.keys([host])
    site.cluster()
    site.secret("data", {"value": b"#cloud-config\n"})
    calls = _begin(host, "controller")
    kubeconfig = yaml.safe_load(site.management.workload.kubeconfig_text())
    authority = base64.b64decode(kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    host.ssh("mkdir -p /var/lib/k0s/pki; echo other > /var/lib/k0s/pki/ca.crt", check=True)
    _mark(host)
    site.machine("m", address(host), config="K0sControllerConfig", annotations=ADOPT)
    raw = site.waits("m", "AdoptionRefused")
    assert "its certificate authority is not that of Cluster c" in condition(raw, "Ready")["message"]
    _untouched(host, calls)
    host.ssh(f"cat > /var/lib/k0s/pki/ca.crt <<'E'\n{authority}E", check=True)
    _mark(host)
    site.provisioned("m")
    _untouched(host, calls)
    site.delete("Machine", "m")
    site.gone("RemoteMachine", "m")
    assert any(call.startswith("reset") for call in host.k0s_calls()), host.k0s_calls()


def test_another_hosts_node_and_another_machines_host(
    site: Site, controller: ControllerProcess, host: Host, node: str, workload: ControlPlane
) -> None:
    site.keys([host])
    site.cluster()
    calls = _begin(host, "worker")
    told = {"status": {"nodeInfo": {"machineID": "f" * 32}}}
    workload.request("PATCH", f"{NODES}/{node}/status", told)
    host.ssh("mkdir -p -m 700 /var/lib/capra; echo claim 1 uid-x other/machine 1764108000 > /var/lib/capra/claim")
    site.machine("m", address(host), data="c-kubeconfig", annotations=ADOPT)
    raw = site.waits("m", "AdoptionRefused")
    message = condition(raw, "Ready")["message"]
    assert "the host is used by a machine of another namespace (UID uid-x) since 2025-11-25" in message
    assert "other/machine" not in message
    host.ssh("rm -r /var/lib/capra", check=True)
    site.until(
        "the wrong Node is told",
        lambda: "another host's Node" in condition(site.get("RemoteMachine", "m"), "Ready")["message"],
    )
    time.sleep(1)
    assert host.k0s_calls() == calls
    site.delete("Machine", "m")
    site.gone("RemoteMachine", "m")
    assert host.k0s_calls() == calls  # nothing was begun there, so nothing is cleaned


def test_from_a_terminal(capra: Capra, host: Host, node: str, workload: ControlPlane) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    kubeconfig = capra.directory / "workload.kubeconfig"
    kubeconfig.write_text(workload.kubeconfig_text())
    words = ("adopt", "-f", manifest, "--kubeconfig", kubeconfig)
    [report] = capra.json(*words, code=1)
    assert report["outcome"] == "WaitingForNode"
    calls = _begin(host, "worker")
    _mark(host)
    [report] = capra.json(*words, "--check")
    assert (report["outcome"], report["message"]) == ("Adopted", "would be adopted; nothing was run on the host")
    [report] = capra.json(*words)
    assert (report["outcome"], report["message"]) == ("Adopted", "is adopted; nothing was run on the host")
    [report] = capra.json(*words)
    assert report["message"] == "is provisioned already; nothing was run"
    data = capra.data(b"#cloud-config\nruncmd: [touch /var/tmp/bootstrapped]\n")
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _untouched(host, calls)
    capra.json("cleanup", "-f", manifest)
    assert host.ssh("ls -d /etc/systemd/system/k0sworker.service /var/lib/k0s 2>/dev/null").stdout == ""
