"""Lines of record files: whole, or known to be half, whatever the disk did."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import parts, programs
from tests.component.programs.host import SHELLS, Host, append, command, count, counted, states, tree, write


def shell(host: Host, text: str) -> subprocess.CompletedProcess[str]:
    """Functions of record files, in this host's shell."""
    script = f"{programs.text(('records',))}\n{text}"
    return subprocess.run([*SHELLS[host.shell], "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("before", ["", "one\n", "half", "two\nhalf", "half\0\0", "\n", "half (half)\n"])
def test_a_line_never_continues_half_a_line(host: Host, before: str) -> None:
    file = host.root / "record"
    file.write_text(before)
    ended = shell(host, f"record {file} 'new line' && record {file} 'and another{chr(10)}in two'")
    assert (ended.returncode, ended.stderr) == (0, "")
    kept = before if before.endswith("\n") or not before else f"{before} (half)\n"
    assert file.read_text() == f"{kept}new line\nand another\nin two\n"


def test_a_line_that_is_not_there_afterwards_is_said(host: Host) -> None:
    (host.root / "hole").symlink_to("/dev/null")
    (host.root / "full").symlink_to("/dev/full")
    for name in ("hole", "full", "no/such/directory"):
        assert shell(host, f"append_line {host.root}/{name} line").returncode != 0


def test_half_a_line_of_written(host: Host) -> None:
    """The disk was full when the file's record was written, so the file was not; then there was room."""
    work = host.work
    (work / "other").write_bytes(b"before")
    before = tree(work)
    steps = [write(work / "secret", b"1", mode="0600"), write(work / "other", b"2"), command("true")]
    for number, cut in enumerate((3, 9, 12, 15 + len(str(work)), 16 + len(str(work)) + 4)):
        run = host.base / f"run{number}"
        run.mkdir(parents=True)
        (run / "written").write_text(f"created 0 {parts.encode(str(work / 'secret'))}"[:cut])
        host.finished(*steps, run_id=run.name)
        assert (work / "secret").exists()
        host.finished({"kind": "forget"}, run_id=f"cleanup{number}")
        assert tree(work) == before


def test_half_a_line_never_stands_for_a_shorter_path(host: Host) -> None:
    """`replaced 0 /…/other.conf` cut to `/…/other`, which is somebody else's."""
    work = host.work
    (work / "other").write_bytes(b"somebody else's")
    run = host.base / "one"
    run.mkdir(parents=True)
    (run / "written").write_text(f"created 0 {parts.encode(str(work / 'other'))}")
    host.finished(write(work / "other.conf", b"1"))
    host.finished({"kind": "forget"}, run_id="cleanup")
    assert {path.name for path in work.iterdir()} == {"other"}


@pytest.mark.parametrize("half", ["end 0", "end 0 ", "fini", "finished 0 0", "cut 0 lo", "end"])
def test_half_a_line_of_the_journal_is_not_believed(host: Host, half: str) -> None:
    run = host.base / "one"
    run.mkdir(parents=True)
    (run / "journal").write_text(f"begin 0 older 1.0 1 1\nstart 0 older 1.0\n{half}")
    ended = host.finished(counted(host, "a"), counted(host, "b"), append(host.work / "log", b"1"))
    assert states(ended) == ["ok"] * 3
    assert [count(host, name) for name in "ab"] == [1, 1]
    assert (host.work / "log").read_bytes() == b"1"
    assert ended[0].cuts == ("reboot",)


def test_a_sync_that_takes_no_names(host: Host) -> None:
    """It writes everything, and says each time that it ignores them: no words of the step."""
    sync = host.root / "bin/sync"
    sync.write_text('#!/bin/sh\n[ $# = 0 ] || echo "sync: ignoring all arguments" >&2\n')
    sync.chmod(0o755)
    ended = host.finished(write(host.work / "f", b"1"), command("echo hi"))
    assert [step.output for step in ended] == ["", "hi\n"]
    (forgotten,) = host.finished({"kind": "forget"}, run_id="cleanup")
    assert forgotten.output == f"removed {host.work}/f\n"
