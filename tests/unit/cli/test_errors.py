"""What a command raises becomes a line and an exit code."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import typer

from capra.cli.errors import ExitCode, reporting_errors
from capra.errors import Fatal, InputError, InputErrors, Retry


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("is wrong", subject="a"), ExitCode.BAD_INPUT),
        (Retry("no answer"), ExitCode.UNREACHABLE),
        (Fatal("broken", "Broken"), ExitCode.FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_each_error_has_its_code(error: BaseException, status: ExitCode, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as raised, reporting_errors():
        raise error
    assert raised.value.exit_code == status
    said = capsys.readouterr().err
    assert said == ("" if isinstance(error, KeyboardInterrupt) else f"capra: error: {error}\n")


def test_each_of_many_errors_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), reporting_errors():
        raise InputErrors([InputError("is wrong", subject="a"), InputError("is \x1b[31mred", subject="b")])
    assert capsys.readouterr().err == "capra: error: a: is wrong\ncapra: error: b: is red\n"


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.ENOSPC, "no space", "out.json")])
def test_output_that_nobody_can_take_is_no_traceback(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost: list[int] = []
    monkeypatch.setattr("capra.cli.errors.lose", lost.append)
    with Path(os.devnull).open("w") as stream:  # it has a descriptor
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(typer.Exit) as raised, reporting_errors():
            raise error
        monkeypatch.undo()
    assert raised.value.exit_code == ExitCode.FAILED
    assert len(lost) == 1
    assert ("out.json" in capsys.readouterr().err) is (error.errno == errno.ENOSPC)


def test_other_errors_of_the_system_are_mistakes_of_ours() -> None:
    with pytest.raises(PermissionError), reporting_errors():
        raise PermissionError(errno.EACCES, "denied")
