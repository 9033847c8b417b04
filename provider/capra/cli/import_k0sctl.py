"""`capra import`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from capra.cli.errors import ExitCode
from capra.cli.imports import ImportOptions, print_imported
from capra.errors import InputError
from capra.inventory.k0sctl import from_k0sctl
from capra.local.reading.manifests import read_file

EXAMPLES = (
    "capra import k0sctl.yaml > machines.yaml",
    "capra import k0sctl.yaml --role worker --pool workers | kubectl apply -f -",
)


class Role(StrEnum):
    """Of k0sctl's; a controller that also works is a controller."""

    CONTROLLER = "controller"
    WORKER = "worker"


@dataclass(frozen=True, kw_only=True)
class Options(ImportOptions):
    """The options of `capra import`."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="The configuration of k0sctl; - is standard input.")]
    pool: Annotated[str, typer.Option(metavar="NAME", help="Print entries of this pool instead of machines.")] = ""
    role: Annotated[
        Role | None, typer.Option(metavar="controller|worker", help="Only hosts with this role.", show_default="all")
    ] = None


def import_k0sctl(options: Options) -> int:
    """Print machines, or pool entries, and Secrets made of the hosts of a k0sctl.yaml.

    The Secrets hold the private keys of the hosts' key files. What has no counterpart is told on standard error.
    Contacts no host.
    """
    found = read_file(options.file)
    if len(found) != 1:
        raise InputError(f"has {len(found)} documents; a configuration of k0sctl is one", subject=options.file)
    role = options.role.value if options.role else ""
    imported = from_k0sctl(found[0].content, source=options.file, role=role, ssh_key=options.key())
    print_imported(imported, options, options.pool)
    return ExitCode.DONE
