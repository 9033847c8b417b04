"""The options of `capra pool export`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

EXAMPLES = (
    "kubectl get pooledremotemachines -o yaml | capra pool export -f -",
    "capra pool export -f pool.yaml -f key.yaml --key-directory keys",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Print an inventory of Ansible made of pool entries.

    Without a directory for keys no key is read, and the inventory names none. Contacts no host.
    """

    file: Annotated[
        list[str],
        typer.Option("--file", "-f", metavar="FILE", help="Manifest, YAML or JSON; - is standard input. Repeatable."),
    ]
    pool: Annotated[str, typer.Option(metavar="NAME", help="Only this pool.", show_default="all")] = ""
    key_directory: Annotated[
        str, typer.Option(metavar="DIR", help="Write the SSH keys of the Secrets here, and name them in the inventory.")
    ] = ""
