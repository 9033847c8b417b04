"""`capra import`."""

from __future__ import annotations

from capra.cli.errors import ExitCode
from capra.cli.options.import_k0sctl import Options
from capra.cli.shared.imports import print_imported
from capra.errors import InputError
from capra.inventory.k0sctl import from_k0sctl
from capra.local.reading.manifests import read_file


def import_k0sctl(options: Options) -> int:
    """Returns the exit code."""
    found = read_file(options.file)
    if len(found) != 1:
        raise InputError(f"has {len(found)} documents; a configuration of k0sctl is one", subject=options.file)
    role = options.role.value if options.role else ""
    imported = from_k0sctl(found[0].content, source=options.file, role=role, ssh_key=options.key())
    print_imported(imported, options, options.pool)
    return ExitCode.DONE
