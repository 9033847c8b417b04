"""SSH keys that nobody has had before."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat


def new_ssh_key() -> str:
    """A private key in OpenSSH's format, as a Secret holds it."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return key.decode("ascii")


def locked_key(passphrase: str) -> str:
    """One with a passphrase, in PEM: OpenSSH's own format for that needs a module that Capra does not."""
    lock = BestAvailableEncryption(passphrase.encode())
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    return key.decode("ascii")
