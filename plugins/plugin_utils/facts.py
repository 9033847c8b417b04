"""What a host says of itself, as far as it can be believed: a name and addresses, never any other text. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
"""As RFC 1123 has it, and underscores, which Linux lets a host have."""

NAME_LENGTH = 253
ADDRESSES = 1
"""How many addresses a host has to tell: the one that SSH has reached."""


@dataclass(frozen=True)
class HostFacts:
    """hostname: as `uname -n` has it; empty where that is no host name. addresses: IPv4 or IPv6, in usual form."""

    hostname: str = ""
    addresses: tuple[str, ...] = ()


def host_facts(words: Sequence[str]) -> HostFacts:
    """From the words of the line `host NAME ADDRESS`. What is no host name and no address is left out."""
    name, *addresses = words or ("",)
    known = len(name) <= NAME_LENGTH and HOST_NAME.fullmatch(name)
    found = (_address(word) for word in addresses[:ADDRESSES])
    return HostFacts(name if known else "", tuple(address for address in found if address))


def _address(word: str) -> str:
    """The address in its usual form; empty for none, and for one that leads nowhere from another machine."""
    # A zone (fe80::1%eth0) may be any text, and means nothing elsewhere.
    if "%" in word:
        return ""
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return ""
    useless = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return "" if useless else str(address)
