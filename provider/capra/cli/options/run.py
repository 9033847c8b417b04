"""The options of `capra run`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ContactOptions, HookTimeout

EXAMPLES = ("capra run update.yaml -f fleet.yaml --serial 2 --variables secrets.yaml",)


@dataclass(frozen=True, kw_only=True)
class Options(ContactOptions):
    """Run a playbook of yours on the machines of the files, side by side.

    What is remembered of the machines stays as it is.
    """

    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="The file with the playbook, for `hosts: all`.")]
    variables: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with variables for it, a YAML mapping of secrets.")
    ] = None
    collection: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A collection that it needs, told first if missing. Repeatable."),
    ] = None
    serial: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="So many machines at a time; none after one of them has failed. 0: all."),
    ] = 0
    check: Annotated[bool, typer.Option("--check", help="Run it in Ansible's check mode.")] = False
    diff: Annotated[bool, typer.Option("--diff", help="Have Ansible tell how files change; -vv shows it.")] = False
    hook_timeout: HookTimeout = None
