"""Text that came from elsewhere, on a page."""

from __future__ import annotations

import pytest

from capra.controller.serving.page.text import cut, first, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("a\r\nb", "a\nb"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x00b\x07c\x7fd\x9be", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("user\u202etxt.exe", "user\ufffdtxt.exe"),
        ("\u2066a\u2069\u200f", "\ufffda\ufffd\ufffd"),
        ("Grüße 日本", "Grüße 日本"),
    ],
)
def test_nothing_hidden_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_text_is_cut_where_it_is_too_long() -> None:
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab…")
    assert (first("\n \n  one\ntwo", 9), first("", 9), first("long enough", 5)) == ("one", "", "long…")
