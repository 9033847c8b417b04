"""SSH private keys: is it one, and can it be used without a person at hand. Pure."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from capra.errors import InputError
from capra.model.observation import SSHKey

_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
PUBLIC_BEGINNINGS = ("ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC", "-----BEGIN RSA PUBLIC")
_LOCKED = (
    "has a passphrase, and there is nobody to type it: use a key without one, or take it away from a copy with"
    " 'ssh-keygen -p -f FILE'"
)


def check_key(data: bytes, *, subject: str, field: str = "", source: str = "") -> SSHKey:
    """The key with Unix line ends and a final one, as OpenSSH insists on.

    Raises InputError for anything but a private key without passphrase. No message shows any of it.
    """
    if problem := _problem(data):
        raise InputError(problem, subject=subject, field=field, reason="InvalidSSHKey")
    text = "\n".join(data.decode().replace("\r\n", "\n").strip().split("\n")) + "\n"
    return SSHKey(text, source or subject)


def _problem(data: bytes) -> str:
    """What is wrong with it, or nothing."""
    if not data.strip():
        return "is empty: it must be an SSH private key"
    try:
        text = data.decode().replace("\r\n", "\n").strip()
    except UnicodeDecodeError:
        return "is not an SSH private key: it is binary"
    if text.startswith("PuTTY-User-Key-File"):
        return "is a PuTTY key (.ppk): convert it with 'puttygen KEY.ppk -O private-openssh -o KEY'"
    if text.startswith(PUBLIC_BEGINNINGS):
        return "is a public key: give the private key, which is the file without '.pub'"
    if not text.startswith("-----BEGIN ") or "PRIVATE KEY-----" not in text.split("\n", 1)[0]:
        return "is not an SSH private key: it must begin with '-----BEGIN … PRIVATE KEY-----'"
    return _unreadable(text + "\n")


def _unreadable(text: str) -> str:
    """Why cryptography cannot read it, or nothing. Errors of that library may quote the input: they are not shown."""
    load = load_ssh_private_key if text.startswith(_OPENSSH) else load_pem_private_key
    try:
        load(text.encode(), password=None)
    except TypeError:
        return _LOCKED
    except UnsupportedAlgorithm:
        return "is a key that needs a hardware token, or of a type that is not supported: use an ed25519 key"
    except ValueError:
        return _LOCKED if "ENCRYPTED" in text else "is damaged: it begins like a private key and cannot be read"
    return ""
