"""What a cleanup takes back of what a bootstrap has written."""

from __future__ import annotations

from tests.component.programs.host import (
    Host,
    append,
    command,
    tree,
    write,
)
from tests.component.programs.test_whose import STOP_BEFORE_RENAME, killed


def test_forget_and_drop(host: Host) -> None:
    work = host.work
    host.program = host.program.replace("= /run/cluster-api ]", f"= {work}/run ]")
    host.program = host.program.replace("rmdir ./cluster-api ", "rmdir ./run ")
    for name in ("replaced", "appended", "changed"):
        (work / name).write_bytes(name.encode())
    (work / "replaced").chmod(0o600)
    (work / "victim").write_bytes(b"keep me")
    before = tree(work)
    host.finished(
        write(work / "new/directory/file", b"1"),
        write(work / "new/twice", b"1"),
        write(work / "new/twice", b"2"),
        write(work / "replaced", b"2"),
        append(work / "appended", b"2"),
        append(work / "changed", b"2"),
        append(work / "new/appended", b"3"),
        write(work / "becomes a link", b"4"),
        write(work / "becomes a directory", b"4"),
        command(f"mkdir {work}/run && touch {work}/run/sentinel"),
        {"kind": "sentinel", "path": str(work / "run/sentinel")},
        run_id="zz-first",
    )
    host.finished(write(work / "replaced", b"3"), write(work / "new/twice", b"3"), run_id="aa-second")
    (work / "becomes a link").unlink()
    (work / "becomes a link").symlink_to("victim")
    (work / "becomes a directory").unlink()
    (work / "becomes a directory").mkdir()
    (work / "changed").write_bytes(b"by hand")
    forget = {"kind": "forget", "path": str(work / "run/sentinel")}
    (ended,) = host.finished(forget, run_id="cleanup")
    assert "left" in ended.output
    (work / "becomes a directory").rmdir()
    (work / "changed").write_bytes(b"changed")
    assert tree(work) == before
    assert sorted(path.name for path in host.base.iterdir() if path.is_dir()) == ["cleanup"]
    host.exchange("drop", run_id="cleanup")
    assert not host.base.exists()
    assert host.exchange("drop", run_id="cleanup").complete
    host.finished(forget, run_id="cleanup")


def test_forget_keeps_files(one_host: Host) -> None:
    host = one_host
    host.finished(write(host.work / "kept", b"1"))
    host.finished({"kind": "forget", "keep_files": True}, run_id="cleanup")
    assert (host.work / "kept").exists()
    assert not (host.base / "one").exists()


def test_what_was_never_written_is_not_kept(host: Host) -> None:
    """A write that was killed has left it, beside the file, and it may be secret."""
    killed(host, STOP_BEFORE_RENAME, write(host.work / "d/file", b"secret"))
    assert list(host.work.rglob(".capra*/file"))
    host.finished({"kind": "forget", "keep_files": True}, run_id="cleanup", takeover=1)
    assert list(host.work.rglob(".capra*")) == []


def test_the_directory_of_a_sentinel(host: Host) -> None:
    """Only Cluster API's own is removed: another one may have been there before."""
    for name in ("there", "run/cluster-api"):
        (host.work / name).mkdir(parents=True)
        (host.work / name / "done").touch()
    assert "= /run/cluster-api ]" in host.program
    host.program = host.program.replace("= /run/cluster-api ]", f"= {host.work}/run/cluster-api ]")
    for number, name in enumerate(("there", "run/cluster-api")):
        host.finished({"kind": "forget", "path": str(host.work / name / "done")}, run_id=f"cleanup{number}")
    assert sorted(path.name for path in host.work.rglob("*")) == ["run", "there"]


def test_a_sentinel_in_a_directory_that_a_step_has_made(host: Host) -> None:
    sentinel = host.work / "made/done"
    host.finished(write(host.work / "made/conf", b"1"), command(f": >{sentinel}"))
    host.finished({"kind": "forget", "path": str(sentinel)}, run_id="cleanup")
    assert list(host.work.iterdir()) == []


def test_an_append_that_was_mended_by_hand(one_host: Host) -> None:
    host = one_host
    target = host.work / "f"
    target.write_bytes(b"1")
    step = append(target, b"2", owner="no-such-user")
    host.run(step)
    target.write_bytes(b"mended")
    host.finished(append(target, b"2"))
    assert target.read_bytes() == b"mended2"
