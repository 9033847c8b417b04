"""Each change of a step is told once."""

from __future__ import annotations

import json

from ansible_collections.capra.machine.plugins.plugin_utils.progress import OUTPUT_TOLD, PREFIX, Teller
from ansible_collections.capra.machine.plugins.plugin_utils.results import StepResult


class Display:
    """Ansible's, as far as it is used."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, text: str) -> None:
        self.lines.append(text)

    def v(self, text: str) -> None:
        self.lines.append(f"-v {text}")


def test_for_programs_and_for_people() -> None:
    display = Display()
    teller = Teller(display, 2, machine_readable=True)
    first, second = StepResult(0, "a", "command", "running"), StepResult(1, "b", "command")
    for _ in range(2):
        teller.tell([first, second])
    teller.tell([StepResult(0, "a", "command", "ok", 0, 1.5), second])
    values = [json.loads(line.removeprefix(PREFIX)) for line in display.lines]
    assert values == [
        {"step": 0, "count": 2, "title": "a", "state": "running", "seconds": 0.0, "output": ""},
        {"step": 0, "count": 2, "title": "a", "state": "ok", "seconds": 1.5, "output": ""},
    ]
    display.lines.clear()
    Teller(display, 2, machine_readable=False).tell([first, second])
    assert display.lines == ["-v step 1 of 2 (a): running"]


def test_what_a_running_step_says_is_told_as_it_comes_for_programs_alone() -> None:
    display = Display()
    teller = Teller(display, 1, machine_readable=True)
    for state, output in (("running", "a\n"), ("running", "a\n"), ("running", "a\nb\n"), ("ok", "a\nb\nc\n")):
        teller.tell([StepResult(0, "t", "command", state, output=output)])
    told = [json.loads(line.removeprefix(PREFIX)) for line in display.lines]
    assert [(one["state"], one["output"]) for one in told] == [("running", "a\n"), ("running", "a\nb\n"), ("ok", "")]
    teller.tell([StepResult(0, "t", "command", "running", output="x" * (OUTPUT_TOLD + 1))])
    assert len(json.loads(display.lines[-1].removeprefix(PREFIX))["output"]) == OUTPUT_TOLD
    display.lines.clear()
    teller = Teller(display, 1, machine_readable=False)
    teller.tell([StepResult(0, "t", "command", "running", output="a")])
    teller.tell([StepResult(0, "t", "command", "running", output="ab")])
    assert display.lines == ["-v step 1 of 1 (t): running"]
