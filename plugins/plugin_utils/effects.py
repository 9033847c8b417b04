"""All that a command makes, where that can be told from its text. Pure.

After a reboot the host runs a finished command again if all that it makes lay in memory (docs/decisions, 0011). So
this names the places of a command only when it is certain that there are no others: a list of well-known preparations,
joined by `&&`, `;` or newlines, with literal absolute paths. Everything else may have done lasting work: no names.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

KERNEL = {"modprobe": "/proc/modules", "sysctl": "/proc/sys", "swapoff": "/proc/swaps"}
"""Commands that change the running kernel alone, and where that shows."""

VALUES = {"mkdir": {"-m", "--mode"}, "install": {"-m", "--mode", "-o", "--owner", "-g", "--group"}}
"""Options that take the next word."""

CONNECTORS = {"&&", ";"}
PLAIN = re.compile(r"[A-Za-z0-9._/:@+,=%~ \"'\n;&>-]*")
"""Nothing that a shell expands, substitutes or pipes; quotes only hold words together."""


class _UncertainError(Exception):
    """The text may do more than can be told."""


def _paths(words: Sequence[str]) -> list[str]:
    if not words or any(not word.startswith("/") or "/../" in f"{word}/" for word in words):
        raise _UncertainError
    return list(words)


def _operands(words: Sequence[str], valued: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """The words that are no options. Options are believed to make nothing."""
    found, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and word != "-":
            skip = word in valued
        else:
            found.append(word)
    return found


def _all(words: Sequence[str]) -> list[str]:
    return _paths(_operands(words[1:], VALUES.get(words[0], frozenset())))


def _all_but_first(words: Sequence[str]) -> list[str]:
    """For chmod and chown: the first operand says what to give."""
    return _paths(_operands(words[1:])[1:])


def _last(words: Sequence[str]) -> list[str]:
    """For cp and ln: the last operand is what is made."""
    operands = _operands(words[1:])
    if len(operands) < 2 or any(word.startswith(("-t", "--target")) for word in words):
        raise _UncertainError
    return _paths(operands[-1:])


def _install(words: Sequence[str]) -> list[str]:
    if "-d" in words or "--directory" in words:
        return _all(words)
    operands = _operands(words[1:], VALUES["install"])
    if len(operands) != 2 or any(word.startswith(("-t", "--target", "-D")) for word in words):
        raise _UncertainError
    return _paths(operands[-1:])


def _kernel(words: Sequence[str]) -> list[str]:
    return [KERNEL[words[0]]]


def _nothing(words: Sequence[str]) -> list[str]:
    return []


_Maker = Callable[[Sequence[str]], list[str]]
MAKES: dict[str, _Maker] = {
    "mkdir": _all,
    "touch": _all,
    "chmod": _all_but_first,
    "chown": _all_but_first,
    "cp": _last,
    "ln": _last,
    "install": _install,
    "echo": _nothing,
    "printf": _nothing,
    "cat": _nothing,
    "true": _nothing,
    **dict.fromkeys(KERNEL, _kernel),
}


def _simple(words: list[str]) -> list[str]:
    """One simple command, with its redirections."""
    made: list[str] = []
    rest: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word in (">", ">>"):
            made += _paths(words[index + 1 : index + 2])
            index += 2
            continue
        if ">" in word or "&" in word:
            raise _UncertainError
        rest.append(word)
        index += 1
    if not rest or rest[0] not in MAKES:
        raise _UncertainError
    return made + MAKES[rest[0]](rest)


def effects(command: str) -> tuple[str, ...]:
    """The absolute paths of all that a command makes, each once; empty where that cannot be told or is nothing."""
    if not PLAIN.fullmatch(command):
        return ()
    # A newline within quotes would become a connector: then the words below do not come out even.
    scanner = shlex.shlex(command.replace("\n", ";"), posix=True, punctuation_chars=";&>")
    scanner.commenters = ""
    scanner.whitespace_split = True
    made: list[str] = []
    simple: list[str] = []
    try:
        for word in [*scanner, ";"]:
            if word not in CONNECTORS:
                simple.append(word)
                continue
            if simple:
                made += _simple(simple)
            simple = []
    except (_UncertainError, ValueError):
        return ()
    return tuple(dict.fromkeys(path for path in made if path != "/dev/null"))
