"""What README.md tells the user of a management cluster, done with its own files and commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.controller.kubelets import Kubelets
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import CORE, Site, condition
from tests.hosts import Host
from tests.hosts.fixtures import bring_up

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples"
ADDRESSES = ("192.0.2.10", "192.0.2.11", "192.0.2.12")
SECTION = "## In a management cluster\n"
PATIENCE = 300.0
LEFT = "ls -d /etc/k0s.token /etc/k0s-example /var/lib/k0s /var/lib/capra /etc/systemd/system/k0s* 2>/dev/null; true"


@pytest.fixture
def three_hosts() -> Iterator[list[Host]]:
    with bring_up(3) as hosts:
        yield list(hosts)


def commands(verb: str) -> list[list[str]]:
    """The README's kubectl commands with this verb, in order, without `kubectl`."""
    section = (ROOT / "README.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))
    lines = [shlex.split(line, comments=True)[1:] for line in blocks.splitlines() if line.startswith("kubectl ")]
    return [line for line in lines if line[0] == verb]


def applied(hosts: list[Host]) -> list[str]:
    """What each `kubectl apply` of examples gives to the API server: the files, with the test hosts in them."""
    texts = []
    for command in commands("apply"):
        files = [ROOT / word for word in command if word.startswith("docs/examples/")]
        if files:
            texts.append("---\n".join(_with_hosts(path.read_text(), hosts) for path in files))
    return texts


def _with_hosts(text: str, hosts: list[Host]) -> str:
    for address, host in zip(ADDRESSES, hosts, strict=True):
        text = text.replace(f"address: {address}\n", f"address: {host.address}\n")
        assert host.port == 22
    text = text.replace("user: my-user\n", f"user: {hosts[0].sudo_user}\n")
    key = "".join(f"    {line}\n" for line in Path(hosts[0].key_file).read_text().splitlines())
    return re.sub(r"^    -----BEGIN .*?-----END .*?-----\n", key, text, flags=re.DOTALL | re.MULTILINE)


class K0smotron:
    """Plays its bootstrap and control plane providers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def control_plane(self) -> None:
        """It runs, and there is a way to it."""
        site = self._site
        kubeconfig = site.management.workload.kubeconfig_text().encode()
        site.secret("demo-kubeconfig", {"value": kubeconfig}, **{f"{CORE}/cluster-name": "demo"})
        site.patch("RemoteCluster", "demo", {"spec": {"controlPlaneEndpoint": {"host": "127.0.0.1", "port": 6443}}})
        version = site.get("K0smotronControlPlane", "demo")["spec"]["version"]
        initialized = {"initialization": {"controlPlaneInitialized": True}, "ready": True, "initialized": True}
        told = {**initialized, "version": version, "externalManagedControlPlane": True}
        site.patch("K0smotronControlPlane", "demo", {"status": told}, "status")

    def bootstrap_data(self) -> None:
        """Each K0sWorkerConfig that has none gets the example of what it is made into."""
        for raw in self._site.all("K0sWorkerConfig"):
            name = raw["metadata"]["name"]
            if not raw.get("status"):
                self._site.secret(name, {"value": (EXAMPLES / "worker-user-data.yaml").read_bytes()})
                told = {"dataSecretName": name, "ready": True, "initialization": {"dataSecretCreated": True}}
                self._site.patch("K0sWorkerConfig", name, {"status": told}, "status")


def _with_nodes(site: Site, k0smotron: K0smotron) -> list[Any]:
    """The Machines, when all three have their Nodes."""
    k0smotron.bootstrap_data()
    machines = site.all("Machine")
    named = [raw for raw in machines if ((raw.get("status") or {}).get("nodeRef") or {}).get("name")]
    return machines if len(named) == 3 else []


def test_the_examples_end_as_nodes_and_then_as_clean_hosts(
    site: Site, controller: ControllerProcess, kubelets: Kubelets, three_hosts: list[Host]
) -> None:
    k0smotron = K0smotron(site)
    cluster, worker, workers = applied(three_hosts)
    for text in (cluster, worker, workers):
        site.plane.apply(text, "--namespace", site.namespace)
        if text == cluster:
            k0smotron.control_plane()
    machines = site.until("all Machines have Nodes", lambda: _with_nodes(site, k0smotron), PATIENCE)
    assert {condition(raw, "InfrastructureReady")["status"] for raw in machines} == {"True"}
    assert site.get("Machine", "demo-worker-0")["status"]["nodeRef"]["name"] == three_hosts[0].name
    assert set(site.states().values()) == {"Reserved"}
    for host in three_hosts:
        assert host.ssh("test -d /var/lib/k0s && k0s status").returncode == 0

    told = [site.plane.kubectl(*command, "--namespace", site.namespace) for command in commands("get")]
    assert [text.count(" Provisioned ") for text in told] == [3, 0]
    assert [text.count(" Reserved ") for text in told] == [0, 2]
    [described] = [site.plane.kubectl(*command, "--namespace", site.namespace) for command in commands("describe")]
    assert "BootstrapSucceeded" in described

    for command in commands("delete"):
        # Not the waiting of kubectl, which says nothing when it takes too long.
        site.plane.kubectl(*command, "--namespace", site.namespace, "--wait=false")
    site.gone("Cluster", "demo", PATIENCE)
    for kind in ("Machine", "MachineDeployment", "RemoteMachine", "RemoteCluster"):
        assert site.all(kind) == []
    site.all_available()
    for host in three_hosts:
        assert host.ssh(LEFT).stdout == ""
