"""The one protocol of every program that goes to a host: what it says stands between two marks. Pure."""

from __future__ import annotations

BEGIN = "capra begin"
"""A line of its own: programs print an empty line before it, as a login shell's words may have no newline at their
end."""

END = "capra end"


def framed(text: str) -> tuple[list[str], bool] | None:
    """The lines behind the first mark, up to the last one, and whether that one is there: without it the last line,
    which may be half a one, is left out. None without the first mark."""
    lines = text.replace("\r\n", "\n").split("\n")
    if BEGIN not in lines:
        return None
    lines = lines[lines.index(BEGIN) + 1 :]
    if END not in lines:
        return lines[:-1], False
    return lines[: lines.index(END)], True
