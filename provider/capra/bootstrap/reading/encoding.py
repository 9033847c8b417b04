"""Encodings of content: base64, gzip and both, with cloud-init's names for them (module `write_files`)."""

from __future__ import annotations

import base64
import gzip
import io
import zlib

MAX_CONTENT = 64 * 2**20
"""Bytes of all files together, decoded. Keeps a small document from unpacking into all memory."""

_BASE64 = ("base64",)
_GZIP = ("gzip",)
_BOTH = ("base64", "gzip")
_ENCODINGS: dict[str, tuple[str, ...]] = {
    "": (),
    "text/plain": (),
    "base64": _BASE64,
    "b64": _BASE64,
    "gzip": _GZIP,
    "gz": _GZIP,
    "gzip+base64": _BOTH,
    "gz+base64": _BOTH,
    "gzip+b64": _BOTH,
    "gz+b64": _BOTH,
}
KNOWN = tuple(name for name in _ENCODINGS if name)


class Unreadable(ValueError):
    """Content that is not what its encoding says. The message holds nothing of the content."""


def known(encoding: str) -> bool:
    """Whether it is one of cloud-init's names. cloud-init takes any other for plain text, with a warning."""
    return encoding.strip().lower() in _ENCODINGS


def decode(content: bytes, encoding: str) -> bytes:
    """The bytes of the file. `encoding` must be `known`. Raises Unreadable."""
    for layer in _ENCODINGS[encoding.strip().lower()]:
        content = unbase64(content) if layer == "base64" else gunzip(content, MAX_CONTENT)
    return content


def unbase64(content: bytes) -> bytes:
    """Standard base64, whitespace allowed. Stricter than cloud-init, which drops unknown bytes."""
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except ValueError:
        raise Unreadable("it is not valid base64") from None


def utf8(content: bytes) -> str | None:
    """The text, without a byte order mark; None where it is none. An exception would carry the content along."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def gunzip(content: bytes, limit: int) -> bytes:
    """The uncompressed bytes of one or more gzip members; at most `limit` of them."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            result = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Unreadable("it is not valid gzip data, or is cut off") from None
    if len(result) > limit:
        raise Unreadable(f"it unpacks into more than {limit} bytes")
    return result
