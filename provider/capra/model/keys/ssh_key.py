"""SSH private keys: read leniently, rewritten for OpenSSH, and what is wrong with one that cannot be used. Pure."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from capra.errors import InputError
from capra.model.keys import pem
from capra.model.keys.host_key import fingerprint
from capra.model.keys.locked import MAX_ITERATIONS, MAX_ROUNDS, SlowLockError, check_rounds, unlock
from capra.model.observation import SSHKey

MAX_BYTES = 64 * 1024
MIN_RSA_BITS = 1024
"""OpenSSH's own limit (RequiredRSASize)."""

PUBLIC_BEGINNINGS = ("ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC", "-----BEGIN RSA PUBLIC")
_PUTTY = "PuTTY-User-Key-File"
_SSH_COM = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"
_LOCKED = (
    "has a passphrase, and there is nobody to type it: give it as the key 'passphrase' of the Secret (in a terminal, as"
    " well: --ssh-key-passphrase-file FILE), or take it away from a copy with 'ssh-keygen -p -f FILE'"
)
_WRONG = (
    "cannot be opened with the passphrase that is given: try it with 'ssh-keygen -y -f FILE', and correct it, or give"
    " the right key"
)
_SLOW = (
    f"is locked with more rounds than are computed here, at most {MAX_ROUNDS} of OpenSSH's and {MAX_ITERATIONS} of"
    " PBKDF2: lock it anew with 'ssh-keygen -p -a 100 -f FILE'"
)
_LOCK = "is locked in a way that is not read here: lock it anew with 'ssh-keygen -p -f FILE'"
_DAMAGED = "is damaged: it begins like a private key and cannot be read"
_NO_END = "is damaged: it begins like a private key, and the line '-----END … PRIVATE KEY-----' is missing"
_EXAMPLE = "is still the placeholder of an example: put the private key itself in its place"
_PLACEHOLDER = re.compile(
    r"(?:-----BEGIN [A-Z ]*PRIVATE KEY-----)?\s*"
    r"(?:…|\.{2,}|<[^<>]*>|\[[^\[\]]*\]|\{\{[^{}]*\}\}|\$\{?[A-Za-z_]+\}?|x{3,}"
    r"|(?:change|replace|paste|put|insert|your|redacted|todo)\b[\w .,'-]{0,60}|(?:change|replace)[_-]?me)"
    r"\s*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    re.IGNORECASE,
)
_DSA = "is a DSA key, which OpenSSH does not use any more: use an ed25519 key"
_UNKNOWN_TYPE = "is a key that needs a hardware token, or of a type that is not supported: use an ed25519 key"


class _UnusableError(Exception):
    """What is wrong with a key."""

    def __init__(self, problem: str, reason: str = "InvalidSSHKey") -> None:
        super().__init__(problem)
        self.reason = reason


def check_key(data: bytes, *, subject: str, field: str = "", source: str = "", passphrase: bytes = b"") -> SSHKey:
    """The key in any form in which its text is whole, and the same key rewritten in OpenSSH's format, without its
    passphrase. passphrase: not looked at where the key has none.

    Raises InputError for anything but one private key that can be opened: with the reason SSHKeyLocked where there is
    no passphrase for it, WrongPassphrase where it is another one, else InvalidSSHKey. No message shows any of it.
    """
    try:
        text = _decoded(data)
        written = _written(_private_block(text), passphrase)
    except _UnusableError as error:
        problem, reason = str(error), error.reason
    else:
        return SSHKey(text + "\n", source or subject, written)
    # Raised here and not above: errors of cryptography, which hang on to the one above, may quote the input.
    raise InputError(problem, subject=subject, field=field, reason=reason)


