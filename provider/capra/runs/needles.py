"""Finds, in bytes, every run of eight bytes that secrets hold, and whole texts. Pure.

Eight bytes are one number: the runs of a secret and those of a text are compared as sets of numbers, eight times, once
for each place where a row of numbers can begin. That costs a tenth of a second for a megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from capra.engine.ordinary import WORD, is_ordinary_word, is_plain

RUN = 8
"""Bytes: a run of this length is hidden. Fewer tell little, and are in ordinary words."""

PARTS_LIMIT = 1_250_000
"""Bytes of secrets of which parts are known, shortest secrets first: 80 MB of memory. A Secret holds 1 MiB."""

CANDIDATES = 200_000
"""Comparisons of whole texts in one text. Beyond, it is hidden altogether."""

_MARK = b"\1" * RUN
_MARKED = re.compile(rb"\x01+")
_LETTERS = re.compile(r"[A-Za-z]{8,}")
_ALIKE = b"".join(bytes([byte]) * RUN + b"\0" for byte in range(128) if not chr(byte).isalnum())


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def runs(data: bytes, offset: int) -> memoryview:
    """The runs that begin at offset, offset + 8, …, as numbers."""
    count = max(0, (len(data) - offset) // RUN)
    return memoryview(data)[offset : offset + count * RUN].cast("Q")


def _all_runs(data: bytes) -> set[int]:
    found: set[int] = set()
    for offset in range(RUN):
        found.update(runs(data, offset))
    return found


def _readable(texts: Iterable[str]) -> Iterator[str]:
    """What may be shown of the texts although they may not: ordinary long words, paths and options."""
    for text in texts:
        yield from (match[0] for match in _LETTERS.finditer(text) if is_ordinary_word(match[0]))
        if not WORD.fullmatch(text):
            yield from (match[0] for match in WORD.finditer(text) if is_plain(match[0]))


class Needles:
    """What is looked for. parts: no run of them is shown, but for ordinary words in them; strict: without exception;
    wholes: where they stand as a whole. Strict texts that are shorter than a run count as wholes."""

    def __init__(self, parts: Iterable[str], strict: Iterable[str], wholes: Iterable[str]) -> None:
        parts, strict, wholes = list(parts), list(strict), list(wholes)
        weak = _within_limit(map(_encoded, parts))
        self._runs = _all_runs(weak)
        self._runs -= _all_runs(b"\0".join(map(_encoded, _readable(parts))))
        self._runs |= _all_runs(b"\0".join(map(_encoded, strict)))
        self._runs -= _all_runs(_ALIKE)
        self._short = sorted(
            {_encoded(text) for text in strict if 0 < len(_encoded(text)) < RUN}, key=len, reverse=True
        )
        self._wholes: dict[int, list[bytes]] = {}
        for text in sorted({_encoded(text) for text in [*parts, *wholes]}, key=len, reverse=True):
            if len(text) >= RUN:
                self._wholes.setdefault(runs(text[:RUN], 0)[0], []).append(text)

    def __bool__(self) -> bool:
        return bool(self._runs or self._short or self._wholes)

    def has_runs(self, data: bytes) -> bool:
        """Whether a part of a secret is in it."""
        return any(not self._runs.isdisjoint(runs(data, offset)) for offset in range(RUN))

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """From where to where, in order, without overlaps."""
        marked = bytearray(len(data))
        tried = 0
        for offset in range(RUN):
            numbers = runs(data, offset)
            if not self._runs.isdisjoint(numbers):
                for start in [offset + index * RUN for index, number in enumerate(numbers) if number in self._runs]:
                    marked[start : start + RUN] = _MARK
            if self._wholes.keys().isdisjoint(numbers):
                continue
            for index, number in enumerate(numbers):
                if candidates := self._wholes.get(number):
                    start = offset + index * RUN
                    tried += len(candidates)
                    if tried > CANDIDATES:
                        return iter([(0, len(data))])
                    if found := next((text for text in candidates if data.startswith(text, start)), None):
                        marked[start : start + len(found)] = b"\1" * len(found)
        for text in self._short:
            start = data.find(text)
            while start >= 0:
                marked[start : start + len(text)] = b"\1" * len(text)
                start = data.find(text, start + len(text))
        return (match.span() for match in _MARKED.finditer(marked))


def _within_limit(texts: Iterable[bytes]) -> bytes:
    kept, size = [], 0
    for text in sorted(set(texts), key=len):
        size += len(text)
        if size > PARTS_LIMIT:
            break
        kept.append(text)
    return b"\0".join(kept)
