"""`capra completion`."""

from __future__ import annotations

import typer
import typer.completion

from capra.cli import COMPLETE, PROGRAM
from capra.cli.errors import ExitCode
from capra.cli.options.completion import Options


def completion(options: Options) -> int:
    """Returns the exit code."""
    make = typer.completion.get_completion_script  # type: ignore[attr-defined]  # typer has no public name for it
    typer.echo(make(prog_name=PROGRAM, complete_var=COMPLETE, shell=options.shell.value))
    return ExitCode.DONE
