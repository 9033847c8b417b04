"""Private keys that are made to take long to read, of 64 KiB at most."""

from __future__ import annotations

import base64

DH = bytes.fromhex("2a864886f70d010301")
DH_X942 = bytes.fromhex("2a8648ce3e0201")
DSA = bytes.fromhex("2a8648ce380401")
RSA = bytes.fromhex("2a864886f70d010101")
PRIME = 2**44497 - 1
"""A prime whose binary digits are all ones: to prove that it is one takes minutes."""


def value(tag: int, content: bytes) -> bytes:
    """One value of ASN.1 in DER."""
    length = len(content)
    digits = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, *([length] if length < 128 else [0x80 | len(digits), *digits])]) + content


def number(of: int) -> bytes:
    """An INTEGER."""
    return value(0x02, of.to_bytes(of.bit_length() // 8 + 1))


def sequence(*values: bytes) -> bytes:
    """A SEQUENCE."""
    return value(0x30, b"".join(values))


def text(label: str, der: bytes) -> str:
    """As PEM."""
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


def pkcs8(kind: bytes, parameters: bytes, secret: bytes) -> str:
    """A key of this kind."""
    return text("PRIVATE KEY", sequence(number(0), sequence(value(0x06, kind), parameters), value(0x04, secret)))


def rsa_pem(p: int, q: int) -> str:
    """An RSA key of two primes."""
    e, d = 65537, pow(65537, -1, (p - 1) * (q - 1))
    numbers = [0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
    return text("RSA PRIVATE KEY", sequence(*map(number, numbers)))


def _beginning_with(kind: bytes) -> int:
    """A number whose bytes begin like the OID of another kind."""
    return int.from_bytes(b"\x06\x09" + kind + b"\xff" * 4000)


HOSTILE = {
    "rsa": rsa_pem(2**9689 - 1, 2**9941 - 1),
    "rsa without p": text("RSA PRIVATE KEY", sequence(*map(number, [0, PRIME, 65537, 5, 1, PRIME, 5, 5, 5]))),
    "rsa, small, without p": text(
        "RSA PRIVATE KEY", sequence(*map(number, [0, 2**2203 - 1, 3, 5, 1, 2**2203 - 1, 5, 5, 5]))
    ),
    "dh": pkcs8(DH, sequence(number(PRIME), number(2)), number(PRIME - 2)),
    "dh as rsa": pkcs8(DH, sequence(number(_beginning_with(RSA)), number(2)), number(PRIME - 2)),
    "dh, x9.42": pkcs8(DH_X942, sequence(number(PRIME), number(2), number(2**521 - 1)), number(PRIME - 2)),
    "dsa": pkcs8(DSA, sequence(number(PRIME), number(2**521 - 1), number(2)), number(PRIME - 2)),
    "dsa, traditional": text("DSA PRIVATE KEY", sequence(*map(number, [0, PRIME, 2**521 - 1, 2, 3, PRIME - 2]))),
    "a length without end": text("PRIVATE KEY", b"\x30\xff" + b"\xff" * 40_000),
    "nothing": text("PRIVATE KEY", b""),
}
