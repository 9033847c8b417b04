"""Filter: cleanup commands to steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def _short(command: str, limit: int = 60) -> str:
    line = " ".join(command.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def cleanup_steps(commands: Sequence[str], sentinel: str = "", keep_files: bool = False) -> list[dict[str, Any]]:
    """The commands in order, and at the end the removal of what Capra itself left: as `capra.machine.steps` takes them.

    A command names itself in its title: it stands in the RemoteMachine's spec, which is no secret.
    """
    steps = [
        {"kind": "command", "title": f"cleanUpCommands[{number}]: {_short(command)}", "command": command}
        for number, command in enumerate(commands)
    ]
    return [
        *steps,
        {"kind": "forget", "title": "remove what Capra left", "path": sentinel, "keep_files": keep_files},
    ]


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter name to function."""
        return {"cleanup_steps": cleanup_steps}
