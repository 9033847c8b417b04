"""What counts of the caller's own OpenSSH configuration: the way to a host, and nothing else (docs/decisions/0017).

The configuration is resolved by OpenSSH itself (`ssh -G`), so that Host, Match and Include keep working. A run gets a
configuration file of its own with what is kept; with `-F` OpenSSH reads neither the caller's nor the system's.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from capra.errors import InputError
from capra.model.host_port import split_host_port
from capra.model.run import Connection

OWN_FILES = ""
NO_FILES = "none"
"""As for `ssh -F`: the caller's and the system's files, and none."""

TIMEOUT = 30
"""Seconds: a configuration may run commands (Match exec) and look names up (CanonicalizeHostname)."""

KEPT = {
    "hostname": "HostName",
    "proxycommand": "ProxyCommand",
    "proxyusefdpass": "ProxyUseFdpass",
    "addressfamily": "AddressFamily",
    "bindaddress": "BindAddress",
    "bindinterface": "BindInterface",
    "tcpkeepalive": "TCPKeepAlive",
    "ipqos": "IPQoS",
    "compression": "Compression",
    "rekeylimit": "RekeyLimit",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "kexalgorithms": "KexAlgorithms",
    "hostkeyalgorithms": "HostKeyAlgorithms",
    "pubkeyacceptedalgorithms": "PubkeyAcceptedAlgorithms",
    "pubkeyacceptedkeytypes": "PubkeyAcceptedKeyTypes",
}
"""Where the host is and what an old one understands: by `ssh -G`'s name, the option's. pubkeyacceptedkeytypes is the
name before OpenSSH 8.5."""

JUMP = {
    "IgnoreUnknown": "SessionType,StdinNull,ForkAfterAuthentication",  # OpenSSH knows them from 8.7 on
    "SessionType": "default",
    "StdinNull": "no",
    "ForkAfterAuthentication": "no",
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "LogLevel": "INFO",
}
"""On the way through a jump host the caller's own configuration counts, but for what would break the way."""


def read_way(connection: Connection, files: str) -> str:
    """The lines for a run's own configuration file; empty where nothing is to be kept. files: see OWN_FILES, or the
    path of one file. Raises InputError for a configuration that OpenSSH refuses."""
    if files == NO_FILES:
        return ""
    return way(_resolved(connection, files), _resolved(connection, NO_FILES))


def way(found: Mapping[str, str], default: Mapping[str, str]) -> str:
    """What differs from OpenSSH's own defaults. Both as `ssh -G` tells them. Pure."""
    lines = [f"{KEPT[name]} {_value(name, value)}" for name, value in found.items() if _counts(name, value, default)]
    if (jump := found.get("proxyjump", "none")) != "none":
        lines.append(f"ProxyCommand {_through(jump)}")
    return "".join(f"{line}\n" for line in lines)


def _counts(name: str, value: str, default: Mapping[str, str]) -> bool:
    return name in KEPT and value != default.get(name)


def _value(name: str, value: str) -> str:
    # A percent sign begins one of OpenSSH's tokens, which `ssh -G` has filled in already in a host's name only.
    return value.replace("%", "%%") if name == "hostname" else value


def _through(jump: str) -> str:
    """The command for ProxyCommand that does what ProxyJump would: OpenSSH hands the file of `-F` on to jump hosts,
    which are the caller's to configure."""
    before, _, last = jump.rpartition(",")
    user, _, place = last.rpartition("@")
    host, port = split_host_port(place) if ":" in place else (place, None)
    words = ["ssh", *(word for name, value in JUMP.items() for word in ("-o", f"{name}={value}"))]
    words += [
        *(("-l", user) if user else ()),
        *(("-p", str(port)) if port else ()),
        *(("-J", before) if before else ()),
    ]
    quoted = [shlex.quote(word).replace("%", "%%") for word in (*words, "--", host)]
    return " ".join([*quoted[:-2], "-W", "'[%h]:%p'", *quoted[-2:]])


def _resolved(connection: Connection, files: str) -> dict[str, str]:
    """Each option by its name in lower case; of one that stands several times, the last value."""
    command = ["ssh", *(("-F", files) if files else ()), "-G", "-p", str(connection.port), "-l", connection.user]
    try:
        done = subprocess.run(
            [*command, "--", connection.address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"OpenSSH has not read its configuration within {TIMEOUT} s (ssh -G): see its Match exec lines"
        raise InputError(problem, subject=connection.address) from None
    if done.returncode != 0:
        said = " ".join(line for line in done.stderr.splitlines() if not line.startswith("Pseudo-terminal"))
        raise InputError(f"OpenSSH refuses its configuration (ssh -G): {said}", subject=connection.address)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def file_in(directory: Path) -> Path:
    """The configuration file of the run with this private directory."""
    return directory / "ssh_config"
