"""The options of `capra status`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import CLUSTER, ClusterOptions

EXAMPLES = (
    "capra status",
    "capra status -f machine.yaml --output json",
    "capra status --context my-cluster --watch",
)


@dataclass(frozen=True, kw_only=True)
class Options(ClusterOptions):
    """Print what is remembered of machines, or with --context or --kubeconfig what a cluster says of them.

    Contacts no host, and changes nothing.
    """

    file: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", metavar="FILE", help="Only the machines of this manifest. Repeatable."),
    ] = None
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.", rich_help_panel=CLUSTER)
    ] = False
    limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only the machine with this name. Repeatable.")
    ] = None
