"""The options of `capra preflight`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ContactOptions

EXAMPLES = ("capra preflight -f machine.yaml --ssh-key ~/.ssh/id_ed25519",)


@dataclass(frozen=True, kw_only=True)
class Options(ContactOptions):
    """Look at the machines of the files and say what would get in the way of a bootstrap. Changes nothing."""

    all_findings: Annotated[bool, typer.Option("--all", help="Show the findings that are ok, too.")] = False
