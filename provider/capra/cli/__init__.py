"""The terminal. One file a command; turns Capra's errors into exit codes."""

from __future__ import annotations

import sys

from capra.runs.warm.launch import launch_ahead

INTERRUPTED = 130

RUNNING = frozenset({"bootstrap", "cleanup", "cancel", "preflight"})
"""The commands that run Ansible. It gets warm while they are imported and read their files."""


def main() -> None:
    """The entry point. The commands are imported here, so that an interrupt meanwhile ends as any other does."""
    try:
        if sys.argv[1:2] and sys.argv[1] in RUNNING and "--help" not in sys.argv:
            launch_ahead()
        from capra.cli.app import app  # noqa: PLC0415  # see above

        app()
    except KeyboardInterrupt:
        print("capra: interrupted; nothing was begun", file=sys.stderr)
        sys.exit(INTERRUPTED)
