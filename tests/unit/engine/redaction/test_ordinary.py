"""Words that anybody may read: where each rule begins and ends."""

from __future__ import annotations

import pytest

from capra.engine.redaction.ordinary import is_ordinary, is_ordinary_word, is_path, is_plain, is_symbols, is_telling


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("/etc/kubernetes/admin.conf", True),
        ("/etc", True),
        ("/etcetera", False),
        ("/9j4AAQSkZJRg", False),
        ("/opt/a$b/c%d~e", True),
        ("/opt/a;b", False),
        ("./install/config", True),
        ("./x7kq9zQp", False),
        ("~/config", True),
        ("--with-an-option", True),
        ("--With", False),
        ("-v", True),
        ("-vv", True),
        ("-vvv", False),
        ("192.0.2.1", True),
        ("192.0.2.0/24", True),
        ("v1.34.4", True),
        ("1.34", True),
        ("1", False),
    ],
)
def test_plain(word: str, plain: bool) -> None:
    assert is_plain(word) is plain


def test_a_path_is_no_option() -> None:
    assert is_path("/etc/kubernetes")
    assert not is_path("--etc")


@pytest.mark.parametrize(
    ("word", "ordinary"),
    [
        ("install", True),
        ("x7kq9zQp", False),
        # Numbers of up to five digits.
        ("12345", True),
        ("123456", False),
        ("install-12345", True),
        ("install-123456", False),
        # One symbol that names do not have, and two, and three.
        ("install@package", True),
        ("install@package+config", False),
        ("install@package+config@node", False),
        # Short runs: letters of one case, a name with a number, a number with its unit.
        ("abc", True),
        ("aBc", False),
        ("v1", True),
        ("5m", True),
        ("5mx", False),
        ("naïve", False),
        ("ClusterConfiguration", True),
        ("sha256", True),
    ],
)
def test_ordinary(word: str, ordinary: bool) -> None:
    assert is_ordinary(word) is ordinary


@pytest.mark.parametrize(
    ("letters", "ordinary"),
    [("cluster", True), ("CLUSTER", True), ("ClusterXqzvk", False), ("XqzvkCluster", False), ("xqzvk", False)],
)
def test_ordinary_words(letters: str, ordinary: bool) -> None:
    assert is_ordinary_word(letters) is ordinary


@pytest.mark.parametrize(
    ("word", "telling"),
    [
        ("node", True),
        ("and", False),
        ("12345", False),
        # Plain ones from four characters on.
        ("/etc", True),
        ("1.2", False),
        ("1.23", True),
        ("-v", False),
        ("-vv", False),
    ],
)
def test_telling(word: str, telling: bool) -> None:
    assert is_telling(word) is telling


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        # Three different ones.
        ("a=b;c,", True),
        ("a=b;c=", False),
        ("a=b;c,d|", True),
        # A quarter of the text.
        ("abc=def;ghi,", True),
        ("abc=def;ghi,j", False),
        ("=;,", True),
        ("abcdefghij=;,", False),
        # Those that names have do not count.
        ("a_b.c/d-e", False),
    ],
)
def test_symbols(text: str, symbols: bool) -> None:
    assert is_symbols(text) is symbols
