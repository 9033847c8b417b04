"""What goes to a host arrives byte for byte, and what comes back is read whatever it is."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.capra.machine.plugins.plugin_utils import parts, payload, programs, results
from tests.component.programs.host import Host, append, command, write

LONG = bytes(range(256)) * 20
contents = st.binary(max_size=300) | st.sampled_from(
    [b"\n", b"\n\n", b"\0", b"$(exit)`'\"\\", bytes(range(256)), b"CAPRA_PAYLOAD\n", LONG]
)
awkward = st.sampled_from(list("'\"`$\\ \n\t*?[]{}!#&;|<>~%é€\U0001f600\udcff\udc80-x."))
names = st.text(
    awkward | st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and len(name.encode("utf-8", "surrogateescape")) < 200)


@given(st.lists(st.tuples(names, names, contents, contents), min_size=6, max_size=10, unique_by=lambda item: item[0]))
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_at_any_path(host: Host, files: list[tuple[str, str, bytes, bytes]]) -> None:
    shutil.rmtree(host.work)
    shutil.rmtree(host.base, ignore_errors=True)
    host.work.mkdir()
    steps: list[dict[str, Any]] = []
    for directory, name, first, second in files:
        path = f"{host.work}/{directory}/{name}"
        steps += [write(path, first), append(path, second)]
    steps.append({"kind": "script", "content": 'printf "%s\\n" "$@"', "arguments": [name for _, name, _, _ in files]})
    ended = host.finished(*steps)
    assert all(step.state == "ok" for step in ended)
    for directory, name, first, second in files:
        raw = f"{directory}/{name}".encode("utf-8", "surrogateescape")
        with open(bytes(host.work) + b"/" + raw, "rb") as file:
            assert file.read() == first + second
    said = "".join(f"{name}\n" for _, name, _, _ in files).encode("utf-8", "surrogateescape")
    assert host.report.outputs[len(steps) - 1] == said
    host.finished({"kind": "forget"}, run_id="cleanup")
    assert list(host.work.iterdir()) == []


@given(st.text(st.characters(exclude_categories=[]) | awkward, max_size=200))
def test_encoding_is_plain_and_reversible(text: str) -> None:
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    encoded = parts.encode(text)
    assert re.fullmatch(r"([A-Za-z0-9._/:@+,=\\-])*", encoded)
    assert re.sub(rb"\\0([0-7]{3})", lambda match: bytes([int(match[1], 8)]), encoded.encode()) == raw


@given(
    st.lists(
        st.builds(parts.Part, st.just("write"), contents, st.just("0644"), st.just("-"), st.just("/a")),
        max_size=5,
    )
)
def test_contents_stand_where_the_step_says(parts: list[parts.Part]) -> None:
    made = payload.build({"mode": "run", "id": "x"}, parts, "program's")
    head, _, rest = made.text.partition("\n\n")
    lines = rest.split("\n")
    assert all(re.fullmatch(r"[ -~]*", line) and line != payload.MARKER for line in made.text.split("\n"))
    assert re.fullmatch(r"([ -~]*\n)*", made.steps)
    assert "'" not in made.steps

    def part(words: list[str]) -> bytes:
        if words[0] == "=":
            return re.sub(rb"\\0([0-7]{3})", lambda match: bytes([int(match[1], 8)]), words[1].encode())
        start = int(words[0]) - 1
        return base64.b64decode("".join(lines[start : start + int(words[1])]))

    for line, expected in zip(made.steps.splitlines(), parts, strict=True):
        assert part(line.split()[3:]) == expected.content
    program = f"STEPS='{made.steps}'\nprogram's".encode()
    assert head.rpartition("whole ")[2] == f"{len(rest)} {hashlib.sha256(program).hexdigest()}"


def test_long_content_is_not_read_by_the_byte() -> None:
    made = [parts.to_part(step, number) for number, step in enumerate([write("/a", b"short"), write("/b", LONG)])]
    short, long = payload.build({"mode": "run", "id": "x"}, made).steps.splitlines()
    assert short.split()[3:5] == ["=", "short"]
    assert long.split()[3].isdecimal()


def test_a_shell_without_a_printf_of_its_own_is_refused(one_host: Host) -> None:
    """What it prints would be an argument of another process, which every user of the host can see."""
    other = one_host.root / "bin" / "sh"
    other.unlink()
    other.write_text('#!/bin/bash\n[ "$1" != -c ] || exec bash -c "enable -n printf; $2"\nexec bash "$@"\n')
    other.chmod(0o755)
    report = one_host.exchange("run", [write(one_host.work / "f", b"secret")])
    assert "has no printf of its own" in report.error
    assert list(one_host.work.iterdir()) == []


@pytest.mark.parametrize("host", ["bash"], indirect=True)
def test_nor_is_a_session_without_one(host: Host) -> None:
    """The session's shell is the system's own, whatever `sh` is in the path."""
    text = host.text("run", [write(host.work / "f", b"secret")], "one")
    inside = text.replace(b"\nlaunch <<", b"\nenable -n printf\nlaunch <<")
    assert inside != text
    shutil.copy(shutil.which("dash") or "", host.root / "bin" / "dash")
    (host.root / "bin" / "sh").unlink()
    (host.root / "bin" / "sh").symlink_to("dash")
    report = host.heard(host.session(inside))
    assert "has no printf of its own" in report.error
    assert list(host.work.iterdir()) == []


def test_a_check_run_sends_no_content() -> None:
    steps = [write("/a", b"very secret"), command("very secret")]
    made = [parts.to_part(step, number) for number, step in enumerate(steps)]
    sent = payload.call("", payload.build({"mode": "check", "id": "x"}, made, contents=False)).decode()
    assert base64.b64encode(b"very secret").decode() not in sent
    assert "secret" not in sent
    assert sent.count("\nstep ") == 1


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ({"kind": "nonsense"}, "steps[3].kind is 'nonsense'"),
        ({}, "steps[3].kind is None"),
        ({"kind": "command", "command": "a\0b"}, "steps[3].command holds a NUL byte"),
        ({"kind": "command", "command": "\ud800"}, "steps[3].command holds half a surrogate pair"),
        ({"kind": "command", "command": ["a"]}, "steps[3].command is a list, not a string"),
        (write("/a\0b", b""), "steps[3].path holds a NUL byte"),
        (write("a", b""), "steps[3].path is 'a', not an absolute path"),
        (write("/a", b"", mode="0644 root"), "steps[3].mode is '0644 root'"),
        (write("/a", b"", mode="u+x"), "steps[3].mode"),
        (write("/a", b"") | {"content": "%"}, "steps[3].content is not base64"),
        (
            {"kind": "script", "content": "", "arguments": ["a", "b\0"]},
            "steps[3].arguments[1] holds a NUL byte",
        ),
        ({"kind": "sentinel", "path": "a"}, "steps[3].path"),
        ({"kind": "forget", "services": "none"}, "steps[3].services is 'none', not files or all"),
    ],
)
def test_steps_that_cannot_be_sent(step: dict[str, Any], problem: str) -> None:
    with pytest.raises(parts.PayloadError, match=re.escape(problem)):
        parts.to_part(step, 3)


def test_parts() -> None:
    assert parts.to_part(append("/a b", b"x", owner="u:g"), 0) == parts.Part("append", b"x", "-", "u:g", "/a\\0040b")
    assert parts.to_part({"kind": "forget"}, 0) == parts.Part("forget", mode="0", rest="-")
    for value in (True, "True", "yes"):
        assert parts.to_part({"kind": "forget", "keep_files": value, "path": "/s"}, 0).mode == "1"
    assert parts.to_part({"kind": "forget", "keep_files": "False"}, 0).mode == "0"
    assert parts.to_part({"kind": "forget", "services": "all"}, 0).owner == "all"
    assert parts.to_part({"kind": "forget", "services": "files"}, 0).owner == "-"


def test_run_ids() -> None:
    steps = [write("/a", b"x")]
    first = parts.derive_run_id("steps", steps, "uid")
    assert first == parts.derive_run_id("steps", steps, "uid")
    others = [("other", steps, "uid"), ("steps", [], "uid"), ("steps", steps, "")]
    assert len({first, *(parts.derive_run_id(*values) for values in others)}) == 4


REPORT = """motd
capra begin
already finished
state ended
begin 0 boot 1.0 100 1
start 0 boot 1.0
end 0 0 2.5

