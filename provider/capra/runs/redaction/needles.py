"""Finds, in bytes, every run of eight bytes that secrets hold, and whole texts. Pure.

Eight bytes are one number: the runs of a secret and those of a text are compared as sets of numbers, eight times, once
for each place where a row of numbers can begin. That costs a tenth of a second for a megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from capra.engine.redaction.ordinary import WORD, is_ordinary_word, is_plain

RUN = 8
"""Bytes: a run of this length is hidden. Fewer tell little, and are in ordinary words."""

PARTS_LIMIT = 1_250_000
"""Bytes of secrets of which parts are known, and as many of credentials, shortest ones first: 80 MB of memory. A Secret
holds 1 MiB."""

FEW = 100
"""Texts of one length that are shorter than a run, up to which each is looked for by itself."""

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
    wholes: where they stand as a whole. own: as strict, however much there is of the others. Strict texts that are
    shorter than a run count as wholes, and so does what is beyond the limit."""

    def __init__(
        self, parts: Iterable[str], strict: Iterable[str], wholes: Iterable[str], own: Iterable[str] = ()
    ) -> None:
        parts, strict, own = list(parts), list(strict), list(own)
        weak, credentials = _within_limit(parts), [*own, *_within_limit(strict)]
        self._runs = _all_runs(_joined(weak))
        self._runs -= _all_runs(_joined(_readable(weak)))
        self._runs |= _all_runs(_joined(credentials))
        self._runs -= _all_runs(_ALIKE)
        self._short: dict[int, set[bytes]] = {}
        self._wholes: dict[int, list[bytes]] = {}
        for text in map(_encoded, [*own, *strict]):
            if 0 < len(text) < RUN:
                self._short.setdefault(len(text), set()).add(text)
        beyond = set(strict).difference(credentials)
        for text in sorted({_encoded(text) for text in [*parts, *wholes, *beyond]}, key=len, reverse=True):
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
        for start, end in self._short_spans(data):
            marked[start:end] = b"\1" * (end - start)
        return (match.span() for match in _MARKED.finditer(marked))

    def _short_spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        for length, texts in self._short.items():
            if len(texts) > FEW:
                places = range(len(data) - length + 1)
                yield from ((place, place + length) for place in places if data[place : place + length] in texts)
                continue
            for text in texts:
                start = data.find(text)
                while start >= 0:
                    yield start, start + length
                    start = data.find(text, start + length)


def _joined(texts: Iterable[str]) -> bytes:
    return b"\0".join(map(_encoded, texts))


def _within_limit(texts: Iterable[str]) -> list[str]:
    kept, size = [], 0
    for text in sorted(set(texts), key=len):
        size += len(_encoded(text))
        if size > PARTS_LIMIT:
            break
        kept.append(text)
    return kept
