"""What a check run says of its steps."""

from __future__ import annotations

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils.checked import outcome
from ansible_collections.capra.machine.plugins.plugin_utils.payload import Report

SCRIPT = {"kind": "script", "title": "stop k0s"}


@pytest.mark.parametrize(
    ("output", "would"),
    [
        (b"stop: nothing to do\n", "same"),
        (b"found: binary none, role worker\nleave: nothing to do (role: worker)\n", "same"),
        (b"stop: would stop k0sworker\n", "run"),
        (b"stop: would stop k0sworker\nstop: nothing to do\n", "run"),
        (b"verify: nothing has been touched\nchanged: no\n", "run"),
        (b"found: binary none\n", "run"),
        (b"", "run"),
    ],
)
def test_a_script_that_says_that_there_is_nothing_to_do(output: bytes, would: str) -> None:
    told = outcome([SCRIPT], Report(outputs={0: output}))
    assert told["steps"] == [
        {"number": 0, "title": "stop k0s", "kind": "script", "would": would, "output": output.decode()}
    ]
    assert told["changed"] is (would == "run")


def test_a_command_that_says_so_is_run_all_the_same() -> None:
    told = outcome([{"kind": "command"}], Report(outputs={0: b"stop: nothing to do\n"}))
    assert (told["steps"][0]["would"], told["msg"]) == ("run", "1 of 1 steps would run")


def test_what_speaks_against_a_run_is_told() -> None:
    steps = [{"kind": "write", "title": "write /a"}, {"kind": "write", "title": "write /b"}]
    told = outcome(steps, Report(would={0: "same", 1: "refuse"}, outputs={1: b"/b is a directory\n"}, busy="other"))
    assert told["msg"] == (
        "0 of 2 steps would run, but another run holds the host: other, but step 2 would fail: /b is a directory"
    )
    assert not told["changed"]
