"""Live lines on a terminal: totals, failures first, then what is at work, never more than the screen has room for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from capra.cli.output.alike import alike, cause_of, listed_names, totals
from capra.cli.output.display import PlainDisplay, make_console
from capra.cli.output.result import MachineResult
from capra.cli.text import first_line, last_line, printable
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.run import Progress

FEWEST_LINES = 3
"""Live lines even on the lowest screen."""

KEPT_FREE = 2
"""Lines of the screen for the shell's prompt and what was told last."""


class LiveDisplay(PlainDisplay):
    """Live lines for the machines that are worked on. Failures stay on the screen, each cause once; what has ended
    well stays where there are few machines. clock: seconds."""

    def __init__(self, console: Console, verbose: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, verbose, clock)
        self._count = 0
        self._running: dict[MachineKey, tuple[float, Progress | None]] = {}
        self._ended: list[MachineResult] = []
        self._causes: set[tuple[str, str]] = set()
        self._spinner = Spinner("dots")

    def expect(self, count: int) -> None:
        """See Display."""
        self._count += count

    def begin(self, machine: RemoteMachine) -> None:
        """See Display."""
        self._stream.begin(machine.key)
        self._running[machine.key] = (self._clock(), None)

    def progress(self, machine: RemoteMachine, progress: Progress) -> None:
        """See Display."""
        started, before = self._running.get(machine.key, (self._clock(), None))
        if progress.of_step or before is None or not before.of_step:
            self._running[machine.key] = (started, progress)
        self.show_output(machine, progress)

    def end(self, result: MachineResult) -> None:
        """See Display."""
        self._running.pop(result.machine.key, None)
        self._ended.append(result)
        if self._stays(result):
            super().end(result)
        else:
            self.show_steps(result)

    def _stays(self, result: MachineResult) -> bool:
        """Its line is told above the live ones."""
        if result.ok:
            return self._count <= self._console.height // 2
        new = cause_of(result) not in self._causes
        self._causes.add(cause_of(result))
        return new

    def __rich__(self) -> Group:
        """The live lines, drawn anew several times a second."""
        room = max(FEWEST_LINES, self._console.height - KEPT_FREE)
        lines: list[RenderableType] = []
        if self._count > 1:
            lines.append(_line(totals(self._count, self._ended, len(self._running))))
        lines += self._failures(room // 3)
        return Group(*lines, *self._at_work(room - len(lines)))

    def _failures(self, room: int) -> list[RenderableType]:
        """A line for each cause that several machines share."""
        groups = [group for group in alike(one for one in self._ended if not one.ok) if len(group) > 1]
        groups.sort(key=len, reverse=True)
        shown = [
            _line(f"  {len(group)} {group[0].outcome}: {listed_names(group)}: {first_line(group[0].message)}")
            for group in groups[:room]
        ]
        return [*shown]

    def _at_work(self, room: int) -> list[RenderableType]:
        """Those that have been at work for longest."""
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(8, self._console.width // 3))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, justify="right")
        running = list(self._running.items())
        shown = running if len(running) <= room else running[: room - 1]
        for key, (started, progress) in shown:
            elapsed = f"{self._clock() - started:.0f} s"
            table.add_row(self._spinner, Text(key.name), *(Text(text) for text in _state(progress)), Text(elapsed))
        rest = [_line(f"  and {len(running) - len(shown)} more at work")] if len(shown) < len(running) else []
        return [table, *rest] if shown else []


def _state(progress: Progress | None) -> tuple[str, str]:
    """What is known of a run: a word, and the step's title with what it has said last."""
    if progress is None:
        return "starting", ""
    if not progress.of_step:
        return progress.state, ""
    said = last_line(progress.output) if progress.state == "running" else ""
    return f"step {progress.number + 1}/{progress.count}", printable(f"{progress.title}{said and f': {said}'}")


def _line(text: str) -> Text:
    """One line, cut at the screen's edge."""
    return Text(printable(text), no_wrap=True, overflow="ellipsis")


@contextmanager
def displaying(verbose: int) -> Iterator[PlainDisplay]:
    """The display that fits standard error: live lines where it can move the cursor."""
    console = make_console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainDisplay(console, verbose)
        return
    live = LiveDisplay(console, verbose)
    with Live(live, console=console, refresh_per_second=8, transient=True, redirect_stdout=False):
        yield live
