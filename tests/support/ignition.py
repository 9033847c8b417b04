"""Ignition configs for tests: documents, data URLs, and what Cluster API's kubeadm provider writes."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

SENTINEL = "mkdir -p /run/cluster-api && echo success > /run/cluster-api/bootstrap-success.complete"


def config(version: str = "3.4.0", /, **sections: Any) -> bytes:
    """A config of that version. sections: storage, systemd, passwd; `ignition` adds to the header."""
    header = {"version": version, **sections.pop("ignition", {})}
    return json.dumps({"ignition": header, **sections}).encode()


def data_url(content: bytes | str) -> str:
    """Bytes in base64, text with percent signs."""
    if isinstance(content, bytes):
        return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"
    return f"data:,{quote(content)}"


def kubeadm(command: str = "kubeadm join", **further: Any) -> bytes:
    """What Cluster API's kubeadm provider writes for a worker with `format: ignition`, a user, and a drop-in of
    `additionalConfig` (bootstrap/kubeadm/pkg/ignition/clc). command: in place of kubeadm. further: sections that are
    added to."""
    script = f"#!/bin/bash\nset -e\n\n{command}\n{SENTINEL}\nmv /etc/kubeadm.yml /tmp/\n"
    unit = (
        "[Unit]\nDescription=kubeadm\n# Run only once. After successful run, this file is moved to /tmp/.\n"
        "ConditionPathExists=/etc/kubeadm.yml\nAfter=network.target\n[Service]\n"
        "# To not restart the unit when it exits, as it is expected.\nType=oneshot\n"
        "ExecStart=/bin/bash /etc/kubeadm.sh\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    dropin = {"name": "10-flatcar.conf", "contents": "[Unit]\nAfter=network-online.target\n"}
    files = [
        ("/etc/sudoers.d/foo", "foo ALL=(ALL) NOPASSWD:ALL\n", 384),
        ("/etc/kubeadm.sh", script, 448),
        ("/etc/kubeadm.yml", "---\nkind: JoinConfiguration\n", 384),
    ]
    return config(
        "2.3.0",
        ignition={"config": {}, "security": {"tls": {}}, "timeouts": {}},
        networkd={},
        passwd={
            "users": [
                {
                    "name": "foo",
                    "gecos": "Foo B. Bar",
                    "shell": "/bin/bash",
                    "sshAuthorizedKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA foo"],
                }
            ]
        },
        storage={
            "files": [
                {
                    "filesystem": "root",
                    "path": path,
                    "contents": {"source": data_url(content), "verification": {}},
                    "mode": mode,
                }
                for path, content, mode in files
            ]
            + further.get("files", [])
        },
        systemd={
            "units": [
                {"name": "kubeadm.service", "enabled": True, "contents": unit},
                {"name": "kubeadm.service", "enabled": True, "dropins": [dropin]},
            ]
        },
    )
