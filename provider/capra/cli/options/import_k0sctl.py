"""The options of `capra import`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from capra.cli.options.common import ImportOptions

EXAMPLES = (
    "capra import k0sctl.yaml > machines.yaml",
    "capra import k0sctl.yaml --role worker --pool workers | kubectl apply -f -",
)


class Role(StrEnum):
    """Of k0sctl's; a controller that also works is a controller."""

    CONTROLLER = "controller"
    WORKER = "worker"


@dataclass(frozen=True, kw_only=True)
class Options(ImportOptions):
    """Print machines, or pool entries, and Secrets made of the hosts of a k0sctl.yaml.

    The Secrets hold the private keys of the hosts' key files. What has no counterpart is told on standard error.
    Contacts no host.
    """

    file: Annotated[str, typer.Argument(metavar="FILE", help="The configuration of k0sctl; - is standard input.")]
    pool: Annotated[str, typer.Option(metavar="NAME", help="Print entries of this pool instead of machines.")] = ""
    role: Annotated[
        Role | None, typer.Option(metavar="controller|worker", help="Only hosts with this role.", show_default="all")
    ] = None
