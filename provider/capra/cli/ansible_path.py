"""`capra ansible-path`."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from capra.cli.errors import ExitCode
from capra.runs.paths import collections_path

EXAMPLES = ("ANSIBLE_COLLECTIONS_PATH=$(capra ansible-path) ansible-playbook …",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """`capra ansible-path` has none."""


def ansible_path(options: Options) -> int:
    """Print the directory for ANSIBLE_COLLECTIONS_PATH that holds the collection capra.machine."""
    typer.echo(collections_path())
    return ExitCode.DONE
