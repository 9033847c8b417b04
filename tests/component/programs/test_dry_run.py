"""A dry run of files: what a run would do, and nothing that a run would not read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import payload as payloads
from ansible_collections.capra.machine.plugins.plugin_utils import programs
from tests.component.programs.host import Host, append, needs_root, states, tree, write


@pytest.fixture
def home(home: Path) -> Path:
    """A directory of another user; beside it a file of root's that no step names."""
    (home.parent / "shadow").write_bytes(b"root's secret")
    return home


def checked(host: Host, *steps: dict[str, object]) -> payloads.Report:
    """What a dry run with a diff says; it changes nothing."""
    before = tree(host.root)
    report = host.exchange("check", list(steps), diff=65536)
    assert report.complete
    assert tree(host.root) == before
    return report


def test_what_a_run_would_do(host: Host) -> None:
    work = host.work
    for name in ("same", "other", "a name\\with\n(everything)\t"):
        (work / name).write_bytes(b"old")
    (work / "link").symlink_to("other")
    (work / "directory").mkdir()
    names = ("same", "other", "a name\\with\n(everything)\t", "link", "directory", "new", "a/b/new")
    report = checked(host, *(write(work / name, b"old" if name == "same" else b"new") for name in names))
    assert list(report.would.values()) == ["same", "change", "change", "change", "directory", "create", "create"]
    assert report.before == {1: b"old", 2: b"old", 3: b"old"}


@needs_root
@pytest.mark.parametrize("kind", [write, append])
@pytest.mark.parametrize("link", ["home/app.conf", "home/sub"])
def test_a_link_of_another_user_is_not_shown(host: Host, home: Path, link: str, kind: object) -> None:
    """It says what the run says, which fails there."""
    path = home / ("app.conf" if link.endswith(".conf") else "sub/shadow")
    (host.work / link).symlink_to(host.work / ("shadow" if link.endswith(".conf") else "."))
    step = (write if kind is write else append)(path, b"x")
    report = checked(host, step, write(host.work / "own", b"1"))
    assert report.before == {}
    assert report.would == {0: "refuse", 1: "create"}
    (ended, _) = host.run(step, write(host.work / "own", b"1"))
    assert (ended.state, ended.output.encode()) == ("failed", report.outputs[0])


@needs_root
def test_a_link_that_comes_in_between_is_not_shown(host: Host, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the look at what stands there, before it is opened."""
    (home / "app.conf").write_bytes(b"old")
    session = programs.session()
    assert 'check_opened "$1" "$2" "$4"' in session
    become = f'ln -sf {host.work}/shadow {home}/app.conf; check_opened "$1" "$2" "$4"'
    monkeypatch.setattr(
        programs, "session", lambda dry_run=False: session.replace('check_opened "$1" "$2" "$4"', become)
    )
    report = host.exchange("check", [write(home / "app.conf", b"x")], diff=65536)
    assert (report.would, report.before) == ({0: "refuse"}, {})
    assert report.outputs[0] == f"{home}/app.conf: has become another file just now\n".encode()


@needs_root
@pytest.mark.parametrize("writer", ["nobody", "somebody"])
def test_a_pipe_that_comes_in_between_does_not_hold_it_up(
    host: Host, home: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    (home / "app.conf").write_bytes(b"old")
    session = programs.session()
    opening = '(check_content "$@" 3<"./$NAME"'
    assert opening in session
    become = f"rm {home}/app.conf; mkfifo {home}/app.conf; "
    if writer == "somebody":
        become += f"sleep 20 >{home}/app.conf 2>/dev/null & "
    monkeypatch.setattr(programs, "session", lambda dry_run=False: session.replace(opening, f"{become}{opening}"))
    begun = time.monotonic()
    report = host.exchange("check", [write(home / "app.conf", b"x"), write(host.work / "own", b"1")], diff=65536)
    assert time.monotonic() - begun < 18
    assert (report.would, report.before) == ({0: "refuse", 1: "create"}, {})
    assert report.outputs[0] == f"{home}/app.conf: has become another file just now\n".encode()
    assert host.errors == b""


@needs_root
def test_a_file_of_another_user(host: Host, home: Path) -> None:
    """Their own is compared and shown; one that has another name is not, and a pipe is not opened."""
    for name in ("same", "own"):
        (home / name).write_bytes(b"old")
    os.link(host.work / "shadow", home / "linked")
    os.mkfifo(home / "pipe")
    steps = [
        write(home / "same", b"old"),
        write(home / "own", b"new"),
        write(home / "linked", b"new"),
        append(home / "linked", b"new"),
        write(home / "pipe", b"new"),
    ]
    report = checked(host, *steps)
    assert list(report.would.values()) == ["same", "change", "change", "refuse", "refuse"]
    assert report.before == {1: b"old"}
    for number in (3, 4):
        (ended,) = host.run(steps[number], run_id=f"run{number}")
        assert (states([ended]), ended.output.encode()) == (["failed"], report.outputs[number])


def test_what_a_cleanup_would_take_back(host: Host) -> None:
    sentinel = host.work / "sentinel"
    forget: dict[str, object] = {"kind": "forget", "path": str(sentinel)}
    report = checked(host, forget)
    assert (report.would, report.outputs) == ({0: "same"}, {})

    sentinel.write_bytes(b"")
    report = checked(host, forget)
    assert report.would == {0: "run"}
    assert report.outputs[0].decode() == f"forget: would remove {sentinel}\n"

    sentinel.unlink()
    host.finished(write(host.work / "file", b"1"), run_id="boot")
    report = checked(host, forget)
    assert report.would == {0: "run"}
    assert f"would remove the files that {host.base} says were written, {host.base}" in report.outputs[0].decode()
