"""Certificates for tests, signed by an authority that nobody knows."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
)

FOREVER = 2**64 - 1
AUTHORITY = Ed25519PrivateKey.generate()


def signed(openssh: str, *, after: int = 0, before: int = FOREVER, host: bool = False, name: str = "mine") -> bytes:
    """The certificate of a private key in OpenSSH's format, as a file has it."""
    key = load_ssh_private_key(openssh.encode(), None).public_key()
    builder = (
        SSHCertificateBuilder()
        .public_key(key)  # type: ignore[arg-type]  # a key of any kind that OpenSSH has
        .serial(1)
        .type(SSHCertificateType.HOST if host else SSHCertificateType.USER)
        .key_id(name.encode())
        .valid_principals([b"root"])
        .valid_after(after)
        .valid_before(before)
    )
    return builder.sign(AUTHORITY).public_bytes() + b" someone@somewhere\n"
