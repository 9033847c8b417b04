"""cloud-init's modules `bootcmd` and `runcmd`. Unlike cloud-init, and like k0smotron, every command has a shell of its
own, and the first one that fails ends the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.bootstrap.reading.location import Location, yaml_kind
from capra.bootstrap.reading.strict_yaml import Number
from capra.bootstrap.reading.values import items, text
from capra.bootstrap.script import command_line
from capra.bootstrap.steps import RunCommand

KEYS = ("bootcmd", "runcmd")


def commands(document: Mapping[str, Any], key: str, subject: str) -> list[RunCommand]:
    """The commands under `bootcmd` or `runcmd`. Empty entries do nothing, as in cloud-init."""
    found = []
    for place, item in items(document, Location(subject, key)):
        line = _command(item, place)
        if line.strip():
            found.append(RunCommand(line, source=place.field))
    return found


def _command(item: Any, place: Location) -> str:
    """The command line. A list is one command whose words reach it as they are."""
    if item is None:
        return ""
    if isinstance(item, str):
        return text(item, place)
    if not isinstance(item, list):
        raise place.error(f"must be text or a list of words, but is {yaml_kind(item)}; put it in quotes")
    return command_line(_word(word, place.item(index)) for index, word in enumerate(item))


def _word(value: Any, place: Location) -> str:
    """A word of a command in list form. A number must read as itself: cloud-init makes 420 of `0644`."""
    if isinstance(value, Number) and value.text == str(int(value)):
        return value.text
    return text(value, place)
