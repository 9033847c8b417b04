"""Failure domains and selectors, with Cluster API's own controllers and real hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capra.model.machine import FACTS
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, INFRASTRUCTURE, Management, Site, address, condition
from tests.e2e.support import count, counted
from tests.hosts import Host
from tests.hosts.fixtures import bring_up

DOMAINS = ("rack-1", "rack-2", "rack-3")


@pytest.fixture
def three_hosts() -> Iterator[list[Host]]:
    with bring_up(3) as hosts:
        yield list(hosts)


@pytest.fixture
def probing(management: Management, site: Site, tmp_path: Path) -> Iterator[ControllerProcess]:
    settings = (f"--namespace={site.namespace}", "--probe-interval=5s")
    process = ControllerProcess(management.plane.kubeconfig_for(*ACCOUNT), tmp_path, settings)
    try:
        process.start()
        yield process
    finally:
        process.end()
        print(process.tail(100))


def _machine(site: Site, name: str, domain: str, **spec: Any) -> None:
    """A Machine with a failure domain, as a control plane's provider or a MachineDeployment makes it."""
    site.create("RemoteMachine", name, {"pool": "p", **spec})
    reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachine", "name": name}
    bootstrap = {"dataSecretName": "data"}
    wanted = {"clusterName": "c", "bootstrap": bootstrap, "infrastructureRef": reference, "failureDomain": domain}
    site.create("Machine", name, wanted)


def _is_in(site: Site, name: str, domain: str) -> None:
    """Cluster API reads where the machine is."""

    def holds() -> bool:
        return bool(site.get("Machine", name)["status"].get("failureDomain") == domain)

    site.until(f"Machine {name} is in {domain}", holds)


def test_cluster_api_learns_of_the_domains_and_machines_go_where_it_says(
    site: Site, probing: ControllerProcess, three_hosts: list[Host]
) -> None:
    site.keys(three_hosts)
    site.data(commands=[counted("bootstrap")])
    for host, domain in zip(three_hosts, DOMAINS, strict=True):
        spec = {"pool": "p", "failureDomain": domain, "machine": address(host)}
        site.create("PooledRemoteMachine", domain, spec, labels={"disk": "nvme"} if domain == "rack-2" else {})
    site.cluster()
    wanted = [{"name": name, "controlPlane": True} for name in DOMAINS]
    site.until(
        "the Cluster has the domains",
        lambda: ((site.get("Cluster", "c").get("status") or {}).get("failureDomains")) == wanted,
    )
    # In the order in which by name nobody would get the right one; the last with what its host says of itself.
    _machine(site, "third", "rack-3")
    nvme = {"matchLabels": {"disk": "nvme"}}
    _machine(site, "second", "rack-2", hostSelector=nvme)
    facts = [
        {"key": f"{FACTS}architecture", "operator": "In", "values": ["amd64", "arm64"]},
        {"key": f"{FACTS}cpus", "operator": "Gt", "values": ["0"]},
        {"key": f"{FACTS}memoryMiB", "operator": "Gt", "values": ["16"]},
    ]
    _machine(site, "first", "rack-1", hostSelector={"matchExpressions": facts})
    for name, host, domain in zip(("first", "second", "third"), three_hosts, DOMAINS, strict=True):
        site.provisioned(name)
        machine = site.get("RemoteMachine", name)
        assert (machine["spec"]["address"], machine["spec"]["port"]) == (host.address, host.port)
        assert machine["status"]["failureDomain"] == domain
        _is_in(site, name, domain)
    assert [count(host, "bootstrap") for host in three_hosts] == [1, 1, 1]
    _machine(site, "fourth", "rack-2", hostSelector={"matchLabels": {"disk": "tape"}})
    told = condition(site.waits("fourth", "PoolExhausted"), "Ready")["message"]
    assert "no entry has disk In (tape); the nearest is rack-2, which fails disk In (tape)" in told
