"""The options that every ssh of a run has, to its host and to each bastion, and the files with what it may believe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from capra.model.checks import same_address
from capra.model.host_port import known_hosts_name
from capra.model.keys.host_key import is_authority, is_fingerprint, known_hosts_line
from capra.runs.directory.private import write_private
from capra.runs.paths import KNOWN_KEY

CONNECT_TIMEOUT = 10
KEEPALIVE_INTERVAL = 10
KEEPALIVE_COUNT = 3
"""Seconds for a connection, and between two questions whether it is still there; so many may stay unanswered."""

KNOWN_HOSTS = "known_hosts"
FINGERPRINTS = "fingerprints"
"""Files: keys and authorities, and what keys are pinned by without being known."""


def write_known(place: Path, address: str, port: int, host_keys: Sequence[str]) -> None:
    """Write what a host has to show into a private directory. host_keys: pinned, as in a Connection."""
    alias = host_alias(address, port, host_keys)
    lines = (known_hosts_line(alias, key) for key in host_keys if not is_fingerprint(key))
    write_private(place / KNOWN_HOSTS, "".join(f"{line}\n" for line in lines).encode())
    fingerprints = [key for key in host_keys if is_fingerprint(key)]
    if fingerprints:
        write_private(place / FINGERPRINTS, "".join(f"{one}\n" for one in fingerprints).encode())


def session_options(place: Path, address: str, port: int, host_keys: Sequence[str]) -> dict[str, str]:
    """By OpenSSH's names: the pinned key or the first one seen, our key only, no connection that outlives the run.
    place: where `write_known` has written. Whatever is not here, and not in the configuration file of the same ssh, has
    OpenSSH's own default, since no other file is read."""
    by_fingerprint = any(map(is_fingerprint, host_keys))
    return {
        **({"KnownHostsCommand": _known_hosts_command(place)} if by_fingerprint else {}),
        "StrictHostKeyChecking": "yes" if host_keys else "accept-new",
        "UserKnownHostsFile": one_file(place / KNOWN_HOSTS),
        "GlobalKnownHostsFile": "/dev/null",
        # A host that is reached under another name (HostName) is known by the address that Capra was given.
        "HostKeyAlias": host_alias(address, port, host_keys),
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


def host_alias(address: str, port: int, host_keys: Sequence[str]) -> str:
    """The host's name in the file. A certificate names hosts without a port."""
    return same_address(address) if any(map(is_authority, host_keys)) else known_hosts_name(address, port)


def _known_hosts_command(place: Path) -> str:
    """OpenSSH splits it into words itself, and fills its tokens in: name, type, key and fingerprint."""
    words = [_word(str(path)) for path in (KNOWN_KEY, place / FINGERPRINTS)]
    return f"/bin/sh {' '.join(words)} %H %t %K %f"


def _word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
