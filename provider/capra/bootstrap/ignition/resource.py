"""A resource of an Ignition config: content in a data URL, or a URL that the host fetches (`contents` and the like)."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from capra.bootstrap.ignition.fields import JSONObject
from capra.bootstrap.reading import encoding
from capra.bootstrap.reading.location import Location, shown

_KEYS = ("source", "compression", "verification", "httpHeaders")
_HASH = re.compile(r"(sha256)-([0-9a-fA-F]{64})|(sha512)-([0-9a-fA-F]{128})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,2000}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}(?=:)")


@dataclass
class Budget:
    """Bytes that may still be unpacked, for all resources of a document together."""

    left: int = encoding.MAX_CONTENT

    def take(self, size: int, place: Location) -> None:
        """Raises InputError where there are no more."""
        self.left -= size
        if self.left < 0:
            raise place.error(f"makes the contents larger than {encoding.MAX_CONTENT} bytes together")


@dataclass(frozen=True)
class Remote:
    """url: http or https. algorithm: sha256 or sha512; digest: in hexadecimal, of what is unpacked. gzipped: the host
    unpacks it."""

    url: str
    algorithm: str
    digest: str
    gzipped: bool


def read_resource(item: JSONObject, budget: Budget) -> bytes | Remote | None:
    """Its bytes, unpacked and verified; or what the host fetches; None without a source. Raises InputError."""
    item.only(*_KEYS)
    item.refuse("httpHeaders", "is not supported: what is fetched is fetched without further headers")
    source = item.text("source")
    known = _verification(item)
    gzipped = _gzipped(item)
    if source is None:
        if known:
            raise item.place.key("verification").error("has nothing to verify: source is missing")
        return None
    place = item.place.key("source")
    if source.startswith(("http://", "https://")):
        return _remote(source, known, gzipped, place)
    content = _data(source, place) if source else b""
    if gzipped and source:
        try:
            content = encoding.gunzip(content, max(0, budget.left))
        except encoding.Unreadable as error:
            raise place.error(f"the compression is gzip, but {error}") from None
    budget.take(len(content), place)
    if known and hashlib.new(known[0], content).hexdigest() != known[1]:
        raise item.place.key("verification").key("hash").error("is not that of the source: the content has changed")
    return content


def _verification(item: JSONObject) -> tuple[str, str] | None:
    """The hash's algorithm and digest."""
    verification = item.object("verification")
    verification.only("hash")
    given = verification.text("hash")
    if given is None:
        return None
    found = _HASH.fullmatch(given)
    if found is None:
        place = verification.place.key("hash")
        raise place.error("must be sha256- or sha512- and the digest in hexadecimal, of its whole length")
    return found[1] or found[3], (found[2] or found[4]).lower()


def _gzipped(item: JSONObject) -> bool:
    compression = item.text("compression")
    if compression not in (None, "", "gzip"):
        raise item.place.key("compression").error(f"{shown(compression)} is not known; known is gzip")
    return compression == "gzip"


def _remote(url: str, known: tuple[str, str] | None, gzipped: bool, place: Location) -> Remote:
    host = None
    if _URL.fullmatch(url):
        with suppress(ValueError):
            host = urlsplit(url).hostname
    if not host:
        raise place.error("is not a URL of at most 2000 characters that are allowed there")
    if known is None:
        raise place.error(
            "is fetched by the host, and so must be verified: give verification.hash, or put the content into a data"
            " URL"
        )
    return Remote(url, *known, gzipped)


def _data(source: str, place: Location) -> bytes:
    """The bytes of a data URL (RFC 2397)."""
    scheme = _SCHEME.match(source)
    if not source.startswith("data:"):
        what = f"has the scheme {scheme[0]}, which is not supported" if scheme else "is no URL"
        raise place.error(f"{what}; supported are data, https and http")
    head, comma, body = source[len("data:") :].partition(",")
    if not comma:
        raise place.error("is a data URL without a comma before its data")
    if _BAD_ESCAPE.search(body):
        raise place.error("is a data URL with a percent sign that no two hexadecimal digits follow")
    content = unquote_to_bytes(body)
    if head.endswith(";base64"):
        try:
            return encoding.unbase64(content)
        except encoding.Unreadable as error:
            raise place.error(f"says that it is base64, but {error}") from None
    return content
