"""`capra bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.change import change
from capra.cli.options import RunOptions

BootstrapDataOption = Annotated[
    str | None,
    typer.Option("--bootstrap-data", metavar="FILE", help="Bootstrap data for machines without a Secret of their own."),
]

EXAMPLES = (
    "capra bootstrap -f machine.yaml --bootstrap-data user-data.yaml",
    "capra bootstrap -f fleet.yaml --limit node-3 --check --diff",
)


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """The options of `capra bootstrap`."""

    bootstrap_data: BootstrapDataOption = None


def bootstrap(options: Options) -> int:
    """Bootstrap the machines of the files.

    A machine that is provisioned is left alone; one whose bootstrap was interrupted or failed goes on where it is.
    """
    return change(options, deleting=False)
