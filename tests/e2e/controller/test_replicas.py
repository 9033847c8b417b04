"""Two replicas with leader election: one acts, the other takes over in seconds, and no command runs twice."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capra.controller.leadership.lease import LEASE_NAME
from tests.controlplane.faults import Fault, faulty
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Site, address
from tests.e2e.support import count, counted, wait_for
from tests.hosts import Host

ELECTION = (
    "--leader-elect",
    "--leader-elect-lease-duration=6s",
    "--leader-elect-renew-deadline=4s",
    "--leader-elect-retry-period=1s",
    # Where the role is; in a Pod it is the Pod's own.
    f"--leader-election-namespace={ACCOUNT[0]}",
)


@pytest.fixture
def replicas(management: Management, site: Site, tmp_path: Path) -> Iterator[list[ControllerProcess]]:
    """Two, not yet started."""
    kubeconfig = management.plane.kubeconfig_for(*ACCOUNT)
    made = []
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        made.append(ControllerProcess(kubeconfig, directory, (f"--namespace={site.namespace}", *ELECTION)))
    yield made
    for one in made:
        if one.process is not None:
            one.end()
            print(one.tail())


def _leads(replica: ControllerProcess) -> bool:
    return any(line.get("event") == "leading" for line in replica.lines())


def _files(replica: ControllerProcess) -> list[Path]:
    """What it has in its private directories."""
    return [path for path in replica.private.rglob("*") if path.is_file()]


def _acted(replica: ControllerProcess) -> list[str]:
    """The reasons of what it has announced."""
    return [line["reason"] for line in replica.lines() if line.get("reason") in {"BootstrapStarted", "CleanupStarted"}]


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "ended"])
def test_the_other_takes_over_in_the_middle_of_a_command(
    site: Site, replicas: list[ControllerProcess], host: Host, killed: bool
) -> None:
    first, second = replicas
    first.start()
    wait_for(lambda: _leads(first), "the first leads")
    second.start()  # it says that it is ready, or no rolling update would ever end
    site.keys([host])
    site.data(commands=[counted("one"), counted("slow", "sleep 10"), counted("last")])
    site.cluster()
    site.machine("m", address(host))
    site.until("the command runs", lambda: count(host, "slow") == 1)
    assert not _leads(second)
    if killed:
        first.kill()
    else:
        assert first.stop() == 0
    wait_for(lambda: _leads(second), "the second leads")
    site.provisioned("m")
    assert [count(host, name) for name in ("one", "slow", "last")] == [1, 1, 1]
    assert (_acted(first), _acted(second)) == (["BootstrapStarted"], ["BootstrapStarted"])
    if not killed:
        assert any(line.get("event") == "gave the Lease back" for line in first.lines())


def test_a_watch_that_is_refused_ends_the_process_and_the_next_one_goes_on(
    site: Site, controller: ControllerProcess, management: Management, host: Host, tmp_path: Path
) -> None:
    """As a kubelet starts it anew. Nothing runs twice."""
    controller.end()
    site.keys([host])
    site.data(commands=[counted("one"), counted("slow", "sleep 10"), counted("last")])
    site.cluster()
    with faulty(management.plane) as proxy:
        through = tmp_path / "through"
        through.write_text(re.sub(r"server: \S+", f"server: {proxy.server}", controller.kubeconfig.read_text()))
        controller.kubeconfig = through
        controller.start()
        site.machine("m", address(host))
        site.until("the command runs", lambda: count(host, "slow") == 1)
        proxy.add(Fault("GET", ".*watch=true.*", 400))
        proxy.drop_watches()
        process = controller.process
        assert process is not None
        assert process.wait(60) == 1
        assert proxy.faults[0].seen == 1
        (ended,) = [line for line in controller.lines() if line.get("event") == "ended"]
        assert "is answered with 400" in ended["error"]
        assert _files(controller) == []
        controller.start()
        site.provisioned("m")
    assert [count(host, name) for name in ("one", "slow", "last")] == [1, 1, 1]
    assert _acted(controller) == ["BootstrapStarted", "BootstrapStarted"]


def test_a_signal_ends_it_and_leaves_nothing_behind(site: Site, controller: ControllerProcess, host: Host) -> None:
    """The host goes on by itself, and the next controller finds that it has. Signals that come again change nothing."""
    site.keys([host])
    site.data(commands=[counted("slow", "sleep 5"), counted("last")])
    site.cluster()
    site.machine("m", address(host))
    site.until("the command runs", lambda: count(host, "slow") == 1)
    process = controller.process
    assert process is not None
    for _ in range(4):
        process.terminate()
        time.sleep(0.02)
    assert process.wait(40) == 0
    assert "Traceback" not in controller.log.read_text()
    assert any(line.get("event") == "ended by a signal" for line in controller.lines())
    assert _files(controller) == []
    wait_for(lambda: count(host, "last") == 1, "the host has gone on")
    controller.start()
    site.provisioned("m")
    assert [count(host, name) for name in ("slow", "last")] == [1, 1]


def test_a_signal_ends_it_before_it_could_read_anything(
    controller: ControllerProcess, management: Management, tmp_path: Path
) -> None:
    controller.end()
    with faulty(management.plane) as proxy:
        through = tmp_path / "through"
        through.write_text(re.sub(r"server: \S+", f"server: {proxy.server}", controller.kubeconfig.read_text()))
        controller.kubeconfig = through
        proxy.add(Fault("GET", ".*remotemachines.*", 500, times=10_000))
        controller.start(ready=False)
        wait_for(lambda: proxy.faults[0].seen > 0, "it has begun to read")
        assert controller.stop() == 0
    assert "Traceback" not in controller.log.read_text()
    assert _files(controller) == []


def test_a_replica_that_has_lost_the_lead_leaves_nothing_behind(
    management: Management, replicas: list[ControllerProcess]
) -> None:
    """Not even the files that are made of what the kubeconfig holds."""
    replica, _ = replicas
    replica.start()
    wait_for(lambda: _leads(replica), "it leads")
    assert _files(replica)
    stolen = '{"spec": {"holderIdentity": "another"}}'
    management.plane.kubectl("patch", "lease", LEASE_NAME, "-n", ACCOUNT[0], "--type=merge", "-p", stolen)
    assert replica.process is not None
    assert replica.process.wait(60) == 1
    assert _files(replica) == []
