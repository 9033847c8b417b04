"""The terminal. One file a command; turns Capra's errors into exit codes."""

from capra.cli.app import main

__all__ = ["main"]
