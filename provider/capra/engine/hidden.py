"""What must not be shown of a run's steps. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from capra.bootstrap.steps import Step, WriteFile
from capra.engine.ordinary import WORD, is_ordinary, is_plain

OTHERS_READ = 0o004
MINIMUM_SECRET = 8
"""Shorter texts are not looked for, but for passwords that stand where passwords do: they would blot out ordinary
words, and no token is that short."""

MINIMUM_PASSWORD = 6
BINARY_LIMIT = 65536
"""Bytes of a file that is no text, up to which it may be a key. Larger ones are programs and archives."""

_VALUE = r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"']+)"
_ENDS = re.compile(r"[,;)}\]]")
_CREDENTIALS = (
    # password=…, TOKEN: …, "secret": "…", --api-key=…
    re.compile(rf"(?i)(?:pass(?:word|wd|phrase)?|pwd?|secret|token|api[_-]?key|credentials?)[\"']?(?:=|:\s*){_VALUE}"),
    re.compile(rf"(?i)--?(?:[a-z-]*-)?(?:pass(?:word|wd|phrase)?|secret|token|api-?key)\s+{_VALUE}"),
    # mysql -pPASSWORD, curl -u user:password, https://user:password@host
    re.compile(rf"(?:^|\s)-p{_VALUE}"),
    re.compile(r"(?:\s-u|--(?:proxy-)?user)[ =]?[\"']?[^\s:\"']+:([^\s\"']+)"),
    re.compile(r"[\w.+-]+:([^\s@/\"']+)@"),
    re.compile(rf"(?i)\b(?:bearer|basic)\s+{_VALUE}"),
)
_HINT = re.compile(r"(?i)pas|pw|secr|tok|key|cred|-[pu]|--|@|bear|basi")
"""What every line with a credential has; much faster to look for."""


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

    def texts(self) -> tuple[str, ...]:
        """All of them, longest first."""
        return ordered(self.parts | self.credentials | self.wholes)


def ordered(texts: Iterable[str]) -> tuple[str, ...]:
    """Longest first."""
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def hidden_in(steps: Iterable[Step], *, diff: bool = False) -> Hidden:
    """What the steps hold that must not be shown: a join token stands in a file, alone on a line, or within a command.
    diff: files that everybody on the host may read are to be shown."""
    return Hidden.of(_in_step(step, diff) for step in steps)


def _in_step(step: Step, diff: bool) -> Hidden:
    if not isinstance(step, WriteFile):
        return Hidden.of([hidden_in_text(step.command), Hidden(wholes=_long_enough([step.command]))])
    return Hidden() if diff and _open(step) else _in_file(step)


def hidden_in_commands(commands: Sequence[str]) -> Hidden:
    """The same for commands that people may read as such: their credentials, and words that look like nothing else."""
    return Hidden.of(hidden_in_text(command) for command in commands)


def hidden_texts(steps: Iterable[Step], *, diff: bool = False) -> tuple[str, ...]:
    """All texts of `hidden_in`, longest first."""
    return hidden_in(steps, diff=diff).texts()


def _open(step: WriteFile) -> bool:
    return bool(step.mode) and bool(int(step.mode, 8) & OTHERS_READ)


def _in_file(step: WriteFile) -> Hidden:
    text = step.content.decode("utf-8", "replace")
    if "\0" in text and len(step.content) > BINARY_LIMIT:
        return Hidden()
    lines = _long_enough(text.splitlines())
    # A line of one word may be a password of ordinary words; a line of several words is text, where others may read it.
    parts = (line for line in lines if not _open(step) or (WORD.fullmatch(line) and not is_plain(line)))
    return Hidden.of([hidden_in_text(text), Hidden(frozenset(parts), wholes=lines | _long_enough([text]))])


def _long_enough(texts: Iterable[str]) -> frozenset[str]:
    stripped = (text.strip() for text in texts)
    return frozenset(text for text in stripped if len(text) >= MINIMUM_SECRET)


def hidden_in_text(text: str) -> Hidden:
    """The words that are not ordinary, and what stands where credentials do."""
    parts = {piece for chunk in set(text.split()) if len(chunk) >= MINIMUM_SECRET for piece in _pieces(chunk)}
    lines = {line for line in text.splitlines() if _HINT.search(line)}
    credentials = {value.strip("\"'") for line in lines for pattern in _CREDENTIALS for value in pattern.findall(line)}
    # A password may have commas in it, and a comma may stand behind it.
    credentials |= {_ENDS.split(value)[0] for value in credentials}
    kept = {value for value in credentials if len(value) >= MINIMUM_PASSWORD and not _names(value)}
    return Hidden(frozenset(parts), frozenset(kept))


def _names(value: str) -> bool:
    """A path, a variable or a substitution: the credential stands somewhere else."""
    return is_plain(value) or value.startswith(("$", "<", "{{"))


def _pieces(chunk: str) -> Iterator[str]:
    """The parts of a chunk without spaces that are not ordinary: words, and words with what stands between them, as in
    a password with punctuation."""
    start = end = -1
    for match in WORD.finditer(chunk):
        if is_ordinary(match[0]):
            if end - start >= MINIMUM_SECRET:
                yield chunk[start:end]
            start = end = -1
        else:
            start, end = (match.start() if start < 0 else start), match.end()
    if end - start >= MINIMUM_SECRET:
        yield chunk[start:end]
