"""What a diff shows, and what it does not."""

from __future__ import annotations

from ansible_collections.capra.machine.plugins.plugin_utils import diff
from ansible_collections.capra.machine.plugins.plugin_utils.parts import to_part
from tests.component.programs.host import append, command, write

STEPS = [
    write("/new", b"new\n"),
    write("/secret", b"token\n", mode="0600"),
    append("/log", b"more\n"),
    command("true"),
    write("/same", b"same\n"),
]
CUT = "(content of 6 bytes or more is not shown)\n"

PARTS = [to_part(step, number) for number, step in enumerate(STEPS)]


def test_written() -> None:
    new, secret, log, same = diff.written(STEPS, PARTS, {1: b"old token\n", 2: b"line\n", 4: b"same\n"})
    assert new == {"before": "", "after": "new\n", "before_header": "/new", "after_header": "/new"}
    assert "token" not in secret["before"] + secret["after"]
    assert (log["before"], log["after"]) == ("line\n", "line\nmore\n")
    assert same["before"] == same["after"]


def test_planned() -> None:
    would = {0: "create", 1: "change", 2: "change", 3: "run", 4: "same"}
    entries = diff.planned(STEPS, PARTS, {2: b"line\n"}, would)
    assert [entry["after_header"] for entry in entries] == ["/new", "/secret", "/log"]
    assert entries[1]["before"] == ""


def test_long_and_binary_files() -> None:
    steps = [write("/big", b"x" * 100_000), write("/binary", b"\xff\0")]
    parts = [to_part(step, number) for number, step in enumerate(steps)]
    big, binary = diff.written(steps, parts, {})
    assert len(big["after"]) == diff.LIMIT
    assert binary["after"] == "\ufffd\0"


def test_what_the_host_could_not_tell_whole_is_not_shown() -> None:
    new, secret, log, same = diff.written(STEPS, PARTS, {1: b"old token\n", 2: b"lines\n", 4: b"some\n"}, 6)
    assert (log["before"], log["after"]) == (CUT, f"{CUT}more\n")
    assert (same["before"], same["after"]) == ("some\n", "same\n")
    assert "token" not in secret["before"]
    assert new["before"] == ""
    [entry] = diff.planned(STEPS, PARTS, {2: b"lines\n"}, {2: "change"}, 6)
    assert entry["before"] == CUT
