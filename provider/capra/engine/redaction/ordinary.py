"""Tells words that anybody may read from words that may be secret: a password of eight letters looks like no word that
people or programs use, and a path is a path. Pure.

The list beside this module holds words that are frequent in manual pages, documentation and programs, and the names of
commands. What is not in it counts as secret: hiding a package's name now and then costs less than showing a password.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

WORD = re.compile(r"[^\s\"'`=:,;|<>()\[\]{}]+")
"""What stands between spaces, quotes and the punctuation of shells and configuration files."""

_ROOTS = r"/(?:bin|boot|dev|etc|home|lib|lib64|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)(?:/|$)"
_PATH = re.compile(rf"{_ROOTS}[\w./@+*$%~-]*$")
_RELATIVE = re.compile(r"(?:\.{1,2}|~)/[\w./-]*$")
_PLAIN = re.compile(
    r"(?:--[a-z][a-z0-9-]*|-[A-Za-z]{1,2}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]+)?|v?[0-9]{1,4}(?:\.[0-9]{1,4})+)$"
)
"""An option, an IPv4 address or a version. A slash alone says nothing of a path: base64 has it, too."""

_RUNS = re.compile(r"[A-Za-z0-9]+")
_OTHERS = re.compile(r"[^\x00-\x7f]")
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SHORT_WORD, _SHORT_NUMBER = 3, 5
_SHORT = re.compile(r"[A-Z]?[a-z]*$|[A-Z]+$|[a-z]{1,2}[0-9]{1,2}$|[0-9]{1,2}[a-zA-Z]i?$")
"""Letters of one case, a name with a number (`v1`), a number with its unit (`5m`)."""

_SYMBOLS = re.compile(r"[^A-Za-z0-9_./-]")
_MANY_SYMBOLS = 3


@cache
def ordinary_words() -> frozenset[str]:
    """Lower-case words, and a few names with digits in them (`sha256`, `v1beta2`)."""
    return frozenset(Path(__file__).with_name("ordinary_words.txt").read_text().split())


def is_path(word: str) -> bool:
    """The word begins like a path and goes on like one."""
    return _PATH.match(word) is not None or (_RELATIVE.match(word) is not None and _of_ordinary_runs(word))


def is_plain(word: str) -> bool:
    """The word is a path, an option, an address or a version."""
    return _PLAIN.match(word) is not None or is_path(word)


def is_ordinary(word: str) -> bool:
    """The word may be shown: it is plain, or is made only of short numbers and ordinary words, with at most
    one symbol that names do not have."""
    return is_plain(word) or (len(_SYMBOLS.findall(word)) < 2 and _of_ordinary_runs(word))


def is_telling(word: str) -> bool:
    """An ordinary word that nobody takes for a part of a password: it is plain, or has a word of the list in it."""
    long = len(word) > _SHORT_WORD
    return (long and is_plain(word)) or any(len(run) > _SHORT_WORD and not run.isdigit() for run in _RUNS.findall(word))


def is_symbols(text: str) -> bool:
    """Short pieces between many symbols, as passwords have them and names do not."""
    symbols = _SYMBOLS.findall(text)
    return len(set(symbols)) >= _MANY_SYMBOLS and len(symbols) * 4 >= len(text)


def _of_ordinary_runs(word: str) -> bool:
    return not _OTHERS.search(word) and all(_ordinary_run(run) for run in _RUNS.findall(word))


def is_ordinary_word(letters: str) -> bool:
    """Letters only: a word of the list, or several of them written together (`ClusterConfiguration`)."""
    words = ordinary_words()
    return letters.lower() in words or all(hump.lower() in words for hump in _HUMPS.findall(letters))


def _ordinary_run(run: str) -> bool:
    if run.isdigit():
        return len(run) <= _SHORT_NUMBER
    if len(run) <= _SHORT_WORD:
        return _SHORT.match(run) is not None or run.lower() in ordinary_words()
    return is_ordinary_word(run) if run.isalpha() else run.lower() in ordinary_words()
