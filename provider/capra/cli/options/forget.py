"""The options of `capra forget`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ShownOptions

EXAMPLES = (
    "capra forget node-0",
    "capra forget default/node-0 --force",
    "capra forget node-0 --address 192.0.2.10:22",
)


@dataclass(frozen=True, kw_only=True)
class Options(ShownOptions):
    """Remove what is remembered of machines, and the pinned keys of their hosts. Contacts nobody.

    A machine whose host may be dirty is refused: capra cleanup cleans it.
    """

    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The machines: NAME or NAMESPACE/NAME.")]
    address: Annotated[
        str,
        typer.Option(metavar="ADDRESS[:PORT]", help="Only at this address, of those of the name."),
    ] = ""
    force: Annotated[
        bool, typer.Option("--force", help="Although the host may be dirty: it is not cleaned, and stays as it is.")
    ] = False
