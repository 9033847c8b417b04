"""A Machine on a real host, from the documentation's manifests, under Cluster API's own manager."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.e2e.controller.kubelets import Kubelets
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, address, condition
from tests.e2e.support import TOKEN, cloud_config, count, counted
from tests.hosts import Host


def test_a_machine_becomes_a_node_and_a_clean_host_again(
    site: Site, controller: ControllerProcess, kubelets: Kubelets, host: Host
) -> None:
    site.keys([host])
    site.data(files=[{"path": "/var/tmp/made", "content": TOKEN}], commands=[counted("bootstrap")])
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
    _keeps_secrets(site, controller, host)
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    assert site.get("RemoteMachine", "m") is None
    assert count(host, "clean") == 1
    assert host.ssh("test ! -e /var/tmp/made").returncode == 0


def _keeps_secrets(site: Site, controller: ControllerProcess, host: Host) -> None:
    """Neither the join token nor the SSH key stands anywhere but in its Secret and on its host."""
    key = "".join(Path(host.key_file).read_text().splitlines()[1:3])
    seen = site.plane.kubectl("get", "remotemachines,machines,events,clusters", "-n", site.namespace, "-o", "yaml")
    seen += controller.log.read_text()
    seen += "".join(path.read_text(errors="replace") for path in controller.private.rglob("*") if path.is_file())
    assert "remote-machine://" in seen
    for secret in (TOKEN, key[:60], base64.b64encode(TOKEN.encode()).decode()):
        assert secret not in seen.replace("\n", "")


def _with_node(site: Site, name: str) -> object:
    machine = site.get("Machine", name)
    return machine if (machine["status"].get("nodeRef") or {}).get("name") else None


def test_a_template_gets_the_name_of_the_host_that_a_machine_has(
    site: Site, controller: ControllerProcess, host: Host
) -> None:
    """As kubeadm's templates name the node. What comes after the sentinel may fail, and is told."""
    site.keys([host])
    content = "{{ ds.meta_data.local_hostname }} {{ v1.distro }} {{ ds.meta_data.name }}\n"
    document = cloud_config([{"path": "/var/tmp/node", "content": content}], [counted("once")], ["exit 7"])
    site.secret("data", {"value": document, "format": b"cloud-config"})
    site.cluster()
    site.machine("m", address(host))
    site.provisioned("m")
    assert host.ssh("cat /var/tmp/node").stdout == f"{host.name} debian m\n"
    assert count(host, "once") == 1
    remote = site.get("RemoteMachine", "m")
    told = condition(remote, "BootstrapExecSucceeded")
    assert (told["status"], told["reason"]) == ("True", "SucceededWithWarnings")
    assert "(exit status 7)" in told["message"]
    site.until("the event", lambda: "BootstrapSucceeded" in site.events("m"))
    [event] = [event for event in site.all("Event") if event["reason"] == "BootstrapSucceeded"]
    assert (event["type"], "(exit status 7)" in event["message"]) == ("Warning", True)


def test_a_long_run_tells_how_far_it_is(site: Site, controller: ControllerProcess, host: Host) -> None:
    site.keys([host])
    site.data(commands=["echo begun", "sleep 15", "sleep 1"])
    site.cluster()
    site.machine("m", address(host))

    def told() -> dict[str, Any]:
        progress: dict[str, Any] = (site.get("RemoteMachine", "m").get("status") or {}).get("progress") or {}
        return progress

    site.until("the step that takes long is told", lambda: told().get("step") == 2)
    assert told() == {"step": 2, "steps": 5, "title": "run runcmd[1]: sleep …", "since": told()["since"]}
    site.provisioned("m")
    assert told() == {}
