"""`capra cleanup`."""

from __future__ import annotations

from capra.cli.options.cleanup import Options
from capra.cli.shared.change import change


def cleanup(options: Options) -> int:
    """Returns the exit code."""
    return change(options, deleting=True)
