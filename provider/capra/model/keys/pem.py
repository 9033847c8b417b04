"""Private keys in text, read within bounds whatever somebody has made up as one. Pure.

To read some kinds means to compute with their numbers, which takes minutes for large ones and lets nothing else go on
meanwhile: whether those of RSA are primes, and the public half of DSA and Diffie-Hellman. So the kind is looked at
first, and of RSA only what multiplications tell is checked.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

MAX_RSA_BITS = 16384
"""OpenSSH's own limit."""

PRIVATE = "PRIVATE KEY"
OPENSSH = "OPENSSH PRIVATE KEY"
ENCRYPTED = "ENCRYPTED PRIVATE KEY"
DSA = "DSA"
PSS = "RSASSA-PSS"
"""RSA for certificates that allow one kind of signature only. Rewritten, it is plain RSA, and fits its certificate no
more; Go reads none either."""
_KINDS = {"RSA PRIVATE KEY": "RSA", "EC PRIVATE KEY": "EC", "DSA PRIVATE KEY": DSA}
_OIDS = {
    "2a864886f70d010101": "RSA",
    "2a864886f70d01010a": PSS,
    "2a8648ce3d0201": "EC",
    "2b6570": "Ed25519",
    "2a8648ce380401": DSA,
}
SEQUENCE, OCTETS, _INTEGER, _OID = 0x30, 0x04, 0x02, 0x06
"""Tags of DER."""

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,60})-----")
_HEADER = re.compile(r"^[ \t]*[A-Za-z][A-Za-z0-9-]*:.*$", re.MULTILINE)
"""Lines like `Proc-Type: 4,ENCRYPTED` within a block."""

NO_TEXT = re.compile(r"[\s\ufeff\u200b]+|\\[rn]")
"""What editors, YAML and environment variables put between the lines of a key; base64 has none of it."""


class LongKeyError(ValueError):
    """An RSA key of more than MAX_RSA_BITS."""


@dataclass(frozen=True)
class Block:
    """One PEM block. text: between its first and last line."""

    label: str
    text: str

    @property
    def private(self) -> bool:
        """Its label says that it is a private key."""
        return self.label.endswith(PRIVATE)

    @property
    def locked(self) -> bool:
        """It says of itself that it has a passphrase. Other keys that have one are told by `load`."""
        return "ENCRYPTED" in self.label or "ENCRYPTED" in self.text


def blocks(text: str) -> tuple[list[Block], bool]:
    """The PEM blocks in order, and whether each private key has its end."""
    found: list[Block] = []
    place = 0
    while begin := _BEGIN.search(text, place):
        last = f"-----END {begin[1]}-----"
        place = text.find(last, begin.end())
        if place < 0:
            return found, not begin[1].endswith(PRIVATE)
        found.append(Block(begin[1], text[begin.end() : place]))
        place += len(last)
    return found, True


def key_kind(block: Block) -> str:
    """What key a block holds that is not in OpenSSH's format: RSA, RSASSA-PSS, EC, Ed25519 or DSA; empty for any other.
    Raises ValueError for a damaged one."""
    if block.label == PRIVATE:
        return _OIDS.get(_identifier(content(block)).hex(), "")
    return _KINDS.get(block.label, "")


def load_key(block: Block, passphrase: bytes | None = None) -> PrivateKeyTypes:
    """The key of a block, in any form in which its text is whole. passphrase: of one in OpenSSH's format that has one.

    Raises TypeError for one with a passphrase, UnsupportedAlgorithm for one of a kind that is not read (DSA too, but in
    OpenSSH's format), LongKeyError, and ValueError for one that is damaged.
    """
    if block.label != OPENSSH and key_kind(block) in ("", DSA):
        raise UnsupportedAlgorithm(f"a block of {block.label}")
    # Read as the same bytes that were looked at.
    lines = base64.encodebytes(content(block)).decode()
    pem = f"-----BEGIN {block.label}-----\n{lines}-----END {block.label}-----\n".encode()
    reader = load_ssh_private_key if block.label == OPENSSH else load_pem_private_key
    key = reader(pem, password=passphrase, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size > MAX_RSA_BITS:
            raise LongKeyError(f"{key.key_size} bits")
        if not _fits(key.private_numbers()):
            raise ValueError("numbers that do not belong together")
    return key


def pkcs8(data: bytes, most_bits: int) -> bytes:
    """The first private key of a text that is not in OpenSSH's format, rewritten. most_bits: of an RSA key. Raises
    ValueError for any that cannot be read."""
    found, _ = blocks(data.decode("utf-8", "replace"))
    block = next((block for block in found if block.private and block.label != OPENSSH), None)
    if block is None or block.locked:
        raise ValueError("no private key, or a locked one")
    if key_kind(block) == PSS:
        raise ValueError("another kind of key")
    try:
        key = load_key(block)
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size > most_bits:
            raise LongKeyError(f"{key.key_size} bits")
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    except (TypeError, UnsupportedAlgorithm):
        raise ValueError("another kind of key") from None


def content(block: Block) -> bytes:
    """What its base64 stands for. Raises ValueError where it is none."""
    body = NO_TEXT.sub("", _HEADER.sub("", block.text)).rstrip("=")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None


def _identifier(der: bytes) -> bytes:
    """The OID of a private key in PKCS #8: SEQUENCE { INTEGER, SEQUENCE { OID, … } … }."""
    start, _ = value_at(der, 0, SEQUENCE)
    _, after = value_at(der, start, _INTEGER)
    start, _ = value_at(der, after, SEQUENCE)
    start, after = value_at(der, start, _OID)
    return der[start:after]


def value_at(der: bytes, place: int, tag: int) -> tuple[int, int]:
    """From where to where the value goes that begins at the place. Raises ValueError where it has another tag."""
    if der[place : place + 1] != bytes([tag]) or len(der) < place + 2:
        raise ValueError("not the expected value")
    start, length = place + 2, der[place + 1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[place + 2 : min(start, place + 10)])
    return start, start + length


def _fits(numbers: rsa.RSAPrivateNumbers) -> bool:
    """The numbers belong together, provided that p and q are primes: a key that was damaged is found."""
    p, q, d = numbers.p, numbers.q, numbers.d
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    if min(p, q, d, e) <= 1 or p * q != n:
        return False
    if numbers.dmp1 != d % (p - 1) or numbers.dmq1 != d % (q - 1):
        return False
    return d * e % (p - 1) == d * e % (q - 1) == numbers.iqmp * q % p == 1
