"""Checks of single values in a manifest. Each returns the value, or raises ValueError with the rest of a sentence that
begins with the field ('must be …'). Pure."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from functools import lru_cache

MAX_LENGTH = 256
"""Characters of an address (Cluster API's own limit for a machine's address) and of a user name."""

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_NUMBERS = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)(\.(0[xX][0-9A-Fa-f]*|[0-9]+))*\.?")
"""What inet_aton, and so ssh, may take for an IPv4 address: `0xc0000203` and `192.0.515` are 192.0.2.3."""

_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_KEY_TYPE = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_ZONE = re.compile(r"[A-Za-z0-9_.@-]{1,15}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\s]")
_REFUSED_BY_SSH = re.compile(r"""['`";&<>|(){}]|\\\Z""")
"""What OpenSSH's client refuses in a login name since 9.6 (ssh.c, `valid_ruser`). Ansible's templates need braces."""


def failure_domain(value: str) -> str:
    """The name of a failure domain. Empty stays empty."""
    if len(value) > MAX_LENGTH or _UNSAFE.search(value):
        raise ValueError(f"must be a name of at most {MAX_LENGTH} characters, without blanks and control characters")
    return value


def address(value: str) -> str:
    """An IPv4 or IPv6 address (a zone is fine) or a DNS name, without port and brackets. Empty stays empty."""
    if not value:
        return value
    if _UNSAFE.search(value):
        raise ValueError("must not hold spaces, line breaks or control characters")
    if value.startswith("-"):
        raise ValueError("must not begin with a dash")
    if value.startswith("["):
        raise ValueError("must be without brackets; the port belongs in 'port'")
    try:
        ipaddress.ip_address(value)
    except ValueError:
        _host_name(value)
        return value
    _, percent, zone = value.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        raise ValueError("must have the name of a network interface behind '%', and no port; the port stands apart")
    return value


def required_address(value: str) -> str:
    """The same, where it must be given."""
    if not value:
        raise ValueError("is required: the address that the bastion is reached at")
    return address(value)


def _host_name(value: str) -> None:
    host, _, port = value.rpartition(":")
    if host and ":" not in host and port.isdigit():
        raise ValueError("must be without a port; the port belongs in 'port'")
    if len(value) > MAX_LENGTH or not _HOST_NAME.fullmatch(value):
        raise ValueError("must be an IPv4 address, an IPv6 address or a DNS name")
    if _NUMBERS.fullmatch(value):
        raise ValueError("looks like an IPv4 address and is none (four numbers from 0 to 255, without leading zeros)")


def same_address(value: str) -> str:
    """The address in the one form by which two spellings are found to be the same.

    An IPv4 address that is written as IPv6 (`::ffff:192.0.2.3`) is the IPv4 address: both are the same to a socket. DNS
    names have no case, and a dot at the end changes nothing. A zone is kept: `fe80::1%eth0` is not `fe80::1%eth1`.
    """
    return _same_address(value) if len(value) <= MAX_LENGTH else _one_form(value)


def _one_form(value: str) -> str:
    address, percent, zone = value.partition("%")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return value.rstrip(".").lower()
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped) if mapped is not None else f"{parsed}{percent}{zone}"


# The machines of a namespace are compared with each other whenever one of them changes. What is too long for an address
# is not kept: an object may hold a megabyte there.
_same_address = lru_cache(maxsize=2**15)(_one_form)


def user(value: str) -> str:
    """A login name that ssh takes, and not for an option."""
    if not value or len(value) > MAX_LENGTH or _UNSAFE.search(value):
        raise ValueError("must be a login name without spaces and control characters")
    if value.startswith("-"):
        raise ValueError("must not begin with a dash")
    if _REFUSED_BY_SSH.search(value):
        raise ValueError("must not hold quotes or any of ;&<>|(){}, nor end with a backslash, which OpenSSH refuses")
    return value


def port(value: int) -> int:
    """A TCP port."""
    if not 1 <= value <= 65535:
        raise ValueError(f"must be between 1 and 65535, but is {value}")
    return value


def absolute_path(value: str) -> str:
    """An absolute path on the host."""
    if not value.startswith("/"):
        raise ValueError("must be an absolute path")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must not hold line breaks or control characters")
    return value


def command(value: str) -> str:
    """A command for `/bin/sh -c`."""
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def object_name(value: str) -> str:
    """The name of an object (RFC 1123 subdomain)."""
    if len(value) > 253 or not _OBJECT_NAME.fullmatch(value):
        raise ValueError("must be lower-case letters, digits, dashes and dots, as Kubernetes has it")
    return value


def label(value: str) -> str:
    """A name within an object, such as a container's (RFC 1123 label)."""
    return namespace(value)


def namespace(value: str) -> str:
    """The name of a namespace (RFC 1123 label)."""
    if len(value) > 63 or not _NAMESPACE.fullmatch(value):
        raise ValueError("must be lower-case letters, digits and dashes, as Kubernetes has it")
    return value


def host_key(value: str) -> str:
    """`TYPE BASE64` of an SSH host key; a comment after it is dropped."""
    words = value.split()
    if len(words) < 2 or not _KEY_TYPE.fullmatch(words[0]):
        raise ValueError("must be a host key such as 'ssh-ed25519 AAAAC3…' (a line of ssh-keyscan without the address)")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise ValueError("must be a host key: what follows the type is not base64") from None
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != words[0].encode():
        raise ValueError(f"must be a host key: what follows {words[0]} is not a key of that type")
    return f"{words[0]} {words[1]}"


def pinned_key(value: str) -> str:
    """A host key, its fingerprint (`SHA256:…`, as ssh-keygen -l shows it), or `@cert-authority TYPE BASE64`: who signs
    the host's key."""
    words = value.split()
    if words and words[0] == "@cert-authority":
        return f"@cert-authority {host_key(' '.join(words[1:]))}"
    if words and words[0].startswith("SHA256:"):
        if not _FINGERPRINT.fullmatch(words[0]):
            raise ValueError("must be a fingerprint: SHA256: and 43 characters of base64, as ssh-keygen -l shows it")
        return words[0].rstrip("=")
    return host_key(value)
