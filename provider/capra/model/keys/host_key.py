"""Fingerprints of host keys, as OpenSSH shows them. Pure."""

from __future__ import annotations

import base64
import hashlib


def fingerprint(key: str) -> str:
    """`SHA256:…` of a host key given as `TYPE BASE64`; `unreadable` for anything else."""
    words = key.split()
    if len(words) < 2:
        return "unreadable"
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError:  # binascii.Error is one; so is what other than ASCII gives
        return "unreadable"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
