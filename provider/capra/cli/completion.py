"""`capra completion`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer
import typer.completion

from capra.cli import COMPLETE, PROGRAM
from capra.cli.errors import ExitCode

EXAMPLES = (
    "source <(capra completion bash)",
    "capra completion fish > ~/.config/fish/completions/capra.fish",
)


class Shell(StrEnum):
    """The shells that words can be completed in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `capra completion`."""

    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell that reads it.")]


def completion(options: Options) -> int:
    """Print the script with which a shell completes the words of capra.

    Writes to no file: docs/reference/cli.md says where each shell looks for it.
    """
    make = typer.completion.get_completion_script  # type: ignore[attr-defined]  # typer has no public name for it
    typer.echo(make(prog_name=PROGRAM, complete_var=COMPLETE, shell=options.shell.value))
    return ExitCode.DONE
