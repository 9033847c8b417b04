"""Host keys, and what stands for them: fingerprints and authorities. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

AUTHORITY = "@cert-authority "
FINGERPRINT = "SHA256:"


def fingerprint(key: str) -> str:
    """`SHA256:…`, as OpenSSH shows it, of a host key or authority given as `TYPE BASE64`; a fingerprint is its own;
    `unreadable` for anything else."""
    if is_fingerprint(key):
        return key
    words = key.removeprefix(AUTHORITY).split()
    if len(words) < 2:
        return "unreadable"
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError:  # binascii.Error is one; so is what other than ASCII gives
        return "unreadable"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{FINGERPRINT}{digest}"


def is_fingerprint(pin: str) -> bool:
    """A pinned key that is not known itself."""
    return pin.startswith(FINGERPRINT)


def is_authority(pin: str) -> bool:
    """Not the host's key is pinned, but that of who signs it."""
    return pin.startswith(AUTHORITY)


def known_hosts_line(name: str, pin: str) -> str:
    """A key or an authority in a known_hosts file."""
    return f"{AUTHORITY}{name} {pin.removeprefix(AUTHORITY)}" if is_authority(pin) else f"{name} {pin}"


def plain_keys(pins: Iterable[str]) -> tuple[str, ...]:
    """Those that are keys of hosts, each `TYPE BASE64`."""
    return tuple(pin for pin in pins if not is_fingerprint(pin) and not is_authority(pin))


def shown_pin(pin: str) -> str:
    """A pin as people compare it: what it is, and its fingerprint."""
    if is_fingerprint(pin):
        return pin
    kind = "authority " if is_authority(pin) else ""
    return f"{kind}{pin.removeprefix(AUTHORITY).split()[0]} {fingerprint(pin)}"
