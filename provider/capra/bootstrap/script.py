"""Commands as `/bin/sh` reads them: the list form quoted, and all of them as one script."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from capra.bootstrap.steps import RunCommand, Step, WriteFile

SCRIPT_NAME = "k0s_install.sh"
SCRIPT_MODE = "0700"
SOURCE = "commandsAsScript"


def quote(word: str) -> str:
    """One word that the shell passes on literally. Always in quotes, so that the first word of a command is
    never read as an assignment or a reserved word (cloud-init's `shellify` does the same)."""
    return "'" + word.replace("'", "'\\''") + "'"


def command_line(words: Iterable[str]) -> str:
    """The command line for a command in list form."""
    return " ".join(quote(word) for word in words)


def as_script(commands: Sequence[RunCommand], working_dir: str) -> tuple[Step, Step]:
    """`<working_dir>/k0s_install.sh` with the commands as given, as k0smotron writes it; and running it."""
    path = posixpath.join(working_dir, SCRIPT_NAME)
    lines = "".join(f"{command.command}\n" for command in commands)
    content = f"#!/bin/sh\nset -e\n\n{lines}".encode()
    return WriteFile(path, content, mode=SCRIPT_MODE, source=SOURCE), RunCommand(quote(path), source=SOURCE)
