"""What a person sees while machines are worked on: live lines on a terminal, else a line for every change. On standard
error, so that standard output holds the result alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from capra.cli.result import MachineResult
from capra.cli.text import first_line, indented, printable
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.run import Progress


class Display(Protocol):
    """Is told what happens."""

    def begin(self, machine: RemoteMachine) -> None:
        """Work on the machine begins."""
        ...

    def progress(self, machine: RemoteMachine, progress: Progress) -> None:
        """A step has changed its state."""
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


class PlainDisplay:
    """A line for every change."""

    def __init__(self, console: Console, verbose: int = 0) -> None:
        self._console = console
        self._verbose = verbose

    def begin(self, machine: RemoteMachine) -> None:
        """See Display."""
        where = machine.spec.place
        self._say(f"{machine.key.name}: begins ({where})")

    def progress(self, machine: RemoteMachine, progress: Progress) -> None:
        """See Display."""
        took = f" in {progress.seconds:.1f} s" if progress.state in ("ok", "failed") else ""
        step = f"step {progress.number + 1}/{progress.count}"
        self._say(f"{machine.key.name}: {step} {progress.title}: {progress.state}{took}")

    def hook(self, machine: RemoteMachine, told: str) -> None:
        """See Display."""
        self._say(f"{machine.key.name}: {told}")

    def output(self, name: str, text: str) -> None:
        """See Display."""
        self._say(indented(text, f"{name} | "))

    def end(self, result: MachineResult) -> None:
        """See Display."""
        line = first_line(result.message)
        self._say(f"{result.machine.key.name}: {result.outcome}: {line} ({result.seconds:.1f} s)")
        if self._verbose:
            self._show_steps(result)

    def _show_steps(self, result: MachineResult) -> None:
        """The output of every step."""
        for step in result.steps:
            self._say(f"{result.machine.key.name} | step {step.number + 1} {step.title}: {step.told}")
            if step.output.strip():
                self._say(indented(step.output, f"{result.machine.key.name} |     "))

    def _say(self, text: str) -> None:
        self._console.print(Text(printable(text)), soft_wrap=True)


class LiveDisplay(PlainDisplay):
    """One live line for each machine that is worked on; a line stays when it has ended."""

    def __init__(self, console: Console, verbose: int = 0) -> None:
        super().__init__(console, verbose)
        self._running: dict[MachineKey, tuple[float, Progress | None]] = {}
        self._spinner = Spinner("dots")

    def begin(self, machine: RemoteMachine) -> None:
        """See Display."""
        self._running[machine.key] = (time.monotonic(), None)

    def progress(self, machine: RemoteMachine, progress: Progress) -> None:
        """See Display."""
        started, _ = self._running.get(machine.key, (time.monotonic(), None))
        self._running[machine.key] = (started, progress)

    def end(self, result: MachineResult) -> None:
        """See Display."""
        self._running.pop(result.machine.key, None)
        super().end(result)

    def __rich__(self) -> Group:
        """The live lines, drawn anew several times a second."""
        table = Table.grid(padding=(0, 2))
        for key, (started, progress) in self._running.items():
            step = f"step {progress.number + 1}/{progress.count}" if progress else "connecting"
            title = printable(progress.title) if progress else ""
            elapsed = f"{time.monotonic() - started:.0f} s"
            table.add_row(self._spinner, Text(key.name), Text(step), Text(title, overflow="ellipsis"), Text(elapsed))
        return Group(table)


@contextmanager
def displaying(verbose: int) -> Iterator[PlainDisplay]:
    """The display that fits standard error."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        yield PlainDisplay(console, verbose)
        return
    live = LiveDisplay(console, verbose)
    with Live(live, console=console, refresh_per_second=8, transient=True, redirect_stdout=False):
        yield live
