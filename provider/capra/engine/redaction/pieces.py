"""Takes text apart, a little at a time: nothing else in this process runs while an expression is matched, and a
list of all lines or words of 64 MiB takes gigabytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

PIECE = 8192
"""Characters that are looked at together."""

OVERLAP = 1024
"""Characters a piece shares with the one before it: whatever is shorter is whole in one of them."""

BLOCK = 2**18
"""Characters of whole lines that are taken apart at once."""

_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_LINES = re.compile(rf"(?P<text>[^{_BREAKS}]{{1,{PIECE}}})|[{_BREAKS}]{{1,{PIECE}}}")
_WORDS = re.compile(rf"(?P<text>\S{{1,{PIECE}}})|\s{{1,{PIECE}}}")


def lines(text: str) -> Iterator[str]:
    """As str.splitlines, without empty ones."""
    return _apart(text, str.splitlines, _LINES)


def words(text: str) -> Iterator[str]:
    """As str.split."""
    return _apart(text, str.split, _WORDS)


def pieces(text: str) -> Iterable[str]:
    """The text if it is short, else pieces of it that overlap."""
    if len(text) <= PIECE:
        return (text,)
    return (text[max(start - OVERLAP, 0) : start + PIECE] for start in range(0, len(text), PIECE))


def _apart(text: str, take: Callable[[str], list[str]], pattern: re.Pattern[str]) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.rfind("\n", start, start + BLOCK) + 1
        if end:
            yield from filter(None, take(text[start:end]))
        else:
            end = text.find("\n", start) + 1 or len(text)
            yield from _between(pattern, text[start:end])
        start = end


def _between(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    start = -1
    for match in pattern.finditer(text):
        if match["text"] is None:
            if start >= 0:
                yield text[start : match.start()]
            start = -1
        elif start < 0:
            start = match.start()
    if start >= 0:
        yield text[start:]
