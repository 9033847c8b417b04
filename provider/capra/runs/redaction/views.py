"""A text as it reads when an encoding is taken off, with the way back to where each byte stands. Pure.

What a host prints has been through quotes of a shell, JSON and URLs, one inside another. A secret is looked for in each
view, and hidden where it stands in the text itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PAIR = rb"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
_BACKSLASH = re.compile(rb"(?s)" + _PAIR + rb"|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})|\\(.)")
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_QUOTES = re.compile(rb"""'\\''|'"'"'|"'"'"|"\\""|\$'|''|\"\"""")
_TERMINAL = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
"""What nobody sees on a terminal, as `capra.cli.text` takes it out."""

_CONTROL = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a"}


@dataclass(frozen=True)
class View:
    """data: what it reads as. marks, places: from the byte `marks[i]` of data on, bytes stand one for one from the byte
    `places[i]` of the text on. parent: the view that was decoded, None for the text itself."""

    data: bytes
    marks: list[int]
    places: list[int]
    parent: View | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the bytes from start to end, without it, stand in the text."""
        if self.parent is None:
            return start, end
        return self.parent.span(self._place(start, 0), self._place(end - 1, 1))

    def _place(self, offset: int, after: int) -> int:
        """Where a byte stands in the parent, or with after=1 where what follows it does. A byte that comes of an escape
        stands for all of it: stretches that were decoded have odd numbers."""
        index = bisect_right(self.marks, offset) - 1
        if index % 2:
            return self.places[index + after]
        return self.places[index] + offset - self.marks[index] + after


def views(data: bytes) -> Iterator[View]:
    """The text, and what it reads as without one and two layers of escapes, on a terminal, without a shell's quotes,
    and as a URL."""
    layers = [View(data, [0], [0])]
    while len(layers) < 3 and b"\\" in layers[-1].data:
        layers.append(_decoded(layers[-1], _BACKSLASH, _unescape))
    shown = [_decoded(layer, _TERMINAL, lambda match: b"") for layer in layers if _TERMINAL.search(layer.data)]
    for layer in (*layers, *shown):
        yield layer
        if _QUOTES.search(layer.data):
            yield _decoded(layer, _QUOTES, _unquote)
        if _PERCENT.search(layer.data):
            yield _decoded(layer, _PERCENT, lambda match: bytes.fromhex(match[1].decode()))


def _decoded(view: View, pattern: re.Pattern[bytes], decode: Callable[[re.Match[bytes]], bytes]) -> View:
    """Stretches alternate: one that is taken over (maybe empty), one that is decoded, and so on."""
    pieces: list[bytes] = []
    marks, places, size, end = [], [], 0, 0
    for match in pattern.finditer(view.data):
        for piece, place in ((view.data[end : match.start()], end), (decode(match), match.start())):
            marks.append(size)
            places.append(place)
            pieces.append(piece)
            size += len(piece)
        end = match.end()
    marks.append(size)
    places.append(end)
    pieces.append(view.data[end:])
    return View(b"".join(pieces), marks, places, view)


def _unescape(match: re.Match[bytes]) -> bytes:
    high, low, unit, byte, octal, other = match.groups()
    if high is not None:
        code = 0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
        return chr(code).encode()
    if unit is not None:
        return chr(int(unit, 16)).encode("utf-8", "surrogatepass")
    if byte is not None or octal is not None:
        return bytes([int(byte, 16) if byte is not None else int(octal, 8)])
    return _CONTROL.get(other, other)


def _unquote(match: re.Match[bytes]) -> bytes:
    return {b"'\\''": b"'", b"'\"'\"'": b"'", b'"\'"\'"': b'"', b'"\\""': b'"'}.get(match[0], b"")
