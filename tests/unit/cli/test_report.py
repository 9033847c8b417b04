"""The end of a command over many machines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from capra.cli.output import report
from capra.cli.output.result import MachineResult, exit_code, not_begun
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.run import StepReport
from capra.settings import Output


def _result(number: int, message: str, *, hint: str = "", ok: bool = False) -> MachineResult:
    machine = RemoteMachine(MachineKey("default", f"node-{number}"), MachineSpec(address=f"192.0.2.{number}"))
    outcome = "Finished" if ok else "StepFailed"
    return MachineResult(machine, "Bootstrap", outcome, ok, message, seconds=float(number), hint=hint)


FLEET = [
    *(_result(number, "3 steps finished", ok=True) for number in range(20)),
    *(_result(number, f"no room on node-{number}\nthe tail", hint="mend it") for number in range(20, 30)),
]


def _screen(monkeypatch: pytest.MonkeyPatch, height: int, width: int = 80) -> None:
    def console(*, stderr: bool) -> Console:
        return Console(stderr=stderr, force_terminal=True, width=width, height=height, color_system=None)

    monkeypatch.setattr(report, "make_console", console)


def test_thirty_machines_on_24_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _screen(monkeypatch, 24)
    report.print_results(FLEET, Output.TABLE)
    shown = capsys.readouterr()
    assert len((shown.out + shown.err).splitlines()) < 24
    assert all(len(line) <= 80 for line in (shown.out + shown.err).splitlines())
    rows = shown.out.splitlines()
    assert rows[1].split()[:2] == ["node-20,", "node-21,"]  # failures first
    assert "10 hosts" in shown.out
    assert "20 hosts" in shown.out
    assert shown.err.splitlines()[1:] == [
        "node-20, node-21, node-22, node-23 and 6 more:",
        "    the tail",
        "node-20, node-21, node-22, node-23 and 6 more: next: mend it",
        "",
        "30 machines: 10 failed, 20 done",
    ]


def test_a_row_a_machine_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _screen(monkeypatch, 60)
    report.print_results(FLEET, Output.TABLE)
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows if row.startswith("node-")] == [
        f"node-{number}" for number in [*range(20, 30), *range(20)]
    ]


def test_a_machine_that_was_not_begun_is_none_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = [not_begun(one.machine, "Bootstrap") for one in FLEET[:3]]
    unreachable = replace(FLEET[20], outcome="Unreachable")
    report.print_results([unreachable, *waiting], Output.TABLE)
    assert capsys.readouterr().err.splitlines()[-1] == "4 machines: 1 failed, 3 not begun"
    assert exit_code([unreachable, *waiting]) == 3
    assert exit_code([FLEET[20], *waiting]) == 1


def test_a_dry_run_counts_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    would = replace(FLEET[0], steps=(StepReport(0, "write /a", "create"), StepReport(1, "run runcmd[0]", "run")))
    report.print_results([would], Output.TABLE, check=True)
    assert capsys.readouterr().out.splitlines()[-1].split()[2:4] == ["Finished", "-"]


def test_a_file_gets_a_row_a_machine_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    report.print_results(FLEET, Output.TABLE)
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [f"node-{number}" for number in range(30)]


def test_on_a_narrow_screen_rows_stand_one_below_the_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _screen(monkeypatch, 24, 40)
    report.print_results([FLEET[0], FLEET[20]], Output.TABLE)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "node-20",
        "  address: 192.0.2.20:22",
        "  outcome: StepFailed",
        "  steps: -",
        "  seconds: 20.0",
        "  message: no room on node-20",
        "node-0",
        "  address: 192.0.2.0:22",
        "  outcome: Finished",
        "  steps: -",
        "  seconds: 0.0",
        "  message: 3 steps finished",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_column_is_of_single_letters(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _screen(monkeypatch, 24, width)
    made = report.table("finding", "level", "value", "message")
    made.add_row(*report.cells("certificate", "warning", "x" * 50, "it ends within the week: " + "y" * 70))
    report.print_table(made)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= 12
    assert ("FINDING" in lines[0]) is (width >= 60)


def test_a_short_cell_does_not_keep_a_column_of_long_ones_in_the_table() -> None:
    made = report.table("name", "message")
    made.add_row("averyveryverylongname", "averyveryverylongmessage")
    made.add_row("a", "")
    assert isinstance(report.fitted(made, 60), type(made))
    assert report.fitted(made, 60) is made
    assert report.fitted(made, 15) is not made
    assert report.fitted(report.table("name", "message"), 15) is not None
