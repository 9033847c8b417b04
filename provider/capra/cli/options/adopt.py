"""The options of `capra adopt`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ContactOptions

EXAMPLES = (
    "capra adopt -f machine.yaml --kubeconfig demo.kubeconfig --check",
    "capra adopt -f machine.yaml --kubeconfig demo.kubeconfig",
)


@dataclass(frozen=True, kw_only=True)
class Options(ContactOptions):
    """Take hosts that are nodes of a cluster over as they are. Changes nothing on them.

    The host and its cluster must agree on which Node it is. From then on capra bootstrap leaves the machine alone,
    and capra cleanup cleans it. A host that is no Node of the cluster is left alone.
    """

    kubeconfig: Annotated[str, typer.Option(metavar="FILE", help="Of the cluster that the hosts are nodes of.")]
    check: Annotated[bool, typer.Option("--check", help="Say what would happen, and remember nothing.")] = False
