"""The values of settings, made of text: numbers, durations, addresses, one of several words, true or false.

Each function returns the value, or raises ValueError with what would be right: "must be …".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import TypeVar

from capra.model.host_port import join_host_port, split_host_port

Word = TypeVar("Word", bound=StrEnum)

MAX_PORT = 65535
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SIZE = re.compile(r"([0-9]{1,15})(|Ki|Mi|Gi)")
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PART = re.compile(rf"({_NUMBER})(h|ms|m|s|us|µs|μs|ns)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:h|ms|m|s|us|µs|μs|ns))+")


@dataclass(frozen=True)
class ListenAddress:
    """Where to listen."""

    host: str
    """A name or an address, IPv6 without brackets; empty means all addresses of this machine."""

    port: int
    """0 to 65535; 0 lets the system choose."""

    def __str__(self) -> str:
        return join_host_port(self.host, self.port)


@dataclass(frozen=True)
class KeepLimits:
    """How much of the output of runs is kept. size: bytes of all together; 0 keeps none. age: seconds."""

    size: int = 64 * 2**20
    age: float = 7 * 86400.0

    def __str__(self) -> str:
        return f"{self.size // 2**20}Mi,{self.age / 3600:g}h" if self.size else "0"


def keep_limits(text: str) -> KeepLimits:
    """`SIZE` or `SIZE,AGE`: bytes as Kubernetes' quantities of whole Ki, Mi or Gi have them, and a duration. `0` keeps
    nothing."""
    size, comma, age = text.partition(",")
    found = _SIZE.fullmatch(size)
    if found is None or (comma and not age):
        raise ValueError("must be SIZE or SIZE,AGE such as 64Mi,168h, or 0 to keep nothing")
    number = int(found[1]) * _UNITS[found[2]]
    return KeepLimits(number, duration(age) if age else KeepLimits.age)


def whole_number(least: int) -> Callable[[str], int]:
    """A whole number, at least `least`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise ValueError(f"must be a whole number from {least}")
        return int(text)

    return parse


def duration(text: str) -> float:
    """Seconds, more than 0: a number of seconds (`90`, `0.5`), or as Go's time.ParseDuration has it (`1m30s`)."""
    if re.fullmatch(_NUMBER, text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    else:
        seconds = 0.0
    if not seconds > 0 or not isfinite(seconds):
        raise ValueError("must be a time above 0, in seconds (90) or with units (15s, 1m30s)")
    return seconds


def interval(text: str) -> float:
    """Seconds: a time as `duration` has it, at least 1 second; `0` means never, and is 0."""
    if text == "0":
        return 0.0
    try:
        seconds = duration(text)
    except ValueError:
        seconds = 0.0
    if seconds < 1:
        raise ValueError("must be a time of at least 1 second, in seconds (300) or with units (5m), or 0 for never")
    return seconds


def listen_address(text: str) -> ListenAddress | None:
    """`host:port`, `:port` or `[IPv6]:port`; `0` means not to listen at all, and is None."""
    if text == "0":
        return None
    try:
        host, port = split_host_port(text)
    except ValueError:
        port = None
    if port is None or port > MAX_PORT:
        raise ValueError("must be host:port, :port or [IPv6 address]:port, or 0 for none")
    return ListenAddress(host, port)


def one_of(words: type[Word]) -> Callable[[str], Word]:
    """One of these words."""

    def parse(text: str) -> Word:
        if text not in list(words):
            raise ValueError(f"must be one of {', '.join(words)}")
        return words(text)

    return parse


def boolean(text: str) -> bool:
    """`true` or `false`, as Go's strconv.ParseBool has them."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError("must be true or false")
