"""Root believes what root owns."""

from __future__ import annotations

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host

OWN = """#!/bin/sh
if [ "$(id -u)" = 0 ]; then touch /var/tmp/run-by-root; fi
while :; do sleep 1; done
"""


@scenario("a user's own k0s")
def a_users_own_k0s(host: Host, capra: Capra) -> None:
    host.ssh("mkdir -p /srv/precious && echo keep > /srv/precious/file && chown -R ops /srv/precious", check=True)
    host.ssh("cat > k0s && chmod 755 k0s", user="ops", stdin=OWN, check=True)
    flags = "--data-dir=/srv/precious --kubelet-root-dir=/srv/precious"
    start = f"setsid ~/k0s worker {flags} </dev/null >/dev/null 2>&1 & echo $!"
    process = host.ssh(start, user="ops", check=True).stdout.strip()
    # What root itself has on this host is cleaned all the same.
    host.ssh("echo t > /etc/t; k0s install worker --token-file=/etc/t && k0s start", check=True)

    [report] = capra.json("cleanup", "-f", capra.manifests(machine(host, user="ops"), key_secret(host)))

    assert report["outcome"] == "Finished"
    assert host.ssh("test -e /var/tmp/run-by-root").returncode == 1
    assert host.ssh("cat /srv/precious/file").stdout == "keep\n"
    assert host.ssh(f"kill -0 {process}").returncode == 0
    assert host.ssh("ls -d /var/lib/k0s /etc/systemd/system/k0s* 2>/dev/null").stdout == ""
