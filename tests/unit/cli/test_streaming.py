"""The output of steps as it comes, each line once."""

from __future__ import annotations

from capra.cli.output.streaming import MISSED, OutputStream
from capra.model.machine import MachineKey

KEY = MachineKey("default", "node-0")


def _shown(*looks: str, ended: str | None = None) -> list[str]:
    stream = OutputStream()
    lines = [line for look in looks for line in stream.new_lines(KEY, 0, "a", look, ended=False)]
    return lines + (stream.new_lines(KEY, 0, "a", ended, ended=True) if ended is not None else [])


def test_each_line_once() -> None:
    assert _shown("a\nb", "a\nbc\nd", ended="a\nbc\nde") == ["a", "bc", "de"]
    assert _shown("", ended="") == []
    assert _shown("a\na\n", "a\na\na\n") == ["a", "a", "a"]


def test_an_end_that_has_moved_on() -> None:
    assert _shown("1\n2\n3\n", "2\n3\n4\n", ended="4\n5") == ["1", "2", "3", "4", "5"]
    assert _shown("1\n2\n3\n", ended="3\n") == ["1", "2", "3"]  # a shorter end of the same
    assert _shown("1\n2\n", "8\n9\n") == ["1", "2", MISSED, "8", "9"]


def test_each_step_by_itself_and_from_the_first_again() -> None:
    stream = OutputStream()
    assert stream.new_lines(KEY, 0, "a", "x\n", ended=False) == ["x"]
    assert stream.new_lines(KEY, 1, "b", "x\n", ended=False) == ["x"]
    assert stream.new_lines(MachineKey("default", "node-1"), 0, "a", "x\n", ended=False) == ["x"]
    assert stream.new_lines(KEY, 0, "a", "x\n", ended=False) == []
    stream.begin(KEY)
    assert stream.new_lines(KEY, 0, "a", "x\n", ended=False) == ["x"]
