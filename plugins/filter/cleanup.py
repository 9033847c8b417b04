"""Filters for cleanups: commands to steps, and whether a cleanup has changed anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

VERIFY = "verify that nothing of a Kubernetes distribution is left"


QUIET = re.compile(
    r"(found|changed|verify): .*|[a-z]+: nothing to do( \(.*\))?|reset: (?!warning: ).*; removing by hand"
)
"""A line of a cleanup that tells of no change: of the last kind, the program that would have done it is not there."""


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
        {
            "kind": "command",
            "title": f"cleanUpCommands[{number}]: {_short(command)}",
            "command": command,
            "tags": ["commands"],
        }
        for number, command in enumerate(_checked(commands))
    ]
    return [
        *steps,
        {
            "kind": "forget",
            "title": "remove what Capra left",
            "path": sentinel,
            "keep_files": keep_files,
            "tags": ["forget"],
            "needs": ["commands"],
        },
        *([] if binding == "none" else [_verify(binding)]),
    ]


def _verify(binding: str) -> dict[str, Any]:
    return {"kind": "verify", "title": VERIFY, "binding": binding, "tags": ["verify"], "looks": True}


def cleanup_changed(result: Mapping[str, Any]) -> bool:
    """False where a cleanup has found a host as clean as it left it. result: what `capra.machine.steps` has returned.

    The script of k0s says so itself where it verifies. Else a line that tells of no change is one that has found,
    verified or had nothing to do.
    """
    if not result.get("changed"):
        return False
    steps = [step for step in result.get("steps") or () if step.get("kind") in ("script", "clear", "forget")]
    told = [(step["kind"], line) for step in steps for line in str(step.get("output") or "").splitlines()]
    if not told:
        return True  # whoever ended this very run has taken its output with it
    ours = [line for kind, line in told if kind == "script"]
    scripts = "changed: no" not in ours and not all(QUIET.fullmatch(line) for line in ours)
    return scripts or any(not QUIET.fullmatch(line) for kind, line in told if kind != "script")


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter names to functions."""
        return {"cleanup_steps": cleanup_steps, "cleanup_changed": cleanup_changed}
