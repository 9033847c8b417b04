"""What a host program is given, for the tests of the modules that send one."""

from __future__ import annotations

import re
from typing import Any

import yaml

from capra.bootstrap import Parsed, RunCommand, read

_ASSIGNMENT = re.compile(r"^([A-Za-z_]+)='((?:[^']|'\\'')*)'\n", re.MULTILINE)


def planned(document: dict[str, Any] | str, *ignored: str) -> Parsed:
    """The plan of a document of cloud-config, with a command after it."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    return read(f"{text}\nruncmd: [echo done]\n".encode(), subject="Secret x", ignored=ignored)


def variables(command: str) -> dict[str, str]:
    """The variables before the program."""
    found: dict[str, str] = {}
    end = 0
    while match := _ASSIGNMENT.match(command, end):
        found[match[1]] = match[2].replace("'\\''", "'")
        end = match.end()
    return found


def programs(document: dict[str, Any] | str, *ignored: str) -> list[tuple[str, str, dict[str, str]]]:
    """Source, title and variables of each program, without the command at the end."""
    steps = [step for step in planned(document, *ignored).steps if isinstance(step, RunCommand)]
    return [(step.source, step.title, variables(step.command)) for step in steps[:-1]]
