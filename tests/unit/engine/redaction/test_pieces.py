"""Text is taken apart a little at a time, and nothing of it is lost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capra.engine.redaction.pieces import OVERLAP, PIECE, lines, pieces, words

TEXTS = st.text(st.sampled_from("ab \n\r\t\x0b\x1c\x85\xa0\u2028ü😀"), max_size=40)


@settings(max_examples=300)
@given(text=TEXTS, times=st.sampled_from([1, 300]))
def test_as_str_does(text: str, times: int) -> None:
    whole = text * times
    assert list(lines(whole)) == [line for line in whole.splitlines() if line]
    assert list(words(whole)) == whole.split()


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_whatever_is_short_is_whole_in_one_piece(length: int) -> None:
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(length))
    found = list(pieces(text))
    assert all(len(piece) <= PIECE + OVERLAP for piece in found)
    for start in range(0, max(length - OVERLAP, 0), 37):
        assert any(text[start : start + OVERLAP] in piece for piece in found)
    assert "".join(piece[OVERLAP if number else 0 :] for number, piece in enumerate(found)) == text


@pytest.mark.parametrize("take", [lines, words])
@pytest.mark.parametrize("text", ["ab\n" * 200_000, "ab\x0b" * 200_000])
def test_not_all_are_made_at_once(text: str, take: Callable[[str], Iterator[str]]) -> None:
    """A list of them takes 12 MB."""
    tracemalloc.start()
    try:
        for _ in take(text):
            pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 7_500_000
