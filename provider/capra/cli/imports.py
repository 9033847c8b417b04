"""What the commands share that print machines made of somebody else's inventory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.errors import note
from capra.cli.yaml_output import print_yaml
from capra.inventory.imported import Imported, documents
from capra.local.inventories.keys import read_key_files
from capra.settings import Settings, read_settings


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Of both."""

    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="The namespace of the objects; none by default.")
    ] = ""
    ssh_key: Annotated[
        str, typer.Option(metavar="FILE", help="File with the SSH private key of hosts that name none.")
    ] = ""

    def key(self) -> str:
        """The path of that file, or of the setting; empty for none."""
        return self.ssh_key or read_settings(Settings, os.environ, {}).ssh_key


def print_imported(imported: Imported, options: ImportOptions, pool: str) -> None:
    """The Secrets, and then the machines; notes go to standard error. Raises InputErrors before anything is printed."""
    made = documents(imported.hosts, read_key_files(imported.hosts), namespace=options.namespace, pool=pool)
    for sentence in imported.notes:
        note(f"warning: {sentence}")
    print_yaml(*made)
