"""Services that the bootstrap provider's own files and commands install."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

DIRECTORY = "/etc/k0smotron"
SCRIPT = """#!/bin/sh
echo ran >> /var/tmp/k0sleave
if [ "$(k0s kc get controlnodes x)" = true ]; then until k0s etcd leave; do sleep 1; done; fi
"""
UNIT = """[Unit]
Description=k0s etcd leave service
[Service]
ExecStart=/bin/true
ExecStop=/etc/bin/k0sleave.sh
TimeoutStopSec=180
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
"""
OPENRC = """#!/sbin/openrc-run
name="k0sleave"
command="/etc/bin/k0sleave.sh"
"""
SYSV = """#!/bin/sh
### BEGIN INIT INFO
# Provides: k0sleave
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
cmd="/etc/bin/k0sleave.sh"
case $1 in start) $cmd & echo $! > /run/k0sleave.pid ;; stop) kill "$(cat /run/k0sleave.pid)" ;; esac
exit 0
"""


def _file(path: str, content: str, mode: str = "0644") -> dict[str, Any]:
    return {"path": path, "content": content, "permissions": mode}


FILES = [
    _file("/etc/bin/k0sleave.sh", SCRIPT, "0777"),
    _file(f"{DIRECTORY}/k0sleave.service", UNIT),
    _file(f"{DIRECTORY}/k0sleave-openrc", OPENRC, "0755"),
    _file(f"{DIRECTORY}/k0sleave-sysv", SYSV, "0755"),
]
"""As k0smotron's control planes have them: written beside, and installed by commands."""

COMMANDS = [
    f"""if [ -d /run/systemd/system ]; then
    cp {DIRECTORY}/k0sleave.service /etc/systemd/system/ && systemctl daemon-reload && systemctl enable --now k0sleave
elif command -v rc-update; then
    cp {DIRECTORY}/k0sleave-openrc /etc/init.d/k0sleave && rc-update add k0sleave shutdown
else
    cp {DIRECTORY}/k0sleave-sysv /etc/init.d/k0sleave && update-rc.d k0sleave defaults && service k0sleave start
fi""",
]
K0S = ["k0s install controller", "k0s start"]
LEFT = (
    "ls -d /etc/bin /etc/k0smotron /etc/systemd/system/*k0sleave* /etc/systemd/system/*.wants/k0sleave* "
    "/etc/init.d/k0sleave /etc/rc?.d/*k0sleave /etc/runlevels/*/k0sleave /var/lib/capra 2>/dev/null; "
    "[ ! -d /run/systemd/system ] || systemctl list-units --all --no-legend 'k0sleave*'; true"
)


@scenario("k0sleave stays")
def k0sleave_stays(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config(FILES, [*COMMANDS, *K0S])))
    assert host.ssh("systemctl is-enabled k0sleave").stdout == "enabled\n"

    [report] = capra.json("cleanup", "-f", manifest)

    assert report["outcome"] == "Finished"
    assert host.ssh(LEFT).stdout == ""
    assert host.ssh("cat /var/tmp/k0sleave").stdout == ""  # the cleanup has left etcd itself, with its own bounds
