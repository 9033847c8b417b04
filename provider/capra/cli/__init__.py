"""The terminal. One file a command; turns Capra's errors into exit codes."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from capra.cli.streams import prepare_streams
from capra.runs.warm.launch import launch_ahead

PROGRAM = "capra"
COMPLETE = "_CAPRA_COMPLETE"
"""The variable by which the scripts of `capra completion` ask for words."""

INTERRUPTED = 130

RUNNING = frozenset({"adopt", "bootstrap", "cleanup", "cancel", "preflight"})
"""The commands that run Ansible. It gets warm while they are imported and read their files."""

COLD = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""How `CAPRA_WARM_RUNS` says no, as `capra.settings` reads it, which takes long to import."""


def main() -> None:
    """The entry point. A command is imported when it is used (`app`), and an interrupt meanwhile ends as any other."""
    prepare_streams()
    try:
        if _runs(sys.argv[1:]) and os.environ.get("CAPRA_WARM_RUNS") not in COLD:
            launch_ahead()
        from capra.cli.app import app  # noqa: PLC0415  # see above

        if COMPLETE in os.environ:
            import typer.completion  # noqa: PLC0415  # nobody else needs it

            typer.completion.completion_init()  # type: ignore[attr-defined]  # typer has no public name for it
        app(prog_name=PROGRAM)
    except KeyboardInterrupt:
        interrupted()


def interrupted() -> NoReturn:
    """End the process: the command has not been reached yet."""
    print("capra: interrupted; nothing was begun", file=sys.stderr)
    sys.exit(INTERRUPTED)


def _runs(arguments: list[str]) -> bool:
    return bool(arguments) and arguments[0] in RUNNING and "--help" not in arguments