def public_fingerprint(openssh: str) -> str:
    """`SHA256:…` of the public half, as `ssh-keygen -l` shows it. openssh: a private key as `check_key` writes it; of
    anything else the result is empty."""
    try:
        public = load_ssh_private_key(openssh.encode(), None).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return fingerprint(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


def is_public(data: bytes) -> bool:
    """It begins like a public key."""
    return data.decode("utf-8-sig", "replace").lstrip().startswith(PUBLIC_BEGINNINGS)


def _decoded(data: bytes) -> str:
    """The text, with Unix line ends and nothing around it."""
    if not data.strip():
        raise _UnusableError("is empty: it must be an SSH private key")
    if len(data) > MAX_BYTES:
        raise _UnusableError(f"is larger than {MAX_BYTES} bytes: that is no key")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # what PowerShell's redirection writes
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        if data.startswith(b"\x30"):
            problem = "is not an SSH private key in text: write one in DER as PEM with 'openssl pkey -inform DER'"
            raise _UnusableError(problem) from None
        raise _UnusableError("is not an SSH private key: it is binary") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _private_block(text: str) -> pem.Block:
    """The only private key of the text."""
    if _PLACEHOLDER.fullmatch(text):
        raise _UnusableError(_EXAMPLE)
    blocks, ended = pem.blocks(text)
    private = [block for block in blocks if block.private]
    if len(private) > 1:
        raise _UnusableError(f"holds {len(private)} private keys: give the one that is meant")
    if private:
        return private[0]
    if not ended:
        raise _UnusableError(_NO_END)
    raise _UnusableError(_no_private_key(text))


def _no_private_key(text: str) -> str:
    """What a text without a private key is instead, and what would be right."""
    if text.startswith(_PUTTY):
        return "is a PuTTY key (.ppk): convert it with 'puttygen KEY.ppk -O private-openssh -o KEY'"
    if text.startswith(_SSH_COM):
        return "is a key of ssh.com's format: convert it with 'ssh-keygen -i -f KEY'"
    if text.startswith(PUBLIC_BEGINNINGS):
        return "is a public key: give the private key, which is the file without '.pub'"
    if pem.PRIVATE.encode() in _unwrapped(text):
        return "is base64 of a private key: it was encoded once too often; give the key itself (stringData in a Secret)"
    if "\n" not in text and text.startswith(("/", "~", "./", "../")):
        return "is not an SSH private key, but looks like a file's name: give the content of the file"
    return "is not an SSH private key: it must begin with '-----BEGIN … PRIVATE KEY-----'"


def _unwrapped(text: str) -> bytes:
    """What the text stands for if it is base64, else nothing."""
    try:
        return base64.b64decode(pem.NO_TEXT.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _written(block: pem.Block, passphrase: bytes) -> str:
    """The key in OpenSSH's format: what one parser has read is not left to another to read again."""
    key = _opened(block, passphrase)
    if isinstance(key, dsa.DSAPrivateKey):
        raise _UnusableError(_DSA)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise _UnusableError(f"is an RSA key of {key.key_size} bits, too short for OpenSSH: use an ed25519 key")
    try:
        return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    except (ValueError, UnsupportedAlgorithm):
        raise _UnusableError(_UNKNOWN_TYPE) from None


def _opened(block: pem.Block, passphrase: bytes) -> PrivateKeyTypes:
    """The key of a block, with its passphrase where it has one."""
    if not block.locked:
        try:
            return _loaded(block)
        except TypeError:
            pass  # OpenSSH's own format, which does not say it in words
    if not passphrase:
        raise _UnusableError(_LOCKED, "SSHKeyLocked")
    try:
        if block.locked:
            block = unlock(block, passphrase)
        else:
            check_rounds(block)
    except SlowLockError:
        raise _UnusableError(_SLOW) from None
    except UnsupportedAlgorithm:
        raise _UnusableError(_LOCK) from None
    except ValueError:
        raise _UnusableError(_WRONG, "WrongPassphrase") from None
    # A wrong passphrase may by chance leave what looks like a whole block: there is no other check in PEM.
    return _loaded(block, passphrase)


def _loaded(block: pem.Block, passphrase: bytes = b"") -> PrivateKeyTypes:
    """Raises TypeError for a key in OpenSSH's format that has a passphrase, where none is given."""
    try:
        if block.label != pem.OPENSSH and pem.key_kind(block) == pem.DSA:
            raise _UnusableError(_DSA)
        return pem.load_key(block, passphrase if passphrase and block.label == pem.OPENSSH else None)
    except UnsupportedAlgorithm:
        raise _UnusableError(_UNKNOWN_TYPE) from None
    except pem.LongKeyError:
        problem = f"is an RSA key of more than {pem.MAX_RSA_BITS} bits, too long for OpenSSH: use an ed25519 key"
        raise _UnusableError(problem) from None
    except ValueError:
        if passphrase:
            raise _UnusableError(_WRONG, "WrongPassphrase") from None
        raise _UnusableError(_DAMAGED) from None
