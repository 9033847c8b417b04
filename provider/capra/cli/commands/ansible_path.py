"""`capra ansible-path`."""

from __future__ import annotations

import typer

from capra.cli.errors import ExitCode
from capra.cli.options.ansible_path import Options
from capra.runs.paths import collections_path


def ansible_path(options: Options) -> int:
    """Returns the exit code."""
    typer.echo(collections_path())
    return ExitCode.DONE
