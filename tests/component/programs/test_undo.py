"""A cleanup goes by what is on the disk: places that cannot be written, mounts, and writes that never happened."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.component.programs.host import Host, append, command, mode, tree, wait_for, write
from tests.missing import missing

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and file attributes take root")
FORGET = {"kind": "forget"}
Mount = Callable[..., None]


@pytest.fixture
def mount(host: Host) -> Iterator[Mount]:
    """Calls mount(8); the last argument is where. What is still there at the end is unmounted."""
    places = []

    def call(*words: str | Path) -> None:
        subprocess.run(["mount", *map(str, words)], check=True)
        if str(words[-1]) not in places:
            places.append(str(words[-1]))

    yield call
    for place in reversed(places):
        subprocess.run(["umount", place], check=False)


@needs_root
@pytest.mark.parametrize("name", ["hosts", "a name\\with\n(everything)\t"])
def test_a_file_that_is_a_mount(host: Host, mount: Mount, name: str) -> None:
    file = host.work / name
    file.write_bytes(b"old\n")
    file.chmod(0o640)
    mount("--bind", file, file)
    with contextlib.closing(file.open("rb")) as seen:
        host.finished(append(file, b"line\n"), write(host.work / "other", b"1"))
        assert seen.read() == b"old\nline\n"  # the mounted file itself
        assert (file.read_bytes(), mode(file)) == (b"old\nline\n", 0o640)
        host.finished(write(file, b"new\n", mode="0600"), run_id="two")
        assert (file.read_bytes(), mode(file)) == (b"new\n", 0o600)
        host.finished(FORGET, run_id="cleanup")
        assert (file.read_bytes(), mode(file)) == (b"old\n", 0o640)
    assert [path.name for path in host.work.iterdir()] == [name]


@needs_root
def test_no_room_in_a_file_that_is_a_mount(host: Host, mount: Mount) -> None:
    (host.root / "small").mkdir()
    mount("-t", "tmpfs", "-o", "size=8k", "tmpfs", host.root / "small")
    (host.root / "small/file").write_bytes(b"o" * 5000)
    file = host.work / "file"
    file.touch()
    mount("--bind", host.root / "small/file", file)
    (ended,) = host.run(append(file, b"n" * 9000))
    assert ended.state == "failed"
    assert "No space left" in ended.output
    assert file.read_bytes() == b"o" * 5000
    host.finished(FORGET, run_id="cleanup")
    assert file.read_bytes() == b"o" * 5000


@needs_root
def test_a_mount_in_a_directory_that_others_may_write(host: Host, mount: Mount) -> None:
    """They may unmount it with a namespace of their own, and put a link there."""
    (host.work / "shared").mkdir()
    (host.work / "shared").chmod(0o777)
    file = host.work / "shared/file"
    file.write_bytes(b"old")
    mount("--bind", file, file)
    (ended,) = host.run(write(file, b"new"))
    assert (ended.state, file.read_bytes()) == ("failed", b"old")
    assert "busy" in ended.output
    host.finished(FORGET, run_id="cleanup")
    assert [path.name for path in (host.work / "shared").iterdir()] == ["file"]


@needs_root
@pytest.mark.parametrize("kind", [write, append])
def test_a_read_only_place(host: Host, mount: Mount, kind: Callable[..., dict[str, object]]) -> None:
    place = host.work / "bin"
    place.mkdir()
    (place / "there").write_bytes(b"old")
    mount("--bind", place, place)
    mount("-o", "remount,bind,ro", place)
    before = tree(host.work)
    for number, path in enumerate((place / "there", place / "k0s", place / "deep/er/k0s")):
        (ended,) = host.run(kind(path, b"x", mode="0755"), run_id=f"run{number}")
        assert ended.state == "failed"
        assert ended.output == f"{path} cannot be written: Read-only file system\n"
        host.run(kind(path, b"x", mode="0755"), run_id=f"run{number}")
    host.finished(FORGET, run_id="cleanup")
    assert tree(host.work) == before


@needs_root
@pytest.mark.parametrize("what", ["file", "directory"])
def test_an_immutable_place(host: Host, what: str) -> None:
    place = host.work / "etc"
    place.mkdir()
    file = place / "resolv.conf"
    file.write_bytes(b"old")
    target = str(file if what == "file" else place)
    if subprocess.run(["chattr", "+i", target], check=False, capture_output=True).returncode:
        missing("a file system with immutable files")
    try:
        before = tree(host.work)
        for number in range(2):
            (ended,) = host.run(write(file, b"new"), run_id=f"run{number}")
            assert ended.state == "failed"
            assert f"{file} cannot be written: Operation not permitted" in ended.output
        host.finished(FORGET, run_id="cleanup")
        assert tree(host.work) == before
    finally:
        subprocess.run(["chattr", "-i", target], check=True)


@needs_root
def test_a_place_that_became_read_only_fails_the_cleanup(host: Host, mount: Mount) -> None:
    """The file really is changed. What is as it was needs no write."""
    place = host.work / "bin"
    place.mkdir()
    for name in ("changed", "mended"):
        (place / name).write_bytes(b"old")
        (place / name).chmod(0o644)
    mount("--bind", place, place)
    host.finished(write(place / "mended", b"new"), write(place / "changed", b"new"))
    (place / "mended").write_bytes(b"old")
    mount("-o", "remount,bind,ro", place)
    for _ in range(2):
        (ended,) = host.run(FORGET, run_id="cleanup")
        assert ended.state == "failed"
        assert ended.output == f"{place}/changed cannot be written: Read-only file system\n"
    mount("-o", "remount,bind,rw", place)
    host.finished(FORGET, run_id="cleanup")
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {"changed": b"old", "mended": b"old"}


@pytest.mark.parametrize("what", ["content", "owner", "mode"])
def test_what_differs(host: Host, what: str) -> None:
    file = host.work / "file"
    file.write_bytes(b"old")
    file.chmod(0o640)
    content = b"new" if what == "content" else b"old"
    step = write(file, content, mode="0600" if what == "mode" else "0640")
    if what == "owner":
        if os.geteuid() != 0:
            pytest.skip("only root can give a file to another user")
        step["owner"] = "65534:65534"
    host.finished(step)
    assert tree(host.work) == {"file": (0o100600 if what == "mode" else 0o100640, content)}
    (ended,) = host.finished(FORGET, run_id="cleanup")
    assert ended.output == f"restored {file}\n"
    found = file.stat()
    assert (file.read_bytes(), mode(file), found.st_uid) == (b"old", 0o640, os.geteuid())


def test_a_file_that_is_as_it_was_is_not_touched(host: Host) -> None:
    file = host.work / "file"
    file.write_bytes(b"old")
    file.chmod(0o644)
    host.finished(write(file, b"new"))
    file.write_bytes(b"old")
    before = file.stat()
    (ended,) = host.finished(FORGET, run_id="cleanup")
    assert ended.output == ""
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_write_that_never_happened(host: Host) -> None:
    """It failed; somebody else has made, or changed, the files since."""
    work = host.work
    (work / "there").write_bytes(b"old")
    for number, name in enumerate(("new", "there")):
        (ended,) = host.run(write(work / name, b"x", owner="no-such-user"), run_id=f"run{number}")
        assert ended.state == "failed"
        (work / name).write_bytes(b"by hand")
    host.finished(FORGET, run_id="cleanup")
    assert {path.name: path.read_bytes() for path in work.iterdir()} == {"new": b"by hand", "there": b"by hand"}


def test_a_directory_that_is_gone(host: Host) -> None:
    work = host.work
    (work / "gone").mkdir()
    (work / "gone/old").write_bytes(b"old")
    host.finished(write(work / "gone/old", b"new"), write(work / "gone/new", b"new"), write(work / "a/b/c", b"1"))
    subprocess.run(["rm", "-r", str(work / "gone"), str(work / "a/b")], check=True)
    (ended,) = host.finished(FORGET, run_id="cleanup")
    assert ended.output == f"left {work}/gone/old: its directory is gone\n"
    assert tree(work) == {}


@pytest.mark.parametrize(
    "name", ["two words", " ", "new\nline\n", "back\\slash\\0101", "(half)", "held", "-n", "é\udcff*"]
)
def test_names(host: Host, name: str) -> None:
    """As a file and as a directory; another file stands where a wrong reading of the name would lead."""
    work = host.work
    (work / "A").write_bytes(b"other")
    (work / "real").mkdir()
    (work / "link").symlink_to("real")
    before = tree(work)
    for path in (work / name / "x" / name, work / f"{name}2", work / "link" / name / "file"):
        host.finished(write(path, b"1"), append(path, b"2"), run_id="one")
        assert path.read_bytes() == b"12"
        host.finished(FORGET, run_id="cleanup")
        assert tree(work) == before
        host.exchange("drop", run_id="cleanup")


def test_another_file_for_the_same_step(host: Host) -> None:
    """The run goes on with other data: both files are known to the cleanup."""
    work = host.work
    (work / "first").write_bytes(b"old")
    before = tree(work)
    host.run(write(work / "first", b"1"), command("false"))
    (host.base / "one/journal").unlink()
    host.run(write(work / "second", b"2"), command("false"))
    (host.base / "one/journal").unlink()
    host.finished(write(work / "first", b"3"), append(work / "third", b"4"))
    host.finished(FORGET, run_id="cleanup")
    assert tree(work) == before


def test_another_addition_for_the_same_step(host: Host) -> None:
    file = host.work / "hosts"
    file.write_bytes(b"old\n")
    for addition in (b"one\n", b"two\n", b"two\n"):
        host.run(append(file, addition), append(host.work / "new", addition), command("false"))
        (host.base / "one/journal").unlink()
        assert file.read_bytes() == b"old\n" + addition
        assert (host.work / "new").read_bytes() == addition
    host.finished(FORGET, run_id="cleanup")
    assert (file.read_bytes(), [path.name for path in host.work.iterdir()]) == (b"old\n", ["hosts"])


def test_nothing_is_left_of_a_write_that_was_killed(host: Host) -> None:
    """At any moment: a new file, a replaced one, one appended to, and a cleanup that restores them."""
    work = host.work
    for name in ("replaced", "appended"):
        (work / name).write_bytes(name.encode())
    before = tree(work)
    chance = random.Random(5)
    for number in range(6):
        steps = [
            write(work / "a/b/new", b"1" * 50_000, mode="0600"),
            write(work / "replaced", b"2"),
            append(work / "appended", b"3"),
        ]
        for mode_of, run_id in ((steps, f"run{number}"), ([FORGET], f"cleanup{number}")):
            session = host.session(host.text("run", mode_of, run_id))
            journal = host.base / run_id / "journal"
            # A cleanup that is faster than this test takes its journal with it.
            wait_for(lambda journal=journal, session=session: journal.exists() or session.poll() is not None)
            time.sleep(chance.random() * 0.25)
            with contextlib.suppress(AssertionError):
                host.kill_program()
            host.heard(session)
        host.finished(FORGET, run_id=f"cleanup{number}", takeover=1)
        assert tree(work) == before


@needs_root
def test_no_root(host: Host) -> None:
    """A user's own files in the user's own home, below which the state is."""
    for path in (host.root, host.work):
        os.chown(path, 65534, 65534)
    (host.work / "real").write_bytes(b"old")
    (host.work / "link").symlink_to("real")
    for path in (host.work / "real", host.work / "link"):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    before = tree(host.work)
    steps = [write(host.work / "link", b"1"), append(host.work / "a/b", b"2"), write("/etc/capra-test", b"3")]
    session = host.session(host.text("run", steps, "one"), user=65534, group=65534)
    report = host.heard(session)
    assert [words[2] for words in report.journal if words[0] == "end"] == ["0", "0", "1"]
    assert b"Permission denied" in report.outputs[2]
    assert (host.work / "real").read_bytes() == b"1"
    host.heard(host.session(host.text("run", [FORGET], "cleanup"), user=65534, group=65534))
    assert tree(host.work) == before
