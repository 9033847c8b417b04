"""A Machine on a real host, from the documentation's manifests, under Cluster API's own manager."""

from __future__ import annotations

from tests.e2e.controller.kubelets import Kubelets
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, address, condition
from tests.e2e.support import count, counted
from tests.hosts import Host


def test_a_machine_becomes_a_node_and_a_clean_host_again(
    site: Site, controller: ControllerProcess, kubelets: Kubelets, host: Host
) -> None:
    site.keys([host])
    site.data(files=[{"path": "/var/tmp/made", "content": "x"}], commands=[counted("bootstrap")])
    site.cluster()
    site.machine("m", address(host) | {"cleanUpCommands": ["rm /var/tmp/made", counted("clean")]})
    machine = site.provisioned("m")
    provider_id = f"remote-machine://{host.address}:{host.port}"
    assert machine["spec"]["providerID"] == provider_id
    machine = site.until("the Machine has its Node", lambda: _with_node(site, "m"))
    assert machine["status"]["nodeRef"]["name"] == host.name
    [node] = [node for node in kubelets.nodes() if node["metadata"]["name"] == host.name]
    assert node["spec"]["providerID"] == provider_id
    assert condition(machine, "InfrastructureReady")["status"] == "True"
    assert count(host, "bootstrap") == 1
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    assert site.get("RemoteMachine", "m") is None
    assert count(host, "clean") == 1
    assert host.ssh("test ! -e /var/tmp/made").returncode == 0


def _with_node(site: Site, name: str) -> object:
    machine = site.get("Machine", name)
    return machine if (machine["status"].get("nodeRef") or {}).get("name") else None
