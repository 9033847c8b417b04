"""A foreign tool's exit status, and a refusal that may pass."""

from __future__ import annotations

import time

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine, wait_for
from tests.hosts import Host

CLEAN = "ls -d /var/lib/k0s /etc/k0s /run/k0s /etc/systemd/system/k0s* 2>/dev/null; grep k0s /proc/mounts; true"


def _knob(host: Host, name: str, content: str = "") -> None:
    host.ssh(f"cat > /etc/k0s-standin/{name}", stdin=content, check=True)


def _controller(host: Host) -> None:
    """Of two members."""
    members = f"{host.name}=https://{host.address}:2380\nother=https://192.0.2.9:2380\n"
    _knob(host, "members", members)
    host.ssh("k0s install controller && k0s start", check=True)
    wait_for(lambda: host.ssh("k0s status").returncode == 0, "the controller runs")


@scenario("reset fails for ever")
def reset_fails_for_ever(host: Host, capra: Capra, standin: None) -> None:
    _knob(host, "mounts")
    _knob(host, "reset-breaks")
    host.ssh("echo t > /etc/t; k0s install worker --token-file=/etc/t && k0s start", check=True)
    wait_for(lambda: "k0s" in host.ssh("cat /proc/mounts").stdout, "the worker has its mount")

    [report] = capra.json("cleanup", "-f", capra.manifests(machine(host), key_secret(host)))

    assert report["outcome"] == "Finished"
    assert "reset: warning:" in report["message"]
    assert "device or resource busy" in report["message"]
    assert host.ssh(CLEAN).stdout == ""


@scenario("leave is refused at first")
def leave_is_refused_at_first(host: Host, capra: Capra, standin: None) -> None:
    _knob(host, "leave-unhealthy-seconds", "15")
    _controller(host)
    began = time.monotonic()

    [report] = capra.json("cleanup", "-f", capra.manifests(machine(host), key_secret(host)))

    assert report["outcome"] == "Finished"
    assert time.monotonic() - began > 15
    verbs = [call for call in host.k0s_calls() if call.split(" ")[0] in ("etcd", "stop", "reset")]
    assert verbs.count("etcd leave") > 1
    assert verbs[-2:] == ["etcd leave", "reset"]
    assert "unhealthy" not in report["message"]
    assert host.ssh(CLEAN).stdout == ""


@scenario("leave is refused for good")
def leave_is_refused_for_good(host: Host, capra: Capra, standin: None) -> None:
    _knob(host, "leave-fails")
    _controller(host)
    manifest = capra.manifests(machine(host), key_secret(host))

    [report] = capra.json("cleanup", "-f", manifest, code=1)

    assert report["outcome"] == "StepFailed"
    assert "leave: failed: k0s etcd leave has failed, status 1" in report["message"]
    assert host.ssh("k0s status").returncode == 0
    assert [call for call in host.k0s_calls() if call.split(" ")[0] in ("stop", "reset")] == []
    assert host.ssh("test -d /var/lib/k0s/etcd").returncode == 0
