"""Tells what a long run is doing, while it does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.results import StepResult

PREFIX = "capra-progress "
"""What stands before a line of JSON for a program (capra.runs); people get plain lines with -v."""

BEFORE = {"kept": "unchanged", "changed": "changed", "again": "lost"}


class Teller:
    """Tells each change of a step once."""

    def __init__(self, display: Any, count: int, machine_readable: bool) -> None:
        self._display = display
        self._count = count
        self._machine_readable = machine_readable
        self._told: dict[int, str] = {}

    def tell(self, steps: Sequence[StepResult]) -> None:
        """Show the steps whose state is another than the last time. What an earlier end of a step is worth comes before
        it runs: unchanged, changed or lost (by a reboot)."""
        for step in steps:
            if step.before and step.number not in self._told:
                self._tell(step, BEFORE[step.before])
            if step.state != "pending" and step.before != "kept":
                self._tell(step, step.state)

    def _tell(self, step: StepResult, state: str) -> None:
        if self._told.get(step.number) == state:
            return
        self._told[step.number] = state
        if self._machine_readable:
            values = {"step": step.number, "count": self._count, "title": step.title, "state": state}
            self._display.display(PREFIX + json.dumps(values | {"seconds": step.seconds}))
        else:
            self._display.v(f"step {step.number + 1} of {self._count} ({step.title}): {state}")
