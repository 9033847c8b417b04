"""What a cleanup's role would do, step by step, without a run: its tasks say so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml

from capra.model.run import Playbook
from capra.runs.paths import COLLECTION, collections_path

ACTION = "capra.machine.steps"
LONGEST = 60
"""Characters of a command that its title shows."""

OWN_FILES = "remove what Capra left"
VERIFY = "verify that nothing of a Kubernetes distribution is left"
"""The titles that plugins/filter/cleanup.py gives."""


def cleanup_titles(playbook: Playbook, commands: Sequence[str] = (), *, verify: bool = True) -> tuple[str, ...]:
    """The titles of the steps of a cleanup, in order. commands: of the machine's own, for the custom cleanup. verify:
    that one looks at the host at its end."""
    if playbook is not Playbook.CUSTOM_CLEANUP:
        return _titles(playbook)
    own = [f"cleanUpCommands[{number}]: {_short(command)}" for number, command in enumerate(commands)]
    return (*own, OWN_FILES, *([VERIFY] if verify else []))


@cache
def _titles(playbook: Playbook) -> tuple[str, ...]:
    """Those that stand in the role's tasks."""
    path = collections_path() / COLLECTION / "roles" / playbook.value / "tasks" / "main.yml"
    tasks: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(str(step["title"]) for task in tasks for step in task.get(ACTION, {}).get("steps", ()))


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
