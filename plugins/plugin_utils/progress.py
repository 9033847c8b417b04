"""Tells what a long run is doing, while it does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.results import StepResult

PREFIX = "capra-progress "
"""What stands before a line of JSON for a program (capra.runs); people get plain lines with -v."""


class Teller:
    """Tells each change of a step once."""

    def __init__(self, display: Any, count: int, machine_readable: bool) -> None:
        self._display = display
        self._count = count
        self._machine_readable = machine_readable
        self._told: dict[int, str] = {}

    def tell(self, steps: Sequence[StepResult]) -> None:
        """Show the steps whose state is another than the last time."""
        for step in steps:
            if step.state == "pending" or self._told.get(step.number) == step.state:
                continue
            self._told[step.number] = step.state
            if self._machine_readable:
                values = {"step": step.number, "count": self._count, "title": step.title, "state": step.state}
                self._display.display(PREFIX + json.dumps(values | {"seconds": step.seconds}))
            else:
                self._display.v(f"step {step.number + 1} of {self._count} ({step.title}): {step.state}")
