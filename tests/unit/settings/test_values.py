"""Durations, addresses and the like, made of text."""

from __future__ import annotations

import pytest

from capra.settings.values import ListenAddress, boolean, duration, interval, listen_address


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15", 15),
        ("0.5", 0.5),
        (".5", 0.5),
        ("15s", 15),
        ("1m30s", 90),
        ("1h", 3600),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("1m0.5s", 60.5),
        ("10m0s", 600),
        ("20us", 2e-5),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "-1s", "1d", "s", "1 m", "1m 30s", "nan", "inf", "²", "9" * 400])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time above 0, in seconds"):
        duration(text)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("1", 1), ("5m", 300), ("1h30m", 5400), ("1000ms", 1)])
def test_interval(text: str, seconds: float) -> None:
    assert interval(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "0.5", "999ms", "-1", "off", "5 m"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time of at least 1 second"):
        interval(text)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (":8443", ListenAddress("", 8443)),
        ("127.0.0.1:8080", ListenAddress("127.0.0.1", 8080)),
        ("localhost:0", ListenAddress("localhost", 0)),
        ("[::1]:9440", ListenAddress("::1", 9440)),
        ("0", None),
    ],
)
def test_address(text: str, parsed: ListenAddress | None) -> None:
    assert listen_address(text) == parsed
    assert parsed is None or str(parsed) == text


@pytest.mark.parametrize(
    "text", ["", "8443", "host", "host:", ":65536", ":http", "::1", "::1:9440", "[::1]", ":-1", ":²"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        listen_address(text)


def test_boolean() -> None:
    assert [boolean(text) for text in ("true", "1", "false", "F")] == [True, True, False, False]
    with pytest.raises(ValueError, match="must be true or false"):
        boolean("yes")