output 0
aGVsbG8=
.
before 0
b2xk
.
would 0 done
busy other
error a b
capra end
"""


def test_report() -> None:
    report = payload.parse_report(REPORT.replace("\n", "\r\n"))
    assert report == payload.Report(
        begun=True,
        already=True,
        busy="other",
        error="a b",
        complete=True,
        journal=(
            ("begin", "0", "boot", "1.0", "100", "1"),
            ("start", "0", "boot", "1.0"),
            ("end", "0", "0", "2.5"),
        ),
        outputs={0: b"hello"},
        before={0: b"old"},
        would={0: "done"},
    )
    assert payload.parse_report("noise") == payload.Report()


@given(st.integers(0, len(REPORT)))
def test_a_report_cut_anywhere_is_not_complete(end: int) -> None:
    report = payload.parse_report(REPORT[:end])
    assert report.complete == (end >= len(REPORT) - 1)
    results.step_results([command("a")], report)


words = st.sampled_from(
    [
        "capra",
        "begin",
        "end",
        "state",
        "output",
        "before",
        "would",
        "start",
        "cut",
        "0",
        "1",
        "x",
        "²",
        "",
        ".",
    ]
)


@given(st.text(max_size=50), st.lists(st.lists(words, max_size=5).map(" ".join), max_size=30))
def test_no_report_is_too_odd(noise: str, lines: list[str]) -> None:
    report = payload.parse_report("\n".join([noise, "capra begin", *lines]))
    ended = results.step_results([command("a"), command("b")], report)
    assert results.failure(ended, report)["msg"]


def test_files_end_with_functions_only() -> None:
    for name in {*programs.SESSION, *programs.DETACHED}:
        assert programs.text((name,)).endswith("}\n")
