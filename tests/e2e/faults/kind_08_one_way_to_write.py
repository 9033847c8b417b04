"""Kind 8: undo driven by the intent, not by what is on the disk."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host


@scenario("/etc/hosts is a mount")
def a_mount(case: dict[str, Any], host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(case["given"]["write_files"]))
    look = "stat -c '%a %u %g' /etc/hosts; cat /etc/hosts"
    before = host.ssh(look).stdout
    host.ssh(case["host"], check=True)

    assert capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)[0]["outcome"] == "Finished"
    assert host.ssh(look).stdout == before + "192.0.2.1 cp\n"
    assert capra.json("cleanup", "-f", manifest)[0]["outcome"] == "Finished"

    assert host.ssh(look).stdout == before
    assert host.ssh("grep -c ' /etc/hosts ' /proc/self/mountinfo").stdout == "1\n"
    assert host.ssh("ls -d /etc/.capra.*").stdout == ""


@scenario("read-only target")
def read_only(case: dict[str, Any], host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(case["given"]["write_files"]))
    host.ssh("mount --bind /usr/local/bin /usr/local/bin && mount -o remount,bind,ro /usr/local/bin", check=True)
    before = host.ssh("ls -la /usr/local/bin").stdout

    for _ in range(2):
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
        assert report["outcome"] == "StepFailed"
        assert "/usr/local/bin/k0s cannot be written: Read-only file system" in report["message"]
    assert capra.json("cleanup", "-f", manifest)[0]["outcome"] == "Finished"
    assert host.ssh("ls -la /usr/local/bin; ls -d /var/lib/capra").stdout == before
