"""An append that is done again stands where the one before stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.component.programs.host import Host, append, command, states, tree, wait_for, write
from tests.component.programs.test_ends import FORGET, SERIES, reboot

RESTART: dict[str, Any] = SERIES | {"flags": ["carry", "restart"]}


@pytest.fixture
def file(host: Host) -> Path:
    """A file of the system's own."""
    path = host.work / "hosts"
    path.write_bytes(b"old\n")
    path.chmod(0o640)
    return path


def cleaned(host: Host) -> str:
    """A cleanup, and what it says."""
    (ended,) = host.finished(FORGET, run_id="cleanup")
    return ended.output


def test_behind_a_changed_step(host: Host, file: Path) -> None:
    before = tree(host.work)
    lines = append(file, b"192.0.2.1 cp\n")
    host.run(write(host.work / "app", b"v1\n"), lines, command("false"), run_id="first", **SERIES)
    for number in range(2):
        host.run(write(host.work / "app", b"v2\n"), lines, command(f"exit {number + 1}"), run_id=f"r{number}", **SERIES)
        assert file.read_bytes() == b"old\n192.0.2.1 cp\n"
    host.finished(write(host.work / "app", b"v3\n"), lines, command("true"), run_id="last", **SERIES)
    assert file.read_bytes() == b"old\n192.0.2.1 cp\n"
    cleaned(host)
    assert tree(host.work) == before


@pytest.mark.parametrize("there", [True, False])
def test_mended(host: Host, file: Path, there: bool) -> None:
    if not there:
        file.unlink()
    before = tree(host.work)
    old = b"old\n" if there else b""
    for number, line in enumerate((b"one\n", b"two\n", b"three\n", b"")):
        host.run(append(file, line), command("false"), run_id=f"run{number}", **SERIES)
        assert file.read_bytes() == old + line
    said = cleaned(host)
    assert tree(host.work) == before, said
    assert "left" not in said


def test_all_steps_again(host: Host, file: Path) -> None:
    """Two appends to the same file, of which each stands behind the other."""
    before = tree(host.work)
    steps = [append(file, b"1\n"), append(file, b"2\n"), command("false")]
    host.run(*steps, **SERIES)
    for _ in range(2):
        host.run(*steps, **RESTART)
        assert file.read_bytes() == b"old\n1\n2\n"
    host.run(steps[0], append(file, b"3\n"), command("false"), run_id="mended", **SERIES)
    assert file.read_bytes() == b"old\n1\n3\n"
    host.run(append(file, b"0\n"), append(file, b"3\n"), command("false"), run_id="again", **SERIES)
    assert file.read_bytes() == b"old\n0\n3\n"
    host.finished(append(file, b"0\n"), command("true"), run_id="fewer", **SERIES)
    assert file.read_bytes() == b"old\n0\n3\n"  # a step that is no more is not taken back
    cleaned(host)
    assert tree(host.work) == before


def test_behind_a_file_that_the_run_writes(host: Host, file: Path) -> None:
    before = tree(host.work)
    for number, (content, line) in enumerate(((b"A", b"1"), (b"A", b"2"), (b"B", b"2"), (b"B", b"3"))):
        host.run(write(file, content), append(file, line), command("false"), run_id=f"run{number}", **SERIES)
        assert file.read_bytes() == content + line
    cleaned(host)
    assert tree(host.work) == before


def test_the_same_run_id_without_a_series(host: Host, file: Path) -> None:
    host.run(append(file, b"1\n"), command("false"))
    host.run(append(file, b"2\n"), command("false"))
    assert file.read_bytes() == b"old\n2\n"
    # Another list is another thing.
    host.finished(append(file, b"3\n"), run_id="two")
    assert file.read_bytes() == b"old\n2\n3\n"
    cleaned(host)
    assert file.read_bytes() == b"old\n"


def test_somebody_else_has_changed_it_above(host: Host, file: Path) -> None:
    """The text from before stands at the end."""
    host.run(append(file, b"1\n"), append(file, b"2\n"), command("false"), run_id="first", **SERIES)
    file.write_bytes(b"new\n1\n2\n")
    ended = host.run(append(file, b"3\n"), append(file, b"4\n"), command("false"), run_id="second", **SERIES)
    assert file.read_bytes() == b"new\n3\n4\n"
    assert "has changed since Capra appended to it: the text from before is taken off its end" in ended[0].output
    assert ended[1].output == ""
    ended = host.run(append(file, b"5\n"), append(file, b"6\n"), command("false"), run_id="third", **SERIES)
    assert file.read_bytes() == b"new\n5\n6\n"
    assert ended[0].output == ""
    cleaned(host)
    assert file.read_bytes() == b"new\n1\n2\n"


def test_somebody_else_has_changed_it_below(host: Host, file: Path) -> None:
    host.run(append(file, b"1\n"), command("false"), run_id="first", **SERIES)
    file.write_bytes(b"old\n1\nnew\n")
    (ended, _) = host.run(append(file, b"2\n"), command("false"), run_id="second", **SERIES)
    assert file.read_bytes() == b"old\n1\nnew\n2\n"
    assert "has changed since Capra appended to it: what it holds stays" in ended.output
    host.run(append(file, b"3\n"), command("false"), run_id="third", **SERIES)
    assert file.read_bytes() == b"old\n1\nnew\n3\n"
    cleaned(host)
    assert file.read_bytes() == b"old\n1\nnew\n"


