"""The usual remedy for a failed step, by the line of its output that tells why. Pure.

It is advice beside the program's own words: what a step prints may mean anything, and decides nothing.
"""

from __future__ import annotations

import re

from capra.model.run import Connection

NOT_FOUND = 127
NOT_EXECUTABLE = 126
KILLED = 137

_DENIED = re.compile(
    r"permission denied|operation not permitted|are you root|must be (?:run as )?root|need to be root|as root\b"
    r"|requires root|access denied|not authorized|interactive authentication required",
    re.IGNORECASE,
)
_REMEDIES = tuple(
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (
            r"no space left|disk quota exceeded|not enough free space",
            "the host's disk is full: see `df -h` and `df -i`",
        ),
        (
            r"could not get lock|unable to (?:acquire|lock).*dpkg|another (?:process|app).*(?:using it|holding the yum)"
            r"|unable to lock database|system management is locked",
            "another package manager is at work on the host: try again when it has ended; `packages` waits for it, and"
            " so does `apt-get -o DPkg::Lock::Timeout=600`",
        ),
        (
            r"unable to locate package|has no installation candidate|no package \S+ available|unable to find a match"
            r"|unable to select packages|no provider of '",
            "the host's package lists are old or lack its repository: update them first (`package_update: true`)",
        ),
        (
            r"not yet valid|not valid yet|clock skew|certificate has expired or is not",
            "compare the host's clock (`date -u`) with the right time: certificates and package lists depend on it",
        ),
        (
            r"could not resolve|temporary failure (?:in name )?resol|name or service not known|no such host"
            r"|bad address|lookup \S+ .*(?:server misbehaving|i/o timeout)",
            "the host cannot look that name up: see its /etc/resolv.conf",
        ),
        (
            r"network is unreachable|no route to host|connection timed out|i/o timeout",
            "the host cannot reach that address: see its routes, proxy and firewall",
        ),
        (r"connection refused", "nothing listens at that address and port yet"),
        (r"read-only file system", "that file system of the host is mounted read-only: use another path"),
        (
            r"port \d+ is in use|address already in use",
            "see what an earlier installation has left there",
        ),
        (r"running with swap on", "turn swap off first: `swapoff -a`, and no swap in /etc/fstab"),
    )
)


def remedy_of_step(cause: str, rc: int, connection: Connection, become_field: str) -> str:
    """The rest of a sentence, or nothing. cause: the line that tells why. rc: the exit status. become_field: where
    `useSudo` stands (`spec.useSudo`)."""
    plain_user = connection.user != "root" and not connection.become
    if _DENIED.search(cause) and plain_user:
        return f"user {connection.user} is not root: set {become_field}: true"
    for pattern, remedy in _REMEDIES:
        if pattern.search(cause):
            return remedy
    if rc == NOT_FOUND:
        return "the host has no such program in its PATH: install it before (`packages`), or give its full path"
    if rc == NOT_EXECUTABLE:
        return "the host may not execute that file: see its mode (0755), its first line and the mount option noexec"
    if rc == KILLED:
        return "see whether the host has run out of memory (`dmesg`)"
    return ""
