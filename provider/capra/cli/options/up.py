"""The options of `capra up`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ClusterFileOptions

EXAMPLES = (
    "capra up -f k0sctl.yaml --check",
    "capra up -f k0sctl.yaml --kubeconfig-out demo.kubeconfig",
    "capra up -f k0sctl.yaml --wait 0",
)


@dataclass(frozen=True, kw_only=True)
class Options(ClusterFileOptions):
    """Make a k0s cluster of the hosts in a k0sctl.yaml: controllers one by one, then workers.

    Workers are worked on side by side. No management cluster is needed.
    Run it again at any time: hosts that are provisioned are left alone, and
    everything else goes on where it was.
    """

    kubeconfig_out: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Where the kubeconfig goes; a file of that name is replaced.",
            show_default="CLUSTER.kubeconfig",
        ),
    ] = ""
    wait: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="How long to wait until all nodes are ready; 0: not at all.")
    ] = 300
