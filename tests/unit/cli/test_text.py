"""What came from a host is fit for a terminal."""

from __future__ import annotations

import pytest

from capra.cli.text import first_line, indented, last_line, printable


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a\r\nb\tc", "a\nb\tc"), ("\x1b[31mred\x1b[0m", "red"), ("\x1b]0;title\x07", "]0;title"), ("a\x9bb\x00", "ab")],
)
def test_nothing_moves_the_cursor(given: str, shown: str) -> None:
    assert printable(given) == shown


def test_lines() -> None:
    assert first_line("\n \n\x1b[1mfirst\x1b[0m\nsecond") == "first"
    assert first_line(" \n") == ""
    assert last_line("first\n 1 %\r 2 %\x1b[K\r\n\n") == "2 %"
    assert last_line(" \n") == ""
    assert indented("a\nb\n\n") == "    a\n    b"
    assert indented("a", by="> ") == "> a"
