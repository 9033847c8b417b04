"""Tells words that anybody may read from words that may be secret: a password of eight letters looks like no word that
people or programs use, and a path is a path. Pure.

The list beside this module holds words that are frequent in manual pages, documentation and programs, and the names of
commands. What is not in it counts as secret: to hide a package's name now and then costs less than to show a password.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

WORD = re.compile(r"[^\s\"'`=:,;|<>()\[\]{}]+")
"""What stands between spaces, quotes and the punctuation of shells and configuration files."""

PATH = r"/(?:bin|boot|dev|etc|home|lib|lib64|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)(?:/|$)|(?:\.{1,2}|~)/"
_PLAIN = re.compile(
    rf"{PATH}|(?:--[a-z][a-z0-9-]*|-[A-Za-z]{{1,2}}|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?:/[0-9]+)?"
    r"|v?[0-9]{1,4}(?:\.[0-9]{1,4})+)$"
)
"""Begins like a path, or is an option, an IPv4 address or a version. A slash alone says nothing: base64 has it, too."""

_RUNS = re.compile(r"[A-Za-z0-9]+")
_OTHERS = re.compile(r"[^\x00-\x7f]")
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SHORT_WORD, _SHORT_NUMBER = 3, 5


@cache
def ordinary_words() -> frozenset[str]:
    """Lower-case words, and a few names with digits in them (`sha256`, `v1beta2`)."""
    return frozenset(Path(__file__).with_name("ordinary_words.txt").read_text().split())


def is_plain(word: str) -> bool:
    """The word is a path, an option, an address or a version."""
    return _PLAIN.match(word) is not None


def is_ordinary(word: str) -> bool:
    """The word may be shown: it is plain, or all that it is made of are short numbers and ordinary words."""
    if _PLAIN.match(word):
        return True
    return not _OTHERS.search(word) and all(_ordinary_run(run) for run in _RUNS.findall(word))


def is_ordinary_word(letters: str) -> bool:
    """Letters only: a word of the list, or several of them written together (`ClusterConfiguration`)."""
    words = ordinary_words()
    return letters.lower() in words or all(hump.lower() in words for hump in _HUMPS.findall(letters))


def _ordinary_run(run: str) -> bool:
    if run.isdigit():
        return len(run) <= _SHORT_NUMBER
    return len(run) <= _SHORT_WORD or (is_ordinary_word(run) if run.isalpha() else run.lower() in ordinary_words())
