"""All that a command makes, where that can be told from its text. Pure.

After a reboot the host runs a finished command again if all that it makes lay in memory (docs/decisions, 0011). So
this names the places of a command only when it is certain that there are no others: a list of well-known preparations,
joined by `&&`, `;` or newlines, with literal absolute paths and no options but those that are known to make nothing
elsewhere. Everything else may have done lasting work: no names.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

KERNEL = {"modprobe": "/proc/modules", "sysctl": "/proc/sys", "swapoff": "/proc/swaps"}
"""Commands that change the running kernel alone, and where that shows."""

CONNECTORS = {"&&", ";"}
PLAIN = re.compile(r"[A-Za-z0-9._/:@+,=%~ \"'\n;&>-]*")
"""Nothing that a shell expands, substitutes or pipes; quotes only hold words together."""

MEMORY = ("/dev/shm/", "/proc/sys/")  # noqa: S108  # a name
"""What is in memory below the places of LASTING: /proc/sys as decided for sysctl."""

LASTING = ("/dev/", "/proc/", "/sys/")
"""What is written to a name there goes to a device, or makes the kernel do something, whatever the file system is."""


class _UncertainError(Exception):
    """The text may do more than can be told."""


@dataclass(frozen=True)
class _Options:
    """The options of a command that make nothing elsewhere: letters; letters that take a value, in the same word or
    the next; and long ones, by whether they take a value."""

    flags: str = ""
    valued: str = ""
    long: tuple[str, ...] = ()
    long_valued: tuple[str, ...] = ()


OPTIONS = {
    "mkdir": _Options("pv", "m", ("--parents", "--verbose"), ("--mode",)),
    "touch": _Options("acm"),
    "chmod": _Options("Rcfv", "", ("--recursive", "--verbose")),
    "chown": _Options("Rcfhv", "", ("--recursive", "--verbose", "--no-dereference")),
    "cp": _Options("LPRTadfnpruv", "", ("--archive", "--force", "--recursive", "--verbose")),
    "ln": _Options("Tfnsv", "", ("--force", "--symbolic", "--verbose")),
    "install": _Options("cdpv", "mgo", ("--directory", "--verbose"), ("--mode", "--owner", "--group")),
    "modprobe": _Options("abqv", "", ("--all", "--quiet", "--use-blacklist", "--verbose")),
    "sysctl": _Options("Nenpqw", "", ("--ignore", "--load", "--quiet", "--system", "--write")),
    "swapoff": _Options("av", "", ("--all",)),
}


def _paths(words: Sequence[str]) -> list[str]:
    """The words, as the places that are made."""
    if not words:
        raise _UncertainError
    for word in words:
        plain = re.sub(r"/(\.?/)+", "/", word)
        if not word.startswith("/") or "/../" in f"{word}/":
            raise _UncertainError
        if plain != "/dev/null" and plain.startswith(LASTING) and not plain.startswith(MEMORY):
            raise _UncertainError
    return list(words)


def _parsed(words: Sequence[str]) -> tuple[set[str], list[str]]:
    """The options of a command, without values, and its operands. An option that is not known is not told."""
    known = OPTIONS[words[0]]
    options: set[str] = set()
    operands: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            operands += rest
        elif word.startswith("--"):
            name, equals, _rest = word.partition("=")
            if name not in (known.long_valued if equals else (*known.long, *known.long_valued)):
                raise _UncertainError
            options.add(name)
            if name in known.long_valued and not equals:
                next(rest, None)
        elif word.startswith("-") and word != "-":
            options |= _cluster(word, known)
            if word[-1] in known.valued and _cluster(word[:-1], known).isdisjoint(known.valued):
                next(rest, None)
        else:
            operands.append(word)
    return options, operands


def _cluster(word: str, known: _Options) -> set[str]:
    """The letters of one word, up to one that takes the rest for its value."""
    letters: set[str] = set()
    for letter in word[1:]:
        if letter not in known.flags + known.valued:
            raise _UncertainError
        letters.add(letter)
        if letter in known.valued:
            break
    return letters


def _all(words: Sequence[str]) -> list[str]:
    return _paths(_parsed(words)[1])


def _all_but_first(words: Sequence[str]) -> list[str]:
    """For chmod and chown: the first operand says what to give."""
    return _paths(_parsed(words)[1][1:])


def _last(words: Sequence[str]) -> list[str]:
    """For cp and ln: the last operand is what is made."""
    operands = _parsed(words)[1]
    if len(operands) < 2:
        raise _UncertainError
    return _paths(operands[-1:])


def _install(words: Sequence[str]) -> list[str]:
    options, operands = _parsed(words)
    if options & {"d", "--directory"}:
        return _paths(operands)
    if len(operands) != 2:
        raise _UncertainError
    return _paths(operands[-1:])


def _kernel(words: Sequence[str]) -> list[str]:
    _parsed(words)
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


def _through_links(made: Sequence[str], links: Sequence[str]) -> bool:
    """Whether something is made by way of a link that the same text makes: after a reboot nobody sees where it led."""
    return any(sum(f"{path}/".startswith(f"{link}/") for path in made) > 1 for link in links)


def effects(command: str) -> tuple[str, ...]:
    """The absolute paths of all that a command makes, each once; empty where that cannot be told or is nothing."""
    if not PLAIN.fullmatch(command):
        return ()
    # A newline within quotes would become a connector: then the words below do not come out even.
    scanner = shlex.shlex(command.replace("\n", ";"), posix=True, punctuation_chars=";&>")
    scanner.commenters = ""
    scanner.whitespace_split = True
    made: list[str] = []
    links: list[str] = []
    simple: list[str] = []
    try:
        for word in [*scanner, ";"]:
            if word not in CONNECTORS:
                simple.append(word)
                continue
            if simple:
                new = _simple(simple)
                made += new
                links += new if simple[0] == "ln" else []
            simple = []
    except (_UncertainError, ValueError):
        return ()
    if _through_links(made, links):
        return ()
    return tuple(dict.fromkeys(path for path in made if path != "/dev/null"))
