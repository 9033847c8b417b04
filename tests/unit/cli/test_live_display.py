"""The live lines of a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from capra.cli.display import LiveDisplay
from capra.cli.result import MachineResult
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.run import Progress

MACHINE = RemoteMachine(MachineKey("default", "node-0"), MachineSpec(address="192.0.2.1"))


def test_a_line_a_machine_until_it_has_ended() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    display = LiveDisplay(console)

    def shown() -> str:
        with console.capture() as capture:
            console.print(display)
        return " ".join(capture.get().split())

    assert shown() == ""
    display.begin(MACHINE)
    assert "node-0 connecting 0 s" in shown()
    display.progress(MACHINE, Progress(1, 3, "write /a\x1b[2J", "running"))
    assert "node-0 step 2/3 write /a 0 s" in shown()
    display.output("node-0", "PLAY [bootstrap]")
    with console.capture() as capture:
        display.end(MachineResult(MACHINE, "Bootstrap", "Finished", ok=True, message="3 steps finished"))
    assert "node-0: Finished: 3 steps finished" in capture.get()
    assert shown() == ""
