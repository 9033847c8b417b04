"""`capra bootstrap`."""

from __future__ import annotations

from capra.cli.options.bootstrap import Options
from capra.cli.shared.change import change


def bootstrap(options: Options) -> int:
    """Returns the exit code."""
    return change(options, deleting=False)
