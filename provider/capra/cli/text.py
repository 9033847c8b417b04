"""Text that came from elsewhere, made fit for a terminal."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Without escape sequences and control characters, which a host's output may hold; line ends and tabs stay."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def first_line(text: str) -> str:
    """The first line with something in it."""
    return next((line for line in printable(text).splitlines() if line.strip()), "")


def last_line(text: str) -> str:
    """The last line with something in it, as it looks in the end: a bar of progress overwrites its own line."""
    lines = (printable(line).strip() for line in reversed(re.split(r"[\r\n]", text)))
    return next((line for line in lines if line), "")


def indented(text: str, by: str = "    ") -> str:
    """Every line with this before it."""
    return "\n".join(by + line for line in printable(text).rstrip().splitlines())
