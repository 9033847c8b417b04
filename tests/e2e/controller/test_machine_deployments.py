"""A MachineDeployment over a pool: up, scaled, rolled over host by host, and down to clean hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.controller.kubelets import Kubelets
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import CORE, INFRASTRUCTURE, Site
from tests.e2e.support import count, counted
from tests.hosts import Host
from tests.hosts.fixtures import bring_up

DIRTY = "/var/tmp/dirty"
CLEAN_UP = [f"rm {DIRTY}", counted("clean")]
"""The first fails where nothing was bootstrapped: no cleanup runs twice."""


@pytest.fixture
def four_hosts() -> Iterator[list[Host]]:
    with bring_up(4) as hosts:
        yield list(hosts)


def _deployment(replicas: int, data: str) -> dict[str, Any]:
    labels = {"nodes": "workers"}
    reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachineTemplate", "name": "t"}
    return {
        "clusterName": "c",
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "clusterName": "c",
                "bootstrap": {"dataSecretName": data},
                "infrastructureRef": reference,
                "deletion": {"nodeDrainTimeoutSeconds": 5},
            },
        },
    }


def _ready(site: Site, replicas: int) -> bool:
    status = site.get("MachineDeployment", "workers").get("status") or {}
    wanted = {"replicas": replicas, "availableReplicas": replicas, "upToDateReplicas": replicas}
    return all(status.get(name) == value for name, value in wanted.items())


def test_up_scaled_rolled_and_deleted(
    site: Site, controller: ControllerProcess, kubelets: Kubelets, four_hosts: list[Host]
) -> None:
    site.keys(four_hosts)
    for version in ("v1", "v2"):
        # Fails on a host that was not cleaned since its last bootstrap.
        first = f"test ! -e {DIRTY} && echo {version} > {DIRTY}"
        site.data(version, commands=[counted("bootstrap", first)])
    for host in four_hosts:
        site.entry(host, cleanUpCommands=CLEAN_UP)
    site.all_available()
    site.cluster()
    site.create("RemoteMachineTemplate", "t", {"template": {"spec": {"pool": "p"}}})
    site.create("MachineDeployment", "workers", _deployment(3, "v1"), labels={f"{CORE}/cluster-name": "c"})
    site.until("three replicas are available", lambda: _ready(site, 3))
    assert sorted(site.states().values()) == ["Available", "Reserved", "Reserved", "Reserved"]

    site.patch("MachineDeployment", "workers", {"spec": {"replicas": 4}})
    site.until("four replicas are available", lambda: _ready(site, 4))
    assert [count(host, "bootstrap") for host in four_hosts] == [1, 1, 1, 1]

    before = {raw["metadata"]["name"] for raw in site.all("Machine")}
    site.patch(
        "MachineDeployment", "workers", {"spec": {"template": {"spec": {"bootstrap": {"dataSecretName": "v2"}}}}}
    )
    fewest = 4

    def rolled() -> bool:
        nonlocal fewest
        fewest = min(fewest, list(site.states().values()).count("Reserved"))
        machines = {raw["metadata"]["name"] for raw in site.all("Machine")}
        return not machines & before and _ready(site, 4)

    site.until("every machine was replaced", rolled, 300)
    assert fewest >= 2, "more than one machine at a time was without its host"
    for host in four_hosts:
        assert host.ssh(f"cat {DIRTY}").stdout == "v2\n"
        assert (count(host, "bootstrap"), count(host, "clean")) == (2, 1)

    site.delete("MachineDeployment", "workers")
    site.gone("MachineDeployment", "workers")
    site.all_available()
    assert not site.all("RemoteMachine")
    for host in four_hosts:
        assert (count(host, "bootstrap"), count(host, "clean")) == (2, 2)
        assert host.ssh(f"test ! -e {DIRTY}").returncode == 0
