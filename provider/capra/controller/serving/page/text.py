"""Text of tenants and hosts, made fit for a page. Pure."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of what stands around them (Unicode Standard Annex 9)."""

_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Sequences that colour a terminal (ECMA-48, CSI)."""


def visible(text: str) -> str:
    """Without terminal sequences; other characters that cannot be seen, or change what stands around them, are shown as
    U+FFFD. Line ends and tabs stay."""
    return _HIDDEN.sub("\ufffd", _ESCAPE.sub("", text.replace("\r\n", "\n")))


def cut(text: str, length: int) -> str:
    """Cut to this many characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def first(text: str, length: int) -> str:
    """The first line that is not blank, at most this many characters."""
    return cut(next((line.strip() for line in text.splitlines() if line.strip()), ""), length)
