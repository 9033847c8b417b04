"""Kind 24: an address and a port, shown so that they can be read again."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine, wait_for
from tests.hosts import Host, network, state
from tests.missing import missing


def link_local(host: Host) -> str:
    """The host's link-local address, with the zone that it has on this side."""
    shown = host.ssh("ip -6 -o address show dev eth0 scope link", check=True).stdout
    found = re.search(r"inet6 (fe80::[0-9a-f:]+)", shown)
    if found is None:
        missing("IPv6")
    group = state.load(host.state_dir)
    assert group is not None
    address = f"{found[1]}%{network.bridge(group.id)}"
    # Both sides look for a second or two whether anybody else has their addresses (RFC 4862), and take them only then.
    wait_for(lambda: _answers(address), f"{address} answers")
    return address


def _answers(address: str) -> bool:
    try:
        socket.create_connection((address, 22), timeout=1).close()
    except OSError:
        return False
    return True


@scenario("link-local address")
def link_local_address(host: Host, capra: Capra) -> None:
    address = link_local(host)
    manifest = capra.manifests(machine(host, address=address), key_secret(host))
    data = capra.data(cloud_config())
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert report["outcome"] == "Finished"

    host.ssh(
        "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key;"
        " systemctl restart ssh",
        check=True,
    )
    [report] = capra.json("cleanup", "-f", manifest, code=1)
    assert report["outcome"] == "HostKeyChanged"
    printed = report["message"][report["message"].index("capra trust") :]
    # As it stands: through a shell.
    words = subprocess.run(
        ["bash", "-c", f'printf "%s\\n" {printed}'], capture_output=True, text=True, check=True, cwd=capra.directory
    ).stdout.split("\n")
    assert words[:-1] == shlex.split(printed)
    capra.run(*words[1:-1])
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
