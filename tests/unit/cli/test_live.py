"""The live lines of a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from capra.cli.output.display import PlainDisplay
from capra.cli.output.live import LiveDisplay, displaying
from capra.cli.output.result import MachineResult
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.run import IN_CONTACT, Progress, StepReport


class Screen:
    """A screen, and the display on it."""

    def __init__(self, width: int = 80, height: int = 24, verbose: int = 0) -> None:
        self.console = Console(
            file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None, markup=False
        )
        self.now = 0.0
        self.display = LiveDisplay(self.console, verbose, lambda: self.now)

    def live(self) -> list[str]:
        """The live lines."""
        with self.console.capture() as capture:
            self.console.print(self.display)
        return [line.rstrip() for line in capture.get().splitlines() if line.strip()]

    def end(self, name: str, message: str, *, ok: bool = False, steps: tuple[StepReport, ...] = ()) -> str:
        """What stays when a machine has ended."""
        outcome = "Finished" if ok else "Unreachable"
        with self.console.capture() as capture:
            self.display.end(MachineResult(machine(name), "Bootstrap", outcome, ok, message, steps=steps))
        return capture.get()


def machine(name: str) -> RemoteMachine:
    return RemoteMachine(MachineKey("default", name), MachineSpec(address=f"192.0.2.{name.rpartition('-')[2]}"))


def test_a_line_a_machine_until_it_has_ended() -> None:
    screen = Screen()
    screen.display.expect(1)
    assert screen.live() == []
    screen.display.begin(machine("node-0"))
    assert " ".join(screen.live()).split()[1:] == ["node-0", "starting", "0", "s"]
    screen.display.progress(machine("node-0"), IN_CONTACT)
    assert "node-0  contacting" in screen.live()[0]
    screen.display.progress(machine("node-0"), Progress(1, 3, "write /a\x1b[2J", "running"))
    screen.now = 3.4
    assert "node-0  step 2/3  write /a" in screen.live()[0]
    assert screen.live()[0].endswith(" 3 s")
    screen.display.progress(machine("node-0"), Progress(1, 3, "write /a", "running", output="one\ntwo\n"))
    assert "node-0  step 2/3  write /a: two" in screen.live()[0]
    screen.display.progress(machine("node-0"), IN_CONTACT)
    assert "step 2/3" in screen.live()[0]  # a hook's run has begun; more is known already
    assert "node-0: Finished: 3 steps finished" in screen.end("node-0", "3 steps finished", ok=True)
    assert screen.live() == []


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (20, 4)])
def test_a_hundred_machines_never_take_more_than_the_screen(width: int, height: int) -> None:
    screen = Screen(width, height)
    screen.display.expect(100)
    told = ""
    for number in range(60):
        screen.display.begin(machine(f"node-{number}"))
    for number in range(30):
        told += screen.end(f"node-{number}", f"192.0.2.{number} port 22: connection refused")
    for number in range(30, 39):
        told += screen.end(f"node-{number}", "3 steps finished", ok=True)
    lines = screen.live()
    assert len(lines) <= max(3, height - 2)
    assert all(len(line) <= width for line in lines)
    whole = "100 machines: 30 failed, 9 done, 21 at work, 40 waiting"
    assert lines[0] == (whole if width >= len(whole) else whole[: width - 1] + "…")
    if width == 80:
        cause = "  30 Unreachable: node-0, node-1, node-2, node-3 and 26 more: 192.0.2.0 port 22"
        assert lines[1].startswith(cause[:79])
        assert sum("starting" in line for line in lines) == 19
        assert lines[-1] == "  and 2 more at work"
    # The cause is told once, and what has ended well fills no screen.
    assert told.count("connection refused") == 1
    assert "steps finished" not in told


def test_another_cause_is_told_as_well() -> None:
    screen = Screen()
    screen.display.expect(3)
    assert "refused" in screen.end("node-1", "192.0.2.1: connection refused")
    assert "timed out" in screen.end("node-2", "192.0.2.2: timed out")
    assert screen.end("node-3", "192.0.2.3: timed out") == ""


def test_verbose_streams_what_steps_say_above_the_live_lines() -> None:
    screen = Screen(verbose=1)
    with screen.console.capture() as capture:
        screen.display.begin(machine("node-0"))
        for output in ("one\ntw", "one\ntwo\n"):
            screen.display.progress(machine("node-0"), Progress(0, 1, "run a", "running", output=output))
    assert capture.get().splitlines() == ["node-0 |     one", "node-0 |     two"]
    step = StepReport(0, "run a", "ok", 0, 1.0, "one\ntwo\nthree")
    ended = screen.end("node-0", "1 step finished", ok=True, steps=(step,)).splitlines()
    assert ended[1:] == [f"node-0 | step 1 run a: {step.told}", "node-0 |     three"]


def test_a_terminal_that_cannot_move_the_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what rich takes for a terminal
    for terminal, live in (("dumb", False), ("xterm", True)):
        monkeypatch.setenv("TERM", terminal)
        with displaying(0) as display:
            assert isinstance(display, LiveDisplay) is live, terminal


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_step_that_takes_long_is_told_of_again(verbose: int) -> None:
    """Where lines are told as they come; with -v its output is."""
    screen = Screen()
    console = Console(file=io.StringIO(), width=80, color_system=None)
    display = PlainDisplay(console, verbose, lambda: screen.now)
    with console.capture() as capture:
        for screen.now in (0.0, 5.0, 10.0, 15.0, 20.0):
            display.progress(
                machine("node-0"),
                Progress(1, 3, "start k0s", "running", output=f"after {screen.now:.0f} s\n" if screen.now else ""),
            )
    told = ["node-0: step 2/3 start k0s: running"]
    told += [f"{told[0]}: after 10 s", f"{told[0]}: after 20 s"]
    lines = capture.get().splitlines()
    assert [line for line in lines if " | " not in line] == (told[:1] if verbose else told)
