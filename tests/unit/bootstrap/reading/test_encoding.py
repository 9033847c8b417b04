"""Contents of files are decoded by cloud-init's names of encodings, within bounds."""

from __future__ import annotations

import base64
import gzip

import pytest

from capra.bootstrap.reading import encoding
from capra.bootstrap.reading.encoding import Unreadable

PACKED = gzip.compress(b"text", mtime=0)


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"text", ""), (base64.b64encode(b"text"), "B64 "), (PACKED, "gz"), (base64.b64encode(PACKED), "gzip+base64")],
)
def test_each_name_is_decoded(content: bytes, name: str) -> None:
    assert encoding.known(name)
    assert encoding.decode(content, name) == b"text"


def test_base64_may_have_line_ends_and_nothing_else() -> None:
    assert encoding.unbase64(b"dGV4\n dA==\n") == b"text"
    with pytest.raises(Unreadable, match="not valid base64"):
        encoding.unbase64(b"dGV4*dA==")


@pytest.mark.parametrize("content", [b"text", PACKED[:-9]])
def test_gzip_that_is_none_or_is_cut_off(content: bytes) -> None:
    with pytest.raises(Unreadable, match="not valid gzip data"):
        encoding.gunzip(content, 100)


def test_gzip_unpacks_within_a_bound() -> None:
    bomb = gzip.compress(b"0" * 1000)
    assert len(encoding.gunzip(bomb, 1000)) == 1000
    with pytest.raises(Unreadable, match="more than 999 bytes"):
        encoding.gunzip(bomb, 999)


def test_a_byte_order_mark_is_no_text() -> None:
    assert encoding.utf8(b"\xef\xbb\xbfa") == "a"
    assert encoding.utf8(b"\xff") is None
    assert not encoding.known("rot13")
