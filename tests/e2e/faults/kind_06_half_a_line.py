"""Kind 6: half a line joins the next one."""

from __future__ import annotations

from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils import programs
from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

DEEP = "/".join(["/opt/deep", *("d" * 90 for _ in range(35))])
"""Its directories make one note of 60 kB, so the disk is full in the middle of it."""

ROOM = 46_000
"""Bytes that are free on the disk beside the program and what it is sent; the list of services takes 12,000 of them."""


@scenario("full disk in `written`")
def full_disk(host: Host, capra: Capra) -> None:
    files: list[dict[str, Any]] = [
        {"path": "/etc/secret", "permissions": "0600", "content": "token\n"},
        {"path": f"{DEEP}/secret", "permissions": "0600", "content": "token\n"},
        {"path": "/etc/motd", "content": "changed\n"},
        {"path": "/etc/hosts", "append": True, "content": "192.0.2.1 cp\n"},
    ]
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(files))
    look = "cat /etc/motd /etc/hosts; ls -a /etc /opt"
    before = host.ssh(look).stdout
    size = len(programs.detached()) + ROOM
    host.ssh(f"mkdir -p /var/lib/capra && mount -t tmpfs -o mode=700,size={size} tmpfs /var/lib/capra", check=True)

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)

    assert report["outcome"] != "Finished", report
    written = host.ssh("cat /var/lib/capra/bootstrap-*/written").stdout
    boot, _, rest = written.partition("\n")
    assert boot.startswith("boot 0 ")
    assert rest.startswith("private 0 /etc/.capra.")
    assert not written.endswith("\n"), "the disk was full elsewhere"
    host.ssh("mount -o remount,size=50m /var/lib/capra", check=True)
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert host.ssh(f"cat /etc/secret {DEEP}/secret").stdout == "token\n" * 2
    assert "(half)\n" in host.ssh("cat /var/lib/capra/bootstrap-*/written").stdout
    # An old state directory is a mount here, which a cleanup empties and leaves.
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert host.ssh(look).stdout == before
