"""What a person sees while machines are worked on: a line for every change, or live lines (live.py). On standard
error, so that standard output holds the result alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.text import Text

from capra.cli.output.result import MachineResult
from capra.cli.output.streaming import OutputStream
from capra.cli.text import first_line, indented, last_line, printable
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.run import Progress


class Display(Protocol):
    """Is told what happens."""

    def expect(self, count: int) -> None:
        """So many machines more will be worked on."""
        ...

    def begin(self, machine: RemoteMachine) -> None:
        """Work on the machine begins."""
        ...

    def progress(self, machine: RemoteMachine, progress: Progress) -> None:
        """The host is contacted, a step has changed its state, or has said more."""
        ...

    def hook(self, machine: RemoteMachine, told: str) -> None:
        """A playbook of the user's has begun, or has ended well with more to come."""
        ...

    def output(self, name: str, text: str) -> None:
        """Ansible has printed something for the machine with this name."""
        ...

    def end(self, result: MachineResult) -> None:
        """Work on the machine has ended."""
        ...


def make_console(*, stderr: bool) -> Console:
    """A console that shows text as it is. Wide where it is no terminal, so that nothing is cut for a file or a pipe."""
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 200
    return console


QUIET_SECONDS = 8.0
"""After which a step that goes on is told of again, with what it has said last."""


class PlainDisplay:
    """A line for every change, and now and then one for a step that takes long. verbose: from 1 on the output of steps,
    as it comes. clock: seconds."""

    def __init__(self, console: Console, verbose: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._told_at: dict[MachineKey, float] = {}
        self._verbose = verbose
        self._stream = OutputStream()
        self._states: dict[MachineKey, tuple[int, str]] = {}

    def expect(self, count: int) -> None:
        """See Display."""

    def begin(self, machine: RemoteMachine) -> None:
        """See Display."""
        self._stream.begin(machine.key)
        self._states.pop(machine.key, None)
        self.say(f"{machine.key.name}: begins ({machine.spec.place})")

    def progress(self, machine: RemoteMachine, progress: Progress) -> None:
        """See Display."""
        step = f"{machine.key.name}: step {progress.number + 1}/{progress.count} {progress.title}: {progress.state}"
        if self._is_news(machine.key, progress):
            took = f" in {progress.seconds:.1f} s" if progress.state in ("ok", "failed") else ""
            self.say(f"{step}{took}")
            self._told_at[machine.key] = self._clock()
        elif not self._verbose and (said := last_line(progress.output)) and self._is_due(machine.key):
            self.say(f"{step}: {said}")
        self.show_output(machine, progress)

    def _is_due(self, key: MachineKey) -> bool:
        """Nothing was told of the machine for a while; now something is."""
        now = self._clock()
        due = now - self._told_at.get(key, now) >= QUIET_SECONDS
        if due:
            self._told_at[key] = now
        return due

    def _is_news(self, key: MachineKey, progress: Progress) -> bool:
        """A step is in another state than the last time."""
        before, state = self._states.get(key), (progress.number, progress.state)
        self._states[key] = state
        return progress.of_step and state != before

    def show_output(self, machine: RemoteMachine, progress: Progress) -> None:
        """With -v, what a step has said since the last time."""
        if self._verbose and progress.output:
            self._say_output(machine.key, progress.number, progress.title, progress.output, ended=False)

    def hook(self, machine: RemoteMachine, told: str) -> None:
        """See Display."""
        self.say(f"{machine.key.name}: {told}")

    def output(self, name: str, text: str) -> None:
        """See Display."""
        self.say(indented(text, f"{name} | "))

    def end(self, result: MachineResult) -> None:
        """See Display."""
        line = first_line(result.message)
        self.say(f"{result.machine.key.name}: {result.outcome}: {line} ({result.seconds:.1f} s)")
        self.show_steps(result)

    def show_steps(self, result: MachineResult) -> None:
        """With -v, every step, and of its output what was not shown yet."""
        if not self._verbose:
            return
        key = result.machine.key
        for step in result.steps:
            self.say(f"{key.name} | step {step.number + 1} {step.title}: {step.told}")
            self._say_output(key, step.number, step.title, step.output, ended=True)

    def _say_output(self, key: MachineKey, number: int, title: str, output: str, *, ended: bool) -> None:
        for line in self._stream.new_lines(key, number, title, printable(output).rstrip(" "), ended=ended):
            self.say(f"{key.name} |     {line}".rstrip())

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(Text(printable(text)), soft_wrap=True)
