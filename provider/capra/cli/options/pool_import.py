"""The options of `capra pool import`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ImportOptions

EXAMPLES = (
    "capra pool import -i inventory.ini --pool workers | kubectl apply -f -",
    "capra pool import -i inventory.ini --pool workers --limit rack-1 --user ops",
)


@dataclass(frozen=True, kw_only=True)
class Options(ImportOptions):
    """Print pool entries and Secrets made of the hosts of an inventory of Ansible.

    The Secrets hold the private keys of the hosts' key files. What a pool entry has no field for is told on standard
    error. Contacts no host.
    """

    inventory: Annotated[
        str, typer.Option("--inventory", "-i", metavar="FILE", help="The inventory, in any form that Ansible reads.")
    ]
    pool: Annotated[str, typer.Option(metavar="NAME", help="The pool of the entries.")]
    limit: Annotated[
        str, typer.Option(metavar="PATTERN", help="Only these hosts and groups, as Ansible's --limit has it.")
    ] = ""
    user: Annotated[str, typer.Option(metavar="NAME", help="The login of hosts that have no ansible_user.")] = ""
