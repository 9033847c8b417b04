"""The options of `capra completion`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer
import typer.completion

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
    """Print the script with which a shell completes the words of capra.

    Writes to no file: docs/reference/cli.md says where each shell looks for it.
    """

    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell that reads it.")]
