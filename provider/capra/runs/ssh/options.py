"""The options that every ssh of a run has, to its host and to each bastion. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CONNECT_TIMEOUT = 10
KEEPALIVE_INTERVAL = 10
KEEPALIVE_COUNT = 3
"""Seconds for a connection, and between two questions whether it is still there; so many may stay unanswered."""


def session_options(host_keys: Sequence[str], known_hosts: Path, alias: str) -> dict[str, str]:
    """By OpenSSH's names: the pinned key or the first one seen, our key only, no connection that outlives the run.
    known_hosts: the file with the keys, and nothing else. alias: the host's name in it. Whatever is not here, and not
    in the configuration file of the same ssh, has OpenSSH's own default, since no other file is read."""
    return {
        "StrictHostKeyChecking": "yes" if host_keys else "accept-new",
        "UserKnownHostsFile": one_file(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        # A host that is reached under another name (HostName) is known by the address that Capra was given.
        "HostKeyAlias": alias,
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "FingerprintHash": "sha256",
        "VisualHostKey": "no",
        "BatchMode": "yes",
        "PreferredAuthentications": "publickey",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ForwardAgent": "no",
        "ControlMaster": "no",
        "ControlPath": "none",
        "ServerAliveInterval": str(KEEPALIVE_INTERVAL),
        "ServerAliveCountMax": str(KEEPALIVE_COUNT),
    }


def one_file(path: Path) -> str:
    """A path as the value of an option that takes several: OpenSSH splits it at blanks, and expands percent signs."""
    return '"{}"'.format(str(path).replace("%", "%%"))
