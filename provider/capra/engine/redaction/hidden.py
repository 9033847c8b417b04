"""What must not be shown of a run's steps. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from capra.bootstrap.steps import Step, WriteFile
from capra.engine.redaction.credentials import credentials_in
from capra.engine.redaction.ordinary import WORD, is_ordinary, is_plain, is_symbols, is_telling
from capra.engine.redaction.pieces import lines, pieces, words
from capra.engine.redaction.shell_words import literals, unquoted

OTHERS_READ = 0o004
MINIMUM_SECRET = 8
"""Shorter texts are not looked for, except in the places of passwords: they would blot out ordinary
words, and no token is that short."""

BINARY_LIMIT = 65536
"""Bytes up to which a file that is not text may be a key. Larger ones are programs and archives."""

_ADDRESS_LINE = re.compile(r"[\s-]*(?:\w+:\s*)?[\"']?[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?[\"']?\s*")
"""A line of YAML that is an IPv4 address, with or without a name: messages tell the host's own."""

_ESCAPES = re.compile(r"\\|.['\"].")


@dataclass(frozen=True)
class Hidden:
    """parts: texts of which no run of 8 characters is shown, unless it is an ordinary word or a path. credentials: the
    same without any exception. wholes: hidden where they stand as a whole."""

    parts: frozenset[str] = field(default=frozenset(), repr=False)
    credentials: frozenset[str] = field(default=frozenset(), repr=False)
    wholes: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, found: Iterable[Hidden]) -> Hidden:
        """All of them together."""
        every = list(found)
        return cls(
            frozenset().union(*(one.parts for one in every)),
            frozenset().union(*(one.credentials for one in every)),
            frozenset().union(*(one.wholes for one in every)),
        )


def ordered(texts: Iterable[str]) -> tuple[str, ...]:
    """Longest first."""
    return tuple(sorted(sorted(texts), key=len, reverse=True))


def hidden_in(steps: Iterable[Step], *, diff: bool = False) -> Hidden:
    """What the steps hold that must not be shown: a join token stands in a file, alone on a line, or within a command.
    diff: files that everybody on the host may read are to be shown."""
    return Hidden.of(_in_step(step, diff) for step in steps)


def _in_step(step: Step, diff: bool) -> Hidden:
    if not isinstance(step, WriteFile):
        text = step.command if step.guarded is None else step.guarded
        return Hidden.of([hidden_in_text(text), Hidden(wholes=_long_enough([text]))])
    return Hidden() if diff and _open(step) else _in_file(step)


def hidden_in_commands(commands: Sequence[str]) -> Hidden:
    """The same for commands that people may read as such: their credentials, and words that look like nothing else."""
    return Hidden.of(hidden_in_text(command) for command in commands)


def _open(step: WriteFile) -> bool:
    return bool(step.mode) and bool(int(step.mode, 8) & OTHERS_READ)


def _in_file(step: WriteFile) -> Hidden:
    text = step.content.decode("utf-8", "replace")
    if "\0" in text and len(step.content) > BINARY_LIMIT:
        return Hidden()
    whole = _long_enough(lines(text))
    # A line of one word may be a password of ordinary words; a line of several words is text, where others may read it.
    telling = (line for line in whole if not _ADDRESS_LINE.fullmatch(line))
    parts = (line for line in telling if not _open(step) or (WORD.fullmatch(line) and not is_plain(line)))
    return Hidden.of([hidden_in_text(text), Hidden(frozenset(parts), wholes=whole | _long_enough([text]))])


def _long_enough(texts: Iterable[str]) -> frozenset[str]:
    stripped = (text.strip() for text in texts)
    return frozenset(text for text in stripped if len(text) >= MINIMUM_SECRET)


def hidden_in_text(text: str) -> Hidden:
    """The words that are not ordinary, and what stands where credentials do."""
    chunks = {chunk for word in words(text) if len(word) >= MINIMUM_SECRET for chunk in pieces(word)}
    parts = {piece for chunk in chunks for read in _readings(chunk) for piece in _pieces(read)}
    return Hidden(frozenset(parts), credentials_in(text))


def _readings(chunk: str) -> set[str]:
    """The chunk, and what a shell makes of it, which may have opened a quote before it."""
    if not _ESCAPES.search(chunk):
        return {chunk}
    single = chunk.replace("'\\''", "'").replace("'\"'\"'", "'")
    return {chunk, single, re.sub(r"\\(.)", r"\1", chunk), "".join(literals(unquoted(chunk)))}


def _pieces(chunk: str) -> Iterator[str]:
    """The parts of a chunk without spaces that are not ordinary: words, with what stands between and around them up to
    words that nobody takes for a part of a password."""
    start, strange = 0, False
    for match in WORD.finditer(chunk):
        if not is_ordinary(match[0]):
            strange = True
        elif is_telling(match[0]):
            yield from _piece(chunk[start : match.start()], strange)
            start, strange = match.end(), False
    yield from _piece(chunk[start:], strange)


def _piece(text: str, strange: bool) -> Iterator[str]:
    if len(text) >= MINIMUM_SECRET and (strange or is_symbols(text)):
        yield text
