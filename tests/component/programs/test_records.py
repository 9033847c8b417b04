"""Lines of record files: whole, or known to be half, whatever the disk did."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import parts, programs
from tests.component.programs.host import (
    SHELLS,
    Host,
    append,
    command,
    count,
    counted,
    states,
    tree,
    wait_for,
    write,
)


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


def test_a_followed_journal_is_read_on_by_whoever_appends(host: Host) -> None:
    """The program and its subshells share the place, and somebody else may append as well, or leave half a line."""
    journal = host.root / "journal"
    journal.write_text("one\n")
    ended = shell(
        host,
        f"""
        RUN={host.root}
        follow_journal && append_line "$RUN/journal" two && (append_line "$RUN/journal" "three{chr(10)}four")
        echo five >>"$RUN/journal"
        append_line "$RUN/journal" six && printf ha >>"$RUN/journal" && printf lf >>"$RUN/journal"
        (append_line "$RUN/journal" seven) && append_line "$RUN/journal" eight && echo all
        """,
    )
    assert (ended.stdout, ended.stderr) == ("all\n", "")
    assert journal.read_text().split("\n") == [
        *("one", "two", "three", "four", "five", "six", "half (half)", "seven", "eight", ""),
    ]


def test_a_line_that_a_followed_journal_does_not_get_is_said(host: Host) -> None:
    for name in ("null", "full"):
        (host.root / "journal").unlink(missing_ok=True)
        (host.root / "journal").write_text("one\n")
        replaced = f'rm "$RUN/journal" && ln -s /dev/{name} "$RUN/journal"'
        ended = shell(host, f'RUN={host.root}; follow_journal && {replaced} && ! append_line "$RUN/journal" two')
        assert ended.returncode == 0, name


def test_a_followed_journal_needs_no_process(host: Host) -> None:
    (host.root / "journal").write_text("one\n")
    text = f'RUN={host.root}; follow_journal && PATH=/nonexistent && append_line "$RUN/journal" two'
    assert shell(host, text).returncode == 0
    assert (host.root / "journal").read_text() == "one\ntwo\n"


def _synced(host: Host) -> Path:
    """Where the last line of the journal is noted whenever the disk is to have it."""
    noted = host.root / "noted"
    sync = host.root / "bin/sync"
    look = f'case $one in */journal | */journal.part) tail -n 1 "$one" >>{noted} ;; esac'
    sync.write_text(f'#!/bin/sh\nfor one in "$@"; do {look}; done\nexec {shutil.which("sync")} "$@"\n')
    sync.chmod(0o755)
    return noted


def _lasting(noted: Path) -> list[str]:
    return [" ".join(line.split()[: 3 if line.startswith("end") else 2]) for line in noted.read_text().splitlines()]


def test_the_disk_has_the_end_of_a_step_with_the_start_of_the_next(host: Host) -> None:
    noted = _synced(host)
    host.finished(command("true"), write(host.work / "f", b"1"))
    # That of a file behind its start, with the first note of what is made.
    assert _lasting(noted) == ["for 0", "start 0", "process 1", "finished 0"]


def test_the_disk_has_the_end_of_a_step_that_failed(host: Host) -> None:
    noted = _synced(host)
    host.run(command("true"), command("exit 3"), command("true"))
    assert _lasting(noted) == ["for 0", "start 0", "start 1", "end 1 3"]


def test_the_disk_has_the_end_of_a_step_that_has_outlived_its_program(host: Host) -> None:
    noted = _synced(host)
    session = host.session(host.text("run", [command(f"until [ -e {host.work}/go ]; do sleep 0.05; done")], "one"))
    journal = host.base / "one" / "journal"
    wait_for(lambda: journal.exists() and "process 0" in journal.read_text())
    os.kill(host.holder(), signal.SIGKILL)
    (host.work / "go").touch()
    wait_for(lambda: _lasting(noted)[-1] == "end 0 0")
    session.kill()
    session.communicate(timeout=60)


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
