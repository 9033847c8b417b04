"""The options of `capra plan`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from capra.cli.options.common import BootstrapDataOption, HostPathOptions, MachineOptions


class Purpose(StrEnum):
    """What is planned."""

    BOOTSTRAP = "bootstrap"
    CLEANUP = "cleanup"


EXAMPLES = (
    "capra plan -f machine.yaml --bootstrap-data user-data.yaml",
    "capra plan -f machine.yaml --for cleanup",
)


@dataclass(frozen=True, kw_only=True)
class Options(HostPathOptions, MachineOptions):
    """Print what would run on the machines of the files. Contacts nobody and changes nothing."""

    purpose: Annotated[
        Purpose, typer.Option("--for", metavar="WHAT", help="bootstrap or cleanup.", show_default="bootstrap")
    ] = Purpose.BOOTSTRAP
    bootstrap_data: BootstrapDataOption = None
