"""Filter: cleanup commands to steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

VERIFY = "verify that nothing of a Kubernetes distribution is left"


def _short(command: str, limit: int = 60) -> str:
    line = " ".join(command.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _checked(commands: Any) -> list[str]:
    """The commands, each a string: YAML makes a boolean of a bare `true`, and a list of letters of a bare string."""
    if isinstance(commands, str) or not isinstance(commands, Sequence):
        raise AnsibleFilterError(f"custom_cleanup_commands is a {type(commands).__name__}, not a list of commands")
    for number, command in enumerate(commands):
        if not isinstance(command, str):
            kind = type(command).__name__.removeprefix("_AnsibleTagged").lower()
            raise AnsibleFilterError(f"custom_cleanup_commands[{number}] is a {kind}, not a string; put it in quotes")
    return list(commands)


def cleanup_steps(
    commands: Sequence[str], sentinel: str = "", keep_files: bool = False, binding: str = "none"
) -> list[dict[str, Any]]:
    """The commands in order, the removal of what Capra itself left, and a look at what is left of a distribution: as
    `capra.machine.steps` takes them. binding: see there; `none` for no look.

    A command names itself in its title: it stands in the RemoteMachine's spec, which is no secret.
    """
    steps = [
        {"kind": "command", "title": f"cleanUpCommands[{number}]: {_short(command)}", "command": command}
        for number, command in enumerate(_checked(commands))
    ]
    return [
        *steps,
        {"kind": "forget", "title": "remove what Capra left", "path": sentinel, "keep_files": keep_files},
        *([] if binding == "none" else [{"kind": "verify", "title": VERIFY, "binding": binding}]),
    ]


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter name to function."""
        return {"cleanup_steps": cleanup_steps}