def test_somebody_else_has_made_it_anew(host: Host, file: Path) -> None:
    """Twice: the first run has created it, and that file is gone."""
    file.unlink()
    host.run(append(file, b"1\n"), command("false"), run_id="first", **SERIES)
    file.write_bytes(b"system\n")
    for number, line in enumerate((b"2\n", b"3\n")):
        host.run(append(file, line), command("false"), run_id=f"run{number}", **SERIES)
        assert file.read_bytes() == b"system\n" + line


def test_somebody_has_taken_it_back(host: Host, file: Path) -> None:
    host.run(append(file, b"1\n"), command("false"), run_id="first", **SERIES)
    file.write_bytes(b"old\n")
    (ended, _) = host.run(append(file, b"2\n"), command("false"), run_id="second", **SERIES)
    assert (file.read_bytes(), ended.output) == (b"old\n2\n", "")


def test_an_append_that_never_happened(host: Host, file: Path) -> None:
    host.run(append(file, b"1\n", owner="no-such-user"), run_id="first", **SERIES)
    file.write_bytes(b"by hand\n")
    (ended, _) = host.run(append(file, b"2\n"), command("false"), run_id="second", **SERIES)
    assert (file.read_bytes(), ended.output) == (b"by hand\n2\n", "")


def test_cut_off_around_its_rename(host: Host, file: Path) -> None:
    """The program was killed just before, and just behind."""
    host.run(append(file, b"1\n"), command("false"), run_id="first", **SERIES)
    host.run(append(file, b"2\n"), command("false"), run_id="second", **SERIES)
    journal, written = host.base / "second/journal", host.base / "second/written"
    for stands in (b"old\n1\n", b"old\n2\n"):
        lines = journal.read_text().splitlines()
        last = max(number for number, line in enumerate(lines) if line.startswith("start 0 "))
        journal.write_text("\n".join(lines[: last + 1]) + "\n")
        written.write_text(written.read_text().removesuffix("wrote 0\n"))
        file.write_bytes(stands)
        ended = host.run(append(file, b"2\n"), command("false"), run_id="second", **SERIES)
        assert states(ended) == ["ok", "failed"]
        assert (file.read_bytes(), ended[0].output) == (b"old\n2\n", "")
    cleaned(host)
    assert file.read_bytes() == b"old\n"


# After a reboot


@pytest.mark.parametrize("kind", [append, write])
def test_what_the_system_has_made_in_memory_stays(host: Host, memory: Path, kind: Any) -> None:
    """In its own name: what Capra had made there has gone with the reboot."""
    motd = memory / "x/motd"
    steps = [kind(motd, b"capra\n"), append(memory / "y/gone", b"1"), command("false")]
    host.run(*steps, run_id="first", **SERIES)
    reboot(host, memory)
    motd.parent.mkdir()
    (memory / "y").mkdir()
    motd.write_bytes(b"system\n")
    host.finished(*steps[:2], command("true"), run_id="second", **SERIES)
    assert motd.read_bytes() == (b"system\ncapra\n" if kind is append else b"capra\n")
    said = cleaned(host)
    assert motd.read_bytes() == b"system\n"
    assert said == f"removed {memory}/y/gone\nrestored {motd}\n"
    assert (memory / "y").is_dir()


def test_what_the_system_has_made_in_memory_since_stays(host: Host, memory: Path) -> None:
    """Nothing but the cleanup has run after the reboot."""
    motd = memory / "x/motd"
    host.run(append(motd, b"1"), append(memory / "y/empty", b"1"), command("false"))
    reboot(host, memory)
    motd.parent.mkdir()
    motd.write_bytes(b"1")
    (memory / "y").mkdir()
    assert cleaned(host) == ""
    assert motd.read_bytes() == b"1"
    assert (memory / "y").is_dir()


def test_what_lasts_is_taken_back_after_a_reboot(host: Host, file: Path) -> None:
    before = tree(host.work)
    host.run(append(file, b"1\n"), write(host.work / "a/b", b"1"), command("false"), run_id="first", **SERIES)
    reboot(host)
    host.run(append(file, b"2\n"), command("false"), run_id="second", **SERIES)
    assert file.read_bytes() == b"old\n2\n"
    reboot(host)
    cleaned(host)
    assert tree(host.work) == before


@pytest.mark.parametrize("fails", ["cp", "content"])
def test_nothing_stays_of_an_append_that_fails(host: Host, fails: str) -> None:
    """What was to be added may be secret."""
    file = host.work / "f"
    file.write_bytes(b"old")
    fault = {
        "cp": "cp() { return 1; }\n",
        "content": "sha256sum() { case $(cat) in secret) ;; *) command sha256sum; esac; }\n",
    }
    host.program = host.program.replace('\nprogram "$@"', f'\n{fault[fails]}program "$@"')
    assert states(host.run(append(file, b"secret"))) == ["failed"]
    assert list(host.base.rglob("*.addition")) == []
    assert file.read_bytes() == b"old"


@pytest.mark.parametrize("end", ["killed", "cancelled"])
def test_nothing_stays_of_an_append_that_is_cut_off(one_host: Host, end: str) -> None:
    host = one_host
    file = host.work / "f"
    file.write_bytes(b"old")
    whole = host.program
    at = 'cat "$RUN/$KEY.addition"'
    assert at in whole
    host.program = whole.replace(at, f": >{host.root}/reached; sleep 60; {at}")
    session = host.session(host.text("run", [append(file, b"secret")], "one"))
    wait_for((host.root / "reached").exists)
    host.program = whole
    if end == "killed":
        host.kill_program()
        host.heard(session)
        host.run(command("false"))
    else:
        host.exchange("cancel")
        host.heard(session)
    assert list(host.base.rglob("*.addition")) == []
