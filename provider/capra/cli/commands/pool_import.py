"""`capra pool import`."""

from __future__ import annotations

from capra.cli.errors import ExitCode
from capra.cli.options.pool_import import Options
from capra.cli.shared.imports import print_imported
from capra.inventory.ansible import from_ansible
from capra.runs.inventories.listing import list_inventory


def pool_import(options: Options) -> int:
    """Returns the exit code."""
    hosts = list_inventory(options.inventory, options.limit)
    imported = from_ansible(hosts, source=options.inventory, user=options.user, ssh_key=options.key())
    print_imported(imported, options, options.pool)
    return ExitCode.DONE
