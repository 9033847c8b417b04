"""A host of a pool is looked at over real SSH while nobody has it: its facts, and what is in the way of a bootstrap."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capra.model.machine import IGNORED_FINDINGS_ANNOTATION
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Raw, Site, address, condition
from tests.e2e.support import count, counted
from tests.hosts import Host

INTERVAL = 4


@pytest.fixture
def probing(management: Management, site: Site, tmp_path: Path) -> Iterator[ControllerProcess]:
    """A controller that probes often."""
    settings = (f"--namespace={site.namespace}", f"--probe-interval={INTERVAL}s")
    process = ControllerProcess(management.plane.kubeconfig_for(*ACCOUNT), tmp_path, settings)
    try:
        process.start()
        yield process
    finally:
        process.end()
        print(process.tail(100))


def until_probed(site: Site, name: str, **wanted: str) -> Raw:
    """Until the conditions of the last probe have these statuses; the entry."""

    def holds() -> Any:
        entry = site.get("PooledRemoteMachine", name)
        told = {kind: condition(entry, kind).get("status") for kind in wanted}
        return entry if told == wanted else None

    found: Raw = site.until(f"PooledRemoteMachine {name} has {wanted}", holds)
    return found


@pytest.mark.parametrize("host", ["systemd", "openrc"], indirect=True)
def test_a_free_host_is_looked_at_and_told_of(site: Site, probing: ControllerProcess, host: Host) -> None:
    site.keys([host])
    host.ssh("touch /var/tmp/mark; sleep 1.1", check=True)
    # A host with OpenRC has no cgroups here, which would be in the way of a kubelet.
    ignored = {IGNORED_FINDINGS_ANNOTATION: "cgroup"} if host.init == "openrc" else {}
    site.create("PooledRemoteMachine", "good", {"pool": "p", "machine": address(host)}, annotations=ignored)
    site.create("PooledRemoteMachine", "away", {"pool": "p", "machine": address(host) | {"port": 1}})
    entry = until_probed(site, "good", Reachable="True", Fit="True")
    facts = entry["status"]["facts"]
    wanted = host.ssh("uname -r; nproc; cat /etc/machine-id; . /etc/os-release; echo $ID; echo $VERSION_ID", check=True)
    told = [facts["kernel"], str(facts["cpus"]), facts["machineID"], facts["os"], facts["osVersion"]]
    assert told == wanted.stdout.split()
    assert facts["init"] == host.init
    assert host.address in facts["addresses"]
    assert facts["architecture"] in {"amd64", "arm64"}
    assert facts["memory"].endswith("Mi")
    assert int(facts["disk"].removesuffix("Mi")) > 0
    assert facts["virtualization"] not in {"", "unknown"}
    # Read only: nothing has changed but what sshd itself writes.
    files = "find / -xdev -newer /var/tmp/mark -type f ! -path '/var/log/*' ! -path '/run/*' ! -path '/proc/*'"
    assert host.ssh(files).stdout.split() == []
    entry = until_probed(site, "away", Reachable="False", Fit="Unknown")
    assert condition(entry, "Reachable")["reason"] == "Unreachable"
    assert "refused" in condition(entry, "Reachable")["message"]
    _in_the_way(site, host)
    _keeps_the_key(site, probing, host)


def _in_the_way(site: Site, host: Host) -> None:
    """Something has the API server's port: the machine waits, is told, and gets the host when that is mended."""
    host.ssh("/usr/sbin/sshd -p 6443 -o PidFile=/run/second.pid -E /dev/null", check=True)
    entry = until_probed(site, "good", Reachable="True", Fit="False")
    assert "port 6443 is in use: see what listens there" in condition(entry, "Fit")["message"]
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    site.machine("m", {"pool": "p"})
    machine = site.waits("m", "PoolExhausted")
    message = condition(machine, "Ready")["message"]
    assert "; by their last probes 1 Unreachable and 1 Unfit; the nearest is good: 1 error: port 6443" in message
    host.ssh("kill $(cat /run/second.pid)", check=True)
    site.provisioned("m", INTERVAL + 60)
    assert site.get("RemoteMachine", "m")["spec"]["port"] == host.port
    assert count(host, "bootstrap") == 1


def _keeps_the_key(site: Site, probing: ControllerProcess, host: Host) -> None:
    """The SSH key stands nowhere but in its Secret."""
    key = "".join(Path(host.key_file).read_text().splitlines()[1:3])
    seen = site.plane.kubectl("get", "pooledremotemachines,events", "-n", site.namespace, "-o", "yaml")
    seen += probing.log.read_text()
    assert "machineID" in seen
    for secret in (key[:60], base64.b64encode(key.encode()).decode()[:60]):
        assert secret not in seen.replace("\n", "")
