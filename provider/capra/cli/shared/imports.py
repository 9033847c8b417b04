"""What the commands share that print machines made of somebody else's inventory."""

from __future__ import annotations

from capra.cli.errors import note
from capra.cli.options.common import ImportOptions
from capra.cli.output.yaml_output import print_yaml
from capra.inventory.imported import Imported, documents
from capra.local.inventories.keys import read_key_files


def print_imported(imported: Imported, options: ImportOptions, pool: str) -> None:
    """The Secrets, and then the machines; notes go to standard error. Raises InputErrors before anything is printed."""
    made = documents(imported.hosts, read_key_files(imported.hosts), namespace=options.namespace, pool=pool)
    for sentence in imported.notes:
        note(f"warning: {sentence}")
    print_yaml(*made)
