"""User certificates of OpenSSH's: what is wrong with one before a host is asked, and how long it is valid. Pure."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_identity,
)
from cryptography.hazmat.primitives.serialization import SSHCertificate as ReadCertificate

from capra.errors import InputError
from capra.model.keys.host_key import fingerprint
from capra.model.observation import Problem, SSHCertificate

MAX_BYTES = 64 * 1024
SOON = 7 * 86400.0
"""Seconds before its end at which a certificate is warned about."""

_NO_CERTIFICATE = (
    "is no user certificate of OpenSSH's: it must be one line like 'ssh-ed25519-cert-v01@openssh.com BASE64', as"
    " 'ssh-keygen -s CA -I NAME -n USER KEY.pub' writes it to KEY-cert.pub"
)
_FOREVER = 2**63
"""OpenSSH writes 2^64-1; from here on no clock comes."""


def check_certificate(data: bytes, openssh: str, *, subject: str, field: str = "") -> SSHCertificate:
    """The certificate of a key. openssh: the private key, as `check_key` writes it. When it is valid is for
    `certificate_trouble` to say. Raises InputError (InvalidSSHCertificate)."""
    problem = _NO_CERTIFICATE
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        found, text = _read(data)
        mine, theirs = _print(load_ssh_private_key(openssh.encode(), None).public_key()), _print(found.public_key())
        problem = ""
    if not problem and found.type is not SSHCertificateType.USER:
        problem = "is a host certificate: a login needs one of a user, made without 'ssh-keygen -h'"
    elif not problem and mine != theirs:
        problem = f"is for the key {theirs}, and the private key beside it is {mine}: give the one of this key"
    if problem:
        raise InputError(problem, subject=subject, field=field, reason="InvalidSSHCertificate")
    end = found.valid_before if found.valid_before < _FOREVER else 0
    name = found.key_id.decode("utf-8", "replace")[:80]
    return SSHCertificate(text, "".join(one if one.isprintable() else "?" for one in name), found.valid_after, end)


def certificate_trouble(certificate: SSHCertificate, now: float) -> Problem | None:
    """Why no host would take it now; None where one may."""
    if certificate.valid_before and now >= certificate.valid_before:
        told = f"the SSH certificate {certificate.name!r} has expired at {_at(certificate.valid_before)}: renew it"
        return Problem("", told, "SSHCertificateExpired")
    if now < certificate.valid_after:
        told = f"the SSH certificate {certificate.name!r} is valid from {_at(certificate.valid_after)} on: wait"
        return Problem("", f"{told}, or give one that is valid now", "SSHCertificateNotYetValid")
    return None


def certificate_warning(certificate: SSHCertificate, now: float) -> str:
    """A sentence where it ends within `SOON`; else empty."""
    if not certificate.valid_before or certificate.valid_before - now > SOON:
        return ""
    return f"the SSH certificate {certificate.name!r} expires at {_at(certificate.valid_before)}: renew it before"


def _read(data: bytes) -> tuple[ReadCertificate, str]:
    """The certificate, and its line without a comment. Raises ValueError."""
    if len(data) > MAX_BYTES:
        raise ValueError("too long")
    lines = [line for line in data.decode("utf-8-sig").splitlines() if line.strip() and not line.startswith("#")]
    words = lines[0].split() if len(lines) == 1 else []
    if len(words) < 2:
        raise ValueError("no line of two words")
    text = " ".join(words[:2])
    found = load_ssh_public_identity(text.encode())
    if not isinstance(found, ReadCertificate):
        raise ValueError("a plain key")  # noqa: TRY004  # of the text, not of the caller
    return found, text


def _print(key: object) -> str:
    """The fingerprint of a public key."""
    written: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]  # all have it
    return fingerprint(written.decode())


def _at(seconds: int) -> str:
    """The time, as people read it. Beyond the year 9999 there is no such form."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
