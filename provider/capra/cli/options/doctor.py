"""The options of `capra doctor`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ClusterOptions

EXAMPLES = (
    "capra doctor",
    "capra doctor --context my-cluster --all",
)


@dataclass(frozen=True, kw_only=True)
class Options(ClusterOptions):
    """Look at this machine, or with --context or --kubeconfig at a cluster, for what would be in Capra's way.

    Each finding has advice. Contacts no host, and changes nothing.
    """

    everything: Annotated[bool, typer.Option("--all", help="Show the findings that are ok, too.")] = False
