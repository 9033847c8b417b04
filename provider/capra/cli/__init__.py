"""The terminal. One file a command; turns Capra's errors into exit codes."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """The entry point. The commands are imported here, so that an interrupt meanwhile ends as any other does."""
    try:
        from capra.cli.app import app  # noqa: PLC0415  # see above

        app()
    except KeyboardInterrupt:
        print("capra: interrupted; nothing was begun", file=sys.stderr)
        sys.exit(INTERRUPTED)
