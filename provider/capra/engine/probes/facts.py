"""What a host says of itself in a preflight, to facts that can be shown and chosen by. Pure.

Whoever has the host chooses each word of it: everything is bounded, printable and of the right type, or left out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from capra.model.probe import EntryFacts

WORD_LENGTH = 128
LIST_LENGTH = 16
LARGEST = 2**53 - 1
"""What a number in JSON can be without becoming another one."""

ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i386": "386",
    "i686": "386",
}
"""What `uname -m` says, and Kubernetes' names."""

MACHINE_ID = "machine_id"
"""The name of that fact, with a host and in the record of a machine that has adopted it."""

_WORD = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._+~:@-]{{0,{WORD_LENGTH - 1}}}")
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_HERE = ("here.services", "here.processes", "here.programs")


def entry_facts(told: Mapping[str, Any]) -> EntryFacts:
    """The facts. told: those of the preflight's action, by name."""
    machine = _word(told, "architecture")
    return EntryFacts(
        os=_word(told, "os.id"),
        os_version=_word(told, "os.version"),
        kernel=_word(told, "kernel"),
        architecture=ARCHITECTURES.get(machine, machine),
        cpus=_number(_text(told, "cpus")),
        memory=_number(_text(told, "memory")) // 1024,
        disk=_number(_text(told, "disk./var/lib").partition(" ")[2]) // 1024,
        init=_word(told, "init"),
        virtualization=_word(told, "virtualization"),
        machine_id=machine_id_of(told),
        addresses=_bounded(_addresses(_text(told, "addresses"))),
        kubernetes=_bounded(_kubernetes(told)),
    )


def machine_id_of(told: Mapping[str, Any]) -> str:
    """The host's machine ID; empty where it has none."""
    text = _text(told, MACHINE_ID)
    return text if _MACHINE_ID.fullmatch(text) else ""


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _word(told: Mapping[str, Any], name: str) -> str:
    text = _text(told, name)
    return text if _WORD.fullmatch(text) else ""


def _number(text: str) -> int:
    """0 for what is no number, or none that can be true."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(LARGEST)) else 0


def _bounded(words: Iterable[str]) -> tuple[str, ...]:
    """The first ones, each once."""
    return tuple(dict.fromkeys(words))[:LIST_LENGTH]


def _addresses(text: str) -> Iterator[str]:
    for word in text.split():
        try:
            address = ipaddress.ip_address(word)
        except ValueError:
            continue
        # A zone (fe80::1%eth0) may be any text.
        if "%" not in word and not (address.is_loopback or address.is_link_local or address.is_unspecified):
            yield str(address)


def _kubernetes(told: Mapping[str, Any]) -> Iterator[str]:
    for name in _HERE:
        for word in _text(told, name).split():
            found = word.rpartition("/")[2]
            if _WORD.fullmatch(found):
                yield found
