"""The saved documents of bootstrap providers, for hosts without network and disks."""

from __future__ import annotations

import yaml

from tests.e2e.cloud_init.pair import Pair
from tests.support.documents import load_all

DISKS = ("disk_setup", "fs_setup", "mounts")
NOT_HERE = {
    "k0smotron-worker-powershell": "is for Windows",
    "k0smotron-worker-powershell-xml": "is for Windows",
    "rke2-agent-checksum": "is no YAML",
    "rke2-agent-everything": "its script changes the kernel's settings",
    "talos-worker": "is no cloud-config",
    "microk8s-control-plane": "its scripts wait for snapd",
    "microk8s-init": "its scripts wait for snapd",
    "microk8s-worker": "its scripts wait for snapd",
}
_DOCUMENTS = {document.name: document for document in load_all()}
SAVED = sorted(name for name, document in _DOCUMENTS.items() if document.format != "ignition" and name not in NOT_HERE)

STAND_IN = """#!/bin/sh
echo "${0##*/}: $*; in $PWD as $(id -un) with $(umask)" >> /var/tmp/calls
"""
"""In the place of programs that need a network or a cluster: tells how it was called."""

PROGRAMS = ("kubeadm", "curl", "k0s")
FILES = ("/opt/install.sh",)
SERVICES = ("k0sworker", "k0scontroller", "rke2-agent", "rke2-server")
UNIT = (
    "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n"
)


def stand_in(pair: Pair) -> None:
    """Put them in their places on both hosts, once."""
    for host in (pair.ours, pair.theirs):
        for path in (*(f"/usr/local/bin/{name}" for name in PROGRAMS), *FILES):
            host.ssh(f"rm -f {path}; cat > {path}; chmod 755 {path}", stdin=STAND_IN, check=True)
        for name in SERVICES:
            host.ssh(f"printf '{UNIT}' > /etc/systemd/system/{name}.service", check=True)
        # Each is the first document of its host: cloud-init would write the same rules once more.
        host.ssh("systemctl daemon-reload; rm -f /etc/sudoers.d/90-cloud-init-users", check=True)


def runnable(name: str) -> bytes:
    """The document without its disks."""
    text = _DOCUMENTS[name].value
    header = text[: text.index("#cloud-config")]
    document = yaml.safe_load(text)
    for key in DISKS:
        document.pop(key, None)
    return f"{header}#cloud-config\n{yaml.safe_dump(document, sort_keys=False)}".encode()
