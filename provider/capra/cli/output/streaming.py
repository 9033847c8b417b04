"""The output of steps as it comes: each line once. Pure."""

from __future__ import annotations

from capra.model.machine import MachineKey

MISSED = "…"
"""Stands for lines that came and went between two looks."""


class OutputStream:
    """Knows what was shown of the output of every step. A look brings back the end of an output, and the next look an
    end that reaches further."""

    def __init__(self) -> None:
        self._shown: dict[tuple[MachineKey, int, str], str] = {}

    def begin(self, key: MachineKey) -> None:
        """The machine's steps begin from the first."""
        for step in [step for step in self._shown if step[0] == key]:
            del self._shown[step]

    def new_lines(self, key: MachineKey, number: int, title: str, output: str, *, ended: bool) -> list[str]:
        """The lines of this output that were not shown yet. ended: the last one has no more to come."""
        step = (key, number, title)
        shown = self._shown.get(step, "")
        whole = output if ended else output[: output.rfind("\n") + 1]
        overlap = _overlap(shown, whole)
        self._shown[step] = whole or shown
        new = whole[overlap:].splitlines()
        return [MISSED, *new] if shown and new and not overlap else new


def _overlap(shown: str, output: str) -> int:
    """Characters at the head of `output` that are the end of what was shown."""
    for length in range(min(len(shown), len(output)), 0, -1):
        if shown.endswith(output[:length]):
            return length
    return 0
