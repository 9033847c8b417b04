"""The options of `capra logs`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ShownOptions

SERVER = "Of a controller"


EXAMPLES = (
    "capra logs node-0",
    "capra logs node-0 3",
    "capra logs node-0 --follow",
    "capra logs node-0 -n prod --server https://localhost:8443 --token-file token",
)


@dataclass(frozen=True, kw_only=True)
class Options(ShownOptions):
    """Print what the steps of a machine's last run have said, of this terminal's runs or of a controller's.

    Secrets are left out. What is kept is bounded by --keep-output.
    """

    name: Annotated[str, typer.Argument(metavar="NAME", help="The machine.")]
    step: Annotated[int, typer.Argument(metavar="[STEP]", min=0, help="Only what this step has printed.")] = 0
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for what is still to come.")] = False
    run: Annotated[str, typer.Option(metavar="RUN", help="An older run, by its name.", show_default="the newest")] = ""
    list_runs: Annotated[bool, typer.Option("--list", help="Only the names of the runs that were kept.")] = False
    namespace: Annotated[str, typer.Option("--namespace", "-n", metavar="NAME", help="The machine's namespace.")] = (
        "default"
    )
    entry: Annotated[bool, typer.Option("--entry", help="The machine is a PooledRemoteMachine.")] = False
    server: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Ask the controller whose diagnostics are served there.", rich_help_panel=SERVER
        ),
    ] = ""
    token_file: Annotated[
        str, typer.Option(metavar="FILE", help="File with a bearer token for it.", rich_help_panel=SERVER)
    ] = ""
    certificate_authority: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="CA certificates of the server; without it only localhost is asked.",
            rich_help_panel=SERVER,
        ),
    ] = ""
