"""Tells what a long run is doing, while it does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.results import StepResult

PREFIX = "capra-progress "
"""What stands before a line of JSON for a program (capra.runs); people get plain lines with -v."""

OUTPUT_TOLD = 4096
"""Bytes of the end of a step's output that are told for a program, while the step runs."""

BEFORE = {"kept": "unchanged", "changed": "changed", "again": "lost"}


class Teller:
    """Tells each change of a step once."""

    def __init__(self, display: Any, count: int, machine_readable: bool) -> None:
        self._display = display
        self._count = count
        self._machine_readable = machine_readable
        self._told: dict[int, tuple[str, str]] = {}

    def tell(self, steps: Sequence[StepResult]) -> None:
        """Show the steps whose state or output is another than the last time. What an earlier end of a step is worth
        comes before it runs: unchanged, changed or lost (by a reboot)."""
        for step in steps:
            if step.before and step.number not in self._told:
                self._tell(step, BEFORE[step.before])
            if step.state != "pending" and step.before != "kept":
                self._tell(step, step.state)

    def _tell(self, step: StepResult, state: str) -> None:
        # What has ended is told whole, with the run's result.
        output = step.output[-OUTPUT_TOLD:] if self._machine_readable and state == "running" else ""
        if self._told.get(step.number) == (state, output):
            return
        self._told[step.number] = (state, output)
        if self._machine_readable:
            values = {"step": step.number, "count": self._count, "title": step.title, "state": state}
            self._display.display(PREFIX + json.dumps(values | {"seconds": step.seconds, "output": output}))
        else:
            self._display.v(f"step {step.number + 1} of {self._count} ({step.title}): {state}")
