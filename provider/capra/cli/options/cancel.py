"""The options of `capra cancel`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ContactOptions, HostPathOptions

RunOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-data",
        metavar="FILE",
        help="Bootstrap data of the run, for machines without a Secret of their own.",
    ),
]


EXAMPLES = ("capra cancel -f machine.yaml --bootstrap-data user-data.yaml",)


@dataclass(frozen=True, kw_only=True)
class Options(HostPathOptions, ContactOptions):
    """End the bootstrap that is under way on the machines of the files.

    Another run (of other bootstrap data, or a cleanup) is named and left alone. The host stops at once, and stays as
    it is: capra bootstrap goes on there, capra cleanup cleans it.
    """

    bootstrap_data: RunOption = None
