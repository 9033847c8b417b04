"""Private keys with a passphrase: opened in memory, and within bounds. Pure.

Whoever writes a key chooses how much work it is to try a passphrase. OpenSSL does that work without a limit, and reads
what comes out whatever kind of key it is; so keys in PEM are opened here, and then looked at like any other.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from capra.model.keys.pem import ENCRYPTED, OCTETS, OPENSSH, PRIVATE, SEQUENCE, Block, content, value_at

MAX_ITERATIONS = 2_000_000
"""Of PBKDF2: a second."""

MAX_ROUNDS = 512
"""Of OpenSSH's bcrypt (`ssh-keygen -a`; 16 or 24 by default): three seconds."""

_MAGIC = b"openssh-key-v1\0"
_INTEGER, _OID = 0x02, 0x06
_PBES2, _PBKDF2 = "2a864886f70d01050d", "2a864886f70d01050c"
_CIPHERS = {
    "60864801650304012a": (AES, 32),
    "608648016503040116": (AES, 24),
    "608648016503040102": (AES, 16),
    "2a864886f70d0307": (TripleDES, 24),
}
_HASHES = {
    "": "sha1",
    "2a864886f70d0207": "sha1",
    "2a864886f70d0208": "sha224",
    "2a864886f70d0209": "sha256",
    "2a864886f70d020a": "sha384",
    "2a864886f70d020b": "sha512",
}
_OLD_CIPHERS = {
    "AES-256-CBC": (AES, 32),
    "AES-192-CBC": (AES, 24),
    "AES-128-CBC": (AES, 16),
    "DES-EDE3-CBC": (TripleDES, 24),
}
_INFO = re.compile(r"^[ \t]*DEK-Info:[ \t]*([A-Z0-9-]+),([0-9A-Fa-f]+)[ \t]*$", re.MULTILINE)


class SlowLockError(ValueError):
    """To try a passphrase takes more work than anybody needs for a key."""


def unlock(block: Block, passphrase: bytes) -> Block:
    """A key in PEM without its passphrase. Raises ValueError for a wrong passphrase or a damaged key, SlowLockError,
    and UnsupportedAlgorithm for a way of locking that is not read."""
    if block.label == ENCRYPTED:
        return Block(PRIVATE, base64.encodebytes(_opened(content(block), passphrase)).decode())
    found = _INFO.search(block.text)
    if found is None or found[1] not in _OLD_CIPHERS:
        raise UnsupportedAlgorithm("no known cipher")
    cipher, length = _OLD_CIPHERS[found[1]]
    vector, key, last = bytes.fromhex(found[2]), b"", b""
    while len(key) < length:
        last = hashlib.md5(last + passphrase + vector[:8], usedforsecurity=False).digest()
        key += last
    opened = _decrypted(cipher(key[:length]), vector, content(block))
    return Block(block.label, base64.encodebytes(opened).decode())


def check_rounds(block: Block) -> None:
    """Raises SlowLockError for a key in OpenSSH's format that takes too long to open. It is not opened here."""
    if block.label != OPENSSH:
        return
    data = content(block)
    place = len(_MAGIC)
    _, place = _string(data, place)
    _, place = _string(data, place)
    options, _ = _string(data, place)
    if options:
        _, place = _string(options, 0)
        if int.from_bytes(options[place : place + 4]) > MAX_ROUNDS:
            raise SlowLockError("rounds")


def _string(data: bytes, place: int) -> tuple[bytes, int]:
    """A string of SSH's, and where the next value begins. Raises ValueError."""
    try:
        (length,) = struct.unpack_from(">I", data, place)
    except struct.error:
        raise ValueError("the end is missing") from None
    return data[place + 4 : place + 4 + length], place + 4 + length


def _opened(der: bytes, passphrase: bytes) -> bytes:
    """EncryptedPrivateKeyInfo of PKCS #8, with PBES2 and PBKDF2: what it holds."""
    start, _ = value_at(der, 0, SEQUENCE)
    algorithm, end = value_at(der, start, SEQUENCE)
    held, held_end = value_at(der, end, OCTETS)
    kind, after = _identifier(der, algorithm)
    if kind != _PBES2:
        raise UnsupportedAlgorithm("not PBES2")
    place, _ = value_at(der, after, SEQUENCE)
    derivation, derived = value_at(der, place, SEQUENCE)
    encryption, _ = value_at(der, derived, SEQUENCE)
    name, after = _identifier(der, encryption)
    if name not in _CIPHERS:
        raise UnsupportedAlgorithm("another cipher")
    cipher, length = _CIPHERS[name]
    start, end = value_at(der, after, OCTETS)
    key = _derived(der[derivation:derived], passphrase, length)
    return _decrypted(cipher(key), der[start:end], der[held:held_end])


def _derived(der: bytes, passphrase: bytes, length: int) -> bytes:
    """PBKDF2 { salt, iterations, [length], [hash] }."""
    kind, after = _identifier(der, 0)
    if kind != _PBKDF2:
        raise UnsupportedAlgorithm("not PBKDF2")
    place, end = value_at(der, after, SEQUENCE)
    salt, place = value_at(der, place, OCTETS)
    salted = der[salt:place]
    start, place = value_at(der, place, _INTEGER)
    iterations = int.from_bytes(der[start:place])
    if place < end and der[place] == _INTEGER:
        _, place = value_at(der, place, _INTEGER)
    name = _identifier(der, value_at(der, place, SEQUENCE)[0])[0] if place < end else ""
    if name not in _HASHES:
        raise UnsupportedAlgorithm("another hash")
    if iterations > MAX_ITERATIONS:
        raise SlowLockError("iterations")
    return hashlib.pbkdf2_hmac(_HASHES[name], passphrase, salted, max(iterations, 1), length)


def _identifier(der: bytes, place: int) -> tuple[str, int]:
    start, end = value_at(der, place, _OID)
    return der[start:end].hex(), end


def _decrypted(cipher: BlockCipherAlgorithm, vector: bytes, data: bytes) -> bytes:
    """Raises ValueError where the padding tells that it is another key."""
    reader = Cipher(cipher, CBC(vector)).decryptor()
    padding = PKCS7(cipher.block_size).unpadder()
    return padding.update(reader.update(data) + reader.finalize()) + padding.finalize()
