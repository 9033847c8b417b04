"""A MIME multipart document → its parts (RFC 2045 and 2046; cloud-init, 'User-data formats').

Headers are read by Python's `email`. Bodies are split here: `email` recurses for every level, and reads each line once
for each of them.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser

from capra.bootstrap.reading.encoding import Unreadable, gunzip, unbase64, utf8
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.strict_yaml import MAX_CHARACTERS
from capra.bootstrap.userdata.parts import LAUNCH_INDEX, MAX_PARTS, MERGE_HEADERS, Part

MAX_DEPTH = 4
"""Multipart documents inside each other."""

MAX_HEADERS = 16 * 1024
"""Characters of the headers of a part."""

_FAR = 4096
"""cloud-init takes for MIME what has a `MIME-Version:` in its first 4096 bytes (`convert_string` of user_data.py)."""

_BLANK_LINE = re.compile(r"(?:\A|\r?\n)\r?\n")
_HEADER = re.compile(r"[!-9;-~]+:|[ \t]|From ")
_GZIP = re.compile(r"application/(?:x-)?(?:gzip|gzipped|gunzip|compress|compressed|gzip-compressed)")
_READ_HEADERS = (*MERGE_HEADERS, LAUNCH_INDEX)


def is_multipart(text: str) -> bool:
    """Whether the document begins with headers, `MIME-Version` among them."""
    head = text.lstrip()[:_FAR]
    head = _BLANK_LINE.split(head, maxsplit=1)[0]
    lines = head.splitlines()
    return "mime-version:" in head.lower() and all(_HEADER.match(line) for line in lines)


def parts(text: str, place: Location) -> list[Part]:
    """Its parts, in order, those of nested documents in their place. Raises InputError."""
    found: list[Part] = []
    left = MAX_CHARACTERS
    for headers, body in _leaves(text.lstrip(), place, 1):
        at = place.key("part").item(len(found))
        if len(found) >= MAX_PARTS:
            raise at.error(f"is one part too many: at most {MAX_PARTS} are accepted")
        found.append(_part(headers, body, at, left))
        left = max(0, left - len(found[-1].text))
    return found


def _leaves(text: str, place: Location, depth: int) -> Iterator[tuple[Message, str]]:
    """Headers and body of every part that is not a multipart document itself."""
    headers, body = _split(text, place)
    if headers.get_content_maintype() != "multipart":
        yield headers, body
        return
    if depth > MAX_DEPTH:
        raise place.error(f"has multipart documents more than {MAX_DEPTH} levels deep")
    for one in _bodies(body, _boundary(headers, place), place):
        yield from _leaves(one, place, depth + 1)


def _split(text: str, place: Location) -> tuple[Message, str]:
    end = _BLANK_LINE.search(text, 0, MAX_HEADERS)
    if end is None and len(text) > MAX_HEADERS:
        raise place.error(f"has a part with more than {MAX_HEADERS} characters of headers")
    head, body = (text[: end.start()], text[end.end() :]) if end else (text, "")
    if not all(_HEADER.match(line) for line in head.splitlines()):
        raise place.error("has a part that begins with no header: an empty line must stand before its content")
    return HeaderParser().parsestr(f"{head}\n\n"), body


def _boundary(headers: Message, place: Location) -> str:
    boundary = headers.get_boundary()
    if not boundary or not boundary.strip():
        raise place.error("is a MIME multipart document without a boundary in its Content-Type")
    return boundary


def _bodies(body: str, boundary: str, place: Location) -> Iterator[str]:
    """What stands between the lines with the boundary. The end of line before each belongs to it."""
    mark = re.compile(rf"(?:\A|\r?\n)--{re.escape(boundary)}(--)?[ \t]*(?=\r?\n|\Z)")
    start, count = -1, 0
    for found in mark.finditer(body):
        if start >= 0:
            count += 1
            if count > MAX_PARTS:
                raise place.error(f"has more than {MAX_PARTS} parts")
            yield body[start : found.start()].removeprefix("\r").removeprefix("\n")
        start = found.end()
        if found[1]:
            return
    problem = "no part" if start < 0 else "no last line with the boundary and two dashes: it is cut off"
    raise place.error(f"is a MIME multipart document with {problem}")


def _part(headers: Message, body: str, place: Location, left: int) -> Part:
    type = headers.get_content_type() if headers.get("Content-Type") else "text/plain"
    try:
        content = _decoded(headers, body)
        if _GZIP.fullmatch(type):
            content, type = gunzip(content, left), "text/plain"
    except Unreadable as error:
        raise place.error(f"cannot be decoded: {error}") from None
    text = utf8(content)
    if text is None:
        raise place.error("is not UTF-8 text: binary data?")
    read = {name: str(headers[name]) for name in _READ_HEADERS if headers.get(name)}
    return Part(text, place, type, _filename(headers), read)


def _decoded(headers: Message, body: str) -> bytes:
    how = str(headers.get("Content-Transfer-Encoding", "")).strip().lower()
    if how in ("", "7bit", "8bit", "binary"):
        return body.encode()
    if how == "base64":
        return unbase64(body.encode())
    if how == "quoted-printable":
        try:
            return quopri.decodestring(body.encode())
        except binascii.Error:
            raise Unreadable("it is not valid quoted-printable text") from None
    raise Unreadable("its Content-Transfer-Encoding is none of 7bit, 8bit, base64 and quoted-printable")


def _filename(headers: Message) -> str:
    name = headers.get_filename()
    return name if isinstance(name, str) else ""
