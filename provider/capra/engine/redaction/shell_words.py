"""Reads a line as a shell does, without running anything: its commands, and their words without quotes. Pure.

Lines of other languages are read, too: a quote that is not closed on its line stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_QUOTED = r"'[^']*'|\$'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_LIVE = r"\$(?:[A-Za-z_]\w*|\{[^{}]*\}|\([^()]*\))|`[^`]*`"
_TOKEN = re.compile(
    rf"(?P<operator><<<|<<-?|\|\|?|&&?|;|[<>()])|(?:{_QUOTED}|{_LIVE}|\\.|[^\s|&;<>()\\'\"`$]+|[\\'\"`$])+"
)
_PART = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<live>{_LIVE})|\\(?P<escaped>.)|[^\\'\"`$]+|.")
_IN_DOUBLE = re.compile(rf"\\(?P<escaped>[$`\"\\])|(?P<live>{_LIVE})|[^\\$`]+|.")
_NAME = re.compile(r"\$\{?(\w+)")
_EXPANSION = re.compile(r"\0(\w*)\0")


@dataclass
class ShellCommand:
    """words: with expansions as `expansions` and `literals` know them. here: what follows `<<<`. end: the word
    that ends a here-document, empty without one. piped: its output goes to the next command."""

    words: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    end: str = ""
    piped: bool = False


def shell_commands(line: str) -> list[ShellCommand]:
    """The commands of one line, in order."""
    found, operator = [ShellCommand()], ""
    for token in _TOKEN.finditer(line.replace("\0", " ")):
        if token["operator"] is None:
            word = unquoted(token[0])
            if operator == "<<<":
                found[-1].here.append(word)
            elif operator.startswith("<<"):
                found[-1].end = word
            else:
                found[-1].words.append(word)
            operator = ""
        elif token["operator"][0] in "<>":
            operator = token["operator"]
        else:
            operator = ""
            found[-1].piped = token["operator"] == "|"
            found.append(ShellCommand())
    return found


def unquoted(word: str) -> str:
    """The word as its program gets it."""
    return "".join(_read(word))


def _read(word: str) -> Iterator[str]:
    for part in _PART.finditer(word):
        if part["live"]:
            yield _expansion(part[0])
        elif not part["quoted"]:
            yield part["escaped"] or part[0]
        elif part[0][0] == "'":
            yield part[0][1:-1]
        elif part[0][0] == "$":
            yield re.sub(r"\\(.)", r"\1", part[0][2:-1])
        else:
            for inner in _IN_DOUBLE.finditer(part[0][1:-1]):
                yield _expansion(inner[0]) if inner["live"] else inner["escaped"] or inner[0]


def _expansion(text: str) -> str:
    name = _NAME.match(text)
    return f"\0{name[1] if name else ''}\0"


def literals(word: str) -> list[str]:
    """The literal parts of a word, between expansions."""
    return _EXPANSION.split(word)[::2]


def expansions(word: str) -> list[str]:
    """The names of the variables that a word holds."""
    return [name for name in _EXPANSION.findall(word) if name]
