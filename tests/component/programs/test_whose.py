"""Whose a file is: a cleanup takes back what Capra has written, and nothing that others have put in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs
from tests.component.programs.host import Host, needs_root, states, tree, wait_for, write

FORGET = {"kind": "forget"}
NO_RENAME = 'mv() { [ "$3" != ../ ] || { echo "mv: x: No such luck" >&2; return 1; }; command mv "$@"; }\n'
"""The rename at the end of a write fails."""

STOP_BEFORE_RENAME = 'mv() { [ "$3" != ../ ] || { : >"$RUN/../../reached"; sleep 60; }; command mv "$@"; }\n'
"""There the program is killed."""

STOP_AFTER_RENAME = 'mv() { command mv "$@"; [ "$3" != ../ ] || { : >"$RUN/../../reached"; sleep 60; }; }\n'


@pytest.fixture
def units(host: Host) -> Path:
    """Where this host's units are: a directory of the test's own."""
    directory = host.work / "system"
    directory.mkdir()
    host.program = programs.detached().replace("/etc/systemd/system", str(directory))
    return directory


def killed(host: Host, where: str, *steps: dict[str, object], run_id: str = "one") -> None:
    """A run whose program is killed at one moment of its first write."""
    whole, host.program = host.program, where + host.program
    (host.root / "reached").unlink(missing_ok=True)
    session = host.session(host.text("run", list(steps), run_id))
    host.program = whole
    wait_for((host.root / "reached").exists)
    host.kill_program()
    host.heard(session)


def test_a_unit_that_others_made_where_a_write_failed(host: Host, units: Path) -> None:
    """Neither it goes, nor a copy of it, nor what starts a file that Capra has not written."""
    whole, host.program = host.program, NO_RENAME + host.program
    tool = host.work / "tool"
    for number, path in enumerate((units / "app.service", tool)):
        assert states(host.run(write(path, b"[Service]\n"), run_id=f"run{number}")) == ["failed"]
        assert " void 0" in f" {(host.base / f'run{number}/written').read_text()}".replace("\n", " ")
    host.program = whole
    (units / "app.service").write_bytes(b"[Service]\nExecStart=/bin/true\n")
    (units / "copy.service").write_bytes(b"[Service]\nExecStart=/bin/true\n")
    (units / "starts.service").write_text(f"[Service]\nExecStart={tool}\n")
    tool.write_bytes(b"by hand")
    before = tree(host.work)
    (ended,) = host.finished(FORGET, run_id="cleanup")
    assert "removed" not in ended.output
    assert tree(host.work) == before


def test_a_unit_that_others_made_where_a_write_was_killed(host: Host, units: Path) -> None:
    killed(host, STOP_BEFORE_RENAME, write(units / "app.service", b"[Service]\n"))
    (units / "app.service").write_bytes(b"[Service]\nExecStart=/bin/true\n")
    (ended,) = host.finished(FORGET, run_id="cleanup", takeover=1)
    assert ended.output == f"left {units}/app.service: it is not what Capra was about to write\n"
    assert {path.name: path.read_bytes() for path in units.iterdir()} == {
        "app.service": b"[Service]\nExecStart=/bin/true\n"
    }


@pytest.mark.parametrize("moment", ["tried again", "killed behind the rename"])
def test_a_unit_that_is_written_in_the_end(host: Host, units: Path, moment: str) -> None:
    """With its copy, and what starts a file of the run."""
    unit = write(units / "app.service", b"[Service]\n")
    if moment == "tried again":
        whole, host.program = host.program, NO_RENAME + host.program
        assert states(host.run(unit)) == ["failed"]
        host.program = whole
        host.finished(unit)
    else:
        killed(host, STOP_AFTER_RENAME, unit)
    (units / "copy.service").write_bytes(b"[Service]\n")
    host.finished(write(host.work / "tool", b"1"), run_id="two")
    (units / "starts.service").write_text(f"[Service]\nExecStart={host.work}/tool\n")
    host.finished(FORGET, run_id="cleanup", takeover=1)
    assert tree(host.work) == {"system": (units.stat().st_mode, b"")}


@needs_root
def test_a_user_cannot_have_a_unit_removed(host: Host, units: Path, home: Path) -> None:
    """A user who may change a file that Capra has written could make it a copy of any unit."""
    (units / "other.service").write_bytes(b"[Service]\nExecStart=/bin/true\n")
    host.finished(write(home / "file", b"1"))
    (home / "file").unlink()
    (home / "file").write_bytes(b"[Service]\nExecStart=/bin/true\n")
    host.finished(FORGET, run_id="cleanup")
    assert [path.name for path in units.iterdir()] == ["other.service"]


@needs_root
@pytest.mark.parametrize("names", ["free", "used up"])
def test_a_pipe_does_not_hold_a_cleanup_up(host: Host, home: Path, names: str) -> None:
    """It comes when nothing looks any more, just before the file is opened; and it may have all the names that the
    file system gives one, so that no other can be made to hold it by."""
    killed(host, STOP_BEFORE_RENAME, write(home / "file", b"1"))
    (home / "file").write_bytes(b"2")
    become = f"rm -f {home}/file; mkfifo {home}/file;"
    for opening in ("same_as() {", "hold() {"):
        assert opening in host.program
        host.program = host.program.replace(opening, f"{opening} {become}")
    if names == "used up":
        host.program = 'ln() { [ "$1" = -s ] && command ln "$@"; }\n' + host.program
    (ended,) = host.finished(FORGET, run_id="cleanup", takeover=1)
    assert ended.output == f"left {home}/file: it is not what Capra was about to write\n"
    assert [path.name for path in home.iterdir()] == ["file"]


@needs_root
def test_what_a_user_kept_of_a_killed_write(host: Host, home: Path) -> None:
    """The file that Capra was about to write goes in a user's directory, too."""
    killed(host, STOP_AFTER_RENAME, write(home / "file", b"1"))
    assert (home / "file").exists()
    host.finished(FORGET, run_id="cleanup", takeover=1)
    assert list(home.iterdir()) == []
