"""`capra`: its commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

import capra
from capra.cli import ansible_path, bootstrap, cancel, cleanup, controller, plan, preflight, status, trust
from capra.cli.options import takes

HELP = """Turn hosts that are reached over SSH into cluster nodes, and back into clean hosts.

Exit codes: 0 done, 1 some machine failed, 2 bad input (nothing was contacted), 3 unreachable, 130 interrupted.
"""

app = typer.Typer(
    name="capra", help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
)
app.command("bootstrap")(takes(bootstrap.Options)(bootstrap.bootstrap))
app.command("cleanup")(takes(cleanup.Options)(cleanup.cleanup))
app.command("cancel")(takes(cancel.Options)(cancel.cancel))
app.command("preflight")(takes(preflight.Options)(preflight.preflight))
app.command("plan")(takes(plan.Options)(plan.plan))
app.command("status")(takes(status.Options)(status.status))
app.command("trust")(takes(trust.Options)(trust.trust))
app.command("controller", cls=controller.ControllerCommand)(takes(controller.Options)(controller.controller))
app.command("ansible-path")(takes(ansible_path.Options)(ansible_path.ansible_path))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"capra {capra.__version__}")
        raise typer.Exit


@app.callback()
def _capra(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


_capra.__doc__ = HELP
