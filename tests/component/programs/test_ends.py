"""What the end of a step is worth: after a reboot, for other steps, and when something else has run since."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import results
from tests.component.programs.host import (
    Host,
    append,
    command,
    count,
    counted,
    journal_problems,
    mode,
    states,
    tree,
    wait_for,
    write,
)

FORGET = {"kind": "forget"}
SERIES: dict[str, Any] = {"kind": "bootstrap", "uid": "u", "flags": ["carry"]}


_boots = itertools.count()


def reboot(host: Host, volatile: Path | None = None) -> None:
    """What a reboot leaves: all that was noted was noted in an earlier boot, and memory is empty."""
    for journal in host.base.glob("*/journal"):
        begins = [line for line in journal.read_text().splitlines() if line.startswith("begin")]
        boot, earlier = begins[-1].split()[2], f"earlier{next(_boots)}"
        for record in (journal, journal.parent / "written"):
            if record.exists():
                record.write_text(record.read_text().replace(boot, earlier))
    if volatile is not None:
        shutil.rmtree(volatile, ignore_errors=True)
        volatile.mkdir()


# Changed data


def test_what_was_sent_twice_runs_once(host: Host) -> None:
    """The second session has looked before the first one's program has the lock; its own takes it after that. Where no
    run has ever been, it finds that program all the same."""
    host.finished(command("true"), run_id="earlier")
    steps, sound = [counted(host, "a")], host.program
    journal, sessions = host.base / "one" / "journal", []
    for gate in (f"[ -e {host.work}/go ]", f"grep -q finished {journal} && [ ! -e /proc/$(cat {host.work}/first) ]"):
        waits = f"until {gate}; do sleep 0.05; done 2>/dev/null"
        first = f"[ -e {host.work}/first ] || echo $$ >{host.work}/first"
        host.program = sound.replace('\nprogram "$@"', f'\n{first}\n{waits}\nprogram "$@"')
        sessions.append(host.session(host.text("run", steps, "one", flags=["restart"])))
        wait_for((host.work / "first").exists)
        wait_for(lambda: len(list(journal.parent.glob("program.*"))) == len(sessions))
    (host.work / "go").touch()
    reports = [host.heard(session) for session in sessions]
    assert [results.finished(report, report.since) for report in reports] == [True, True]
    assert count(host, "a") == 1


def test_changed_data_goes_on_where_it_has_changed(host: Host) -> None:
    host.run(counted(host, "a"), write(host.work / "f", b"1"), command("false"), run_id="first", **SERIES)
    steps = [counted(host, "a"), write(host.work / "f", b"1"), counted(host, "c")]
    ended = host.finished(*steps, run_id="second", **SERIES)
    assert states(ended) == ["ok"] * 3
    assert [step.before for step in ended] == ["kept", "kept", ""]
    assert [count(host, name) for name in "ac"] == [1, 1]
    assert results.changes(ended, "bootstrap data") == (
        "bootstrap data has changed: goes on at step 3; steps 1 to 2 are unchanged"
    )
    assert journal_problems(host, "second") == []
    host.finished(*steps, run_id="second", **SERIES)
    assert host.report.already
    assert [count(host, name) for name in "ac"] == [1, 1]


def test_a_finished_step_that_has_changed_is_named_and_runs_with_all_after_it(host: Host) -> None:
    steps = [counted(host, "a"), counted(host, "b"), counted(host, "c")]
    host.run(*steps, command("false"), run_id="first", **SERIES)
    ended = host.finished(steps[0], counted(host, "b", "true"), steps[2], run_id="second", **SERIES)
    assert [count(host, name) for name in "abc"] == [1, 2, 2]
    assert [step.before for step in ended] == ["kept", "changed", "changed"]
    assert results.changes(ended, "bootstrap data") == (
        "bootstrap data has changed: goes on at step 2; step 1 is unchanged; steps 2 to 3 had finished and run again"
    )
    text = (host.base / "second/journal").read_text()
    assert text.index("changed 1 ") < text.index("start 1 ")
    # And back: the end of the newest list counts, not that of the first.
    host.finished(*steps, run_id="first", **SERIES)
    assert [count(host, name) for name in "abc"] == [1, 3, 3]


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "bootstrap", "uid": "v", "flags": ["carry"]},
        {"kind": "bootstrap", "uid": "", "flags": ["carry"]},
        {"kind": "steps", "uid": "u", "flags": ["carry"]},
        {"kind": "bootstrap", "uid": "u", "flags": []},
        {"kind": "bootstrap", "uid": "u", "flags": ["carry", "restart"]},
    ],
)
def test_what_does_not_count(one_host: Host, other: dict[str, Any]) -> None:
    host = one_host
    host.run(counted(host, "a"), command("false"), run_id="first", **SERIES)
    ended = host.finished(counted(host, "a"), command("true"), run_id="second", **other)
    assert count(host, "a") == 2
    assert results.changes(ended, "x") == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "Mg=="},
        {"mode": "0600"},
        {"path": "other"},
        {"owner": "root"},
        {"kind": "append"},
    ],
)
def test_all_of_a_step_is_compared(one_host: Host, changed: dict[str, Any]) -> None:
    host = one_host
    first = write(host.work / "f", b"1")
    host.run(first, command("false"), run_id="first", **SERIES)
    if "path" in changed:
        changed = {"path": str(host.work / "other")}
    ended = host.run(first | changed, counted(host, "b"), run_id="second", **SERIES)
    assert ended[0].before == "changed"


def test_other_steps_under_the_same_run_id(host: Host) -> None:
    host.finished(counted(host, "a"), write(host.work / "f", b"1"), counted(host, "c"))
    ended = host.finished(counted(host, "a"), write(host.work / "g", b"2"), counted(host, "c"))
    assert not host.report.already
    assert [step.before for step in ended] == ["kept", "changed", "changed"]
    assert [count(host, name) for name in "ac"] == [1, 2]
    assert (host.base / "one~1/journal").exists()
    assert not list(host.base.glob("*/payload.*"))
    host.finished(FORGET, run_id="cleanup")
    assert not (host.work / "f").exists()
    assert not (host.work / "g").exists()


def test_fewer_and_more_steps_under_the_same_run_id(one_host: Host) -> None:
    host = one_host
    host.finished(counted(host, "a"), counted(host, "b"))
    host.finished(counted(host, "a"), counted(host, "b"), counted(host, "c"))
    host.finished(counted(host, "a"), counted(host, "b"))
    assert [count(host, name) for name in "abc"] == [1, 1, 1]
    assert journal_problems(host) == []


def test_a_cleanup_takes_all_of_them_back(host: Host) -> None:
    (host.work / "replaced").write_bytes(b"old")
    (host.work / "appended").write_bytes(b"old")
    before = tree(host.work)
    head = [write(host.work / "new", b"1"), write(host.work / "replaced", b"1")]
    host.run(*head, append(host.work / "appended", b"1"), command("false"), run_id="first", **SERIES)
    host.run(*head, append(host.work / "appended", b"2"), command("false"), run_id="second", **SERIES)
    host.finished(
        head[0], write(host.work / "replaced", b"2"), write(host.work / "new", b"3"), run_id="second", **SERIES
    )
    (ended,) = host.finished(FORGET, run_id="cleanup")
    assert tree(host.work) == before, ended.output


def test_killed_while_the_new_journal_begins(one_host: Host) -> None:
    """The old run has got its other name, and the new one has no journal yet."""
    host = one_host
    host.run(counted(host, "a"), command("false"))
    (host.base / "one").rename(host.base / "one~1")
    (host.base / "one").mkdir()
    (host.base / "one/journal.part").write_text("begin 0")
    host.finished(counted(host, "a"), command("true"))
    assert count(host, "a") == 1  # the name tells whose it is, where there is no series, too
    shutil.rmtree(host.base)
    host.run(counted(host, "b"), command("false"), **SERIES)
    (host.base / "one").rename(host.base / "one~1")
    (host.base / "one").mkdir()
    host.finished(counted(host, "b"), command("true"), **SERIES)
    assert count(host, "b") == 1


def test_a_journal_without_keys_is_believed(one_host: Host) -> None:
    """As the version before has left it."""
    host = one_host
    run = host.base / "one"
    run.mkdir(parents=True)
    (run / "journal").write_text("begin 0 b 1.0 1 1\nstart 0 b 1.0\nend 0 0 2.0\nstart 1 b 2.0\nend 1 1 3.0\n")
    host.finished(counted(host, "a"), counted(host, "b"))
    assert [count(host, name) for name in "ab"] == [0, 1]
    journal = run / "journal"
    journal.write_text("begin 0 b 1.0 1 9\nstart 0 b 1.0\nend 0 0 2.0\nfinished 0 0\n")
    host.finished(counted(host, "c"))
    assert host.report.already


def test_restart_runs_all(host: Host) -> None:
    steps = [counted(host, "a"), counted(host, "b")]
    host.finished(*steps, **SERIES)
    host.finished(*steps, **SERIES | {"flags": ["carry", "restart"]})
    assert [count(host, name) for name in "ab"] == [2, 2]
    host.finished(*steps, **SERIES)
    assert host.report.already


def test_a_dry_run_tells_what_would_be_kept(one_host: Host) -> None:
    host = one_host
    host.run(counted(host, "a"), counted(host, "b"), command("false"), run_id="first", **SERIES)
    before = tree(host.root)
    steps = [counted(host, "a"), counted(host, "b", "true"), counted(host, "c")]
    report = host.exchange("check", steps, run_id="second", **SERIES)
    assert report.would == {0: "done", 1: "again", 2: "run"}
    assert tree(host.root) == before


# Something else has run since


def test_a_cleanup_after_another_bootstrap_runs_again(host: Host) -> None:
    """The answer to the first cleanup was lost, so its journal is still there."""
    cleanup: dict[str, Any] = {"run_id": "cleanup", "kind": "custom_cleanup", "flags": ["carry"]}
    steps = [counted(host, "clean"), FORGET]
    for number in (1, 2):
        host.finished(write(host.work / "token", b"t"), run_id="bootstrap", **SERIES)
        host.finished(*steps, **cleanup)
        assert not host.report.already
        assert count(host, "clean") == number
        assert not (host.work / "token").exists()
    # Nothing has run since: only the answer was lost.
    host.finished(*steps, **cleanup)
    assert host.report.already
    assert count(host, "clean") == 2


def test_half_a_cleanup_does_not_count_after_another_bootstrap(one_host: Host) -> None:
    host = one_host
    cleanup: dict[str, Any] = {"run_id": "cleanup", "kind": "custom_cleanup", "flags": ["carry"]}
    host.run(counted(host, "clean"), command("false"), FORGET, **cleanup)
    host.finished(command("true"), run_id="bootstrap", **SERIES)
    host.run(counted(host, "clean"), command("false"), FORGET, **cleanup)
    assert count(host, "clean") == 2
    # Mended, and nothing has run since: what has finished stays done.
    host.finished(counted(host, "clean"), FORGET, **cleanup | {"run_id": "mended"})
    assert count(host, "clean") == 2


@pytest.mark.parametrize("end", ["true", "false"])
def test_a_bootstrap_after_a_cleanup_that_failed_runs_again(one_host: Host, end: str) -> None:
    host = one_host
    host.run(counted(host, "a"), command(end), **SERIES)
    host.run(command("false"), FORGET, run_id="cleanup", kind="custom_cleanup")
    host.run(counted(host, "a"), command(end), **SERIES)
    assert not host.report.already
    assert count(host, "a") == 2


def test_a_run_that_may_be_repeated_is(host: Host) -> None:
    cleanup: dict[str, Any] = {"run_id": "cleanup", "flags": ["repeat"]}
    for number in (1, 2):
        host.finished(counted(host, "verify"), FORGET, **cleanup)
        assert not host.report.already
        assert count(host, "verify") == number
    assert results.finished(host.exchange("attach", run_id="cleanup"))
    assert [path.name for path in host.base.iterdir() if path.is_dir()] == ["cleanup"]


def test_an_old_end_is_no_end_of_a_run_that_could_not_begin(one_host: Host) -> None:
    host = one_host
    cleanup: dict[str, Any] = {"run_id": "cleanup", "flags": ["repeat"]}
    host.finished(counted(host, "verify"), FORGET, **cleanup)
    session = host.session(host.text("run", [counted(host, "slow", "sleep 30")], "slow"))
    wait_for(lambda: count(host, "slow"))
    host.run(counted(host, "verify"), FORGET, **cleanup)
    assert host.report.busy == "slow"
    assert not results.finished(host.report, host.report.since)
    host.exchange("cancel", run_id="slow")
    host.heard(session)
    # Nor one whose program was killed at once.
    host.program = "exit 1\n"
    host.run(counted(host, "verify"), FORGET, **cleanup)
    assert not host.report.busy
    assert not results.finished(host.report, host.report.since)
    assert "before it could note anything" in host.report.error


def test_an_old_end_is_no_end_of_a_longer_list(host: Host) -> None:
    """The same run id: a newer Capra adds a step, say."""
    host.finished(counted(host, "a"))
    for number in (1, 2):
        ended = host.run(counted(host, "a"), counted(host, "b", "exit 3"))
        assert states(ended) == ["ok", "failed"]
        assert not results.finished(host.report, host.report.since)
        assert results.failure(ended, host.report)["reason"] == "step_failed"
        assert [count(host, name) for name in "ab"] == [1, number]
        assert not results.finished(host.exchange("attach"))
    already = []
    for _ in range(2):
        host.finished(counted(host, "a"))
        already.append(host.report.already)
    assert already == [False, True]
    assert count(host, "a") == 1


def test_a_sentinel_that_is_gone(one_host: Host) -> None:
    host = one_host
    sentinel = host.work / "sentinel"
    steps = [counted(host, "a", f"touch {sentinel}"), {"kind": "sentinel", "path": str(sentinel)}]
    host.finished(*steps, sentinel=str(sentinel), **SERIES)
    sentinel.unlink()
    host.run(*steps, sentinel=str(sentinel), **SERIES)
    assert not results.finished(host.report)
    assert f"{sentinel} is gone" in host.report.error
    assert count(host, "a") == 1


# After a reboot


def test_what_lay_in_memory_is_made_again(host: Host, memory: Path) -> None:
    steps = [
        counted(host, "lasting"),
        command(f"mkdir -p {memory}/run && chmod 0700 {memory}/run"),
        write(memory / "run/join.yaml", b"token", mode="0600"),
        append(memory / "run/join.yaml", b"more"),
        write(host.work / "lasting", b"1"),
        counted(host, "both", f"test -e {memory} && touch {memory}/touched"),
        command(f"test -e {host.work}/ready"),
        command(f"cat {memory}/run/join.yaml >{host.work}/joined"),
    ]
    host.run(*steps)
    reboot(host, memory)
    (host.work / "lasting").write_bytes(b"by hand")
    (host.work / "ready").touch()
    ended = host.finished(*steps)
    assert (host.work / "joined").read_bytes() == b"tokenmore"
    assert mode(memory / "run") == 0o700
    assert mode(memory / "run/join.yaml") == 0o600
    # What lasts, or may last, is done exactly once.
    assert [count(host, name) for name in ("lasting", "both")] == [1, 1]
    assert (host.work / "lasting").read_bytes() == b"by hand"
    assert [step.number for step in ended if step.before == "again"] == [1, 2, 3]
    assert "took what steps 2 to 4 had made: done again" in results.changes(ended, "x")
    assert journal_problems(host) == []
    host.finished(FORGET, run_id="cleanup")
    assert not (memory / "run/join.yaml").exists()


@pytest.mark.parametrize("way", ["link", "relative", "two links"])
def test_a_link_into_memory_is_memory(host: Host, memory: Path, way: str) -> None:
    """/etc/resolv.conf leads to /run. Right after the reboot the link may lead nowhere."""
    link = host.work / "link"
    up = Path("../" * len(host.work.parts))
    link.symlink_to((up / memory.relative_to("/") if way == "relative" else memory) / "deep/file")
    if way == "two links":
        link.rename(host.work / "other")
        link.symlink_to("other")
    (memory / "deep").mkdir()
    (memory / "deep/file").write_bytes(b"the system's")
    steps = [write(link, b"1"), append(link, b"2"), command(f"test -e {host.work}/ready")]
    host.run(*steps)
    assert (memory / "deep/file").read_bytes() == b"12"
    reboot(host, memory)
    ended = host.run(*steps)
    assert (ended[0].before, ended[0].state) == ("again", "failed")
    assert "a link that leads nowhere" in ended[0].output
    (memory / "deep").mkdir()
    (memory / "deep/file").write_bytes(b"the system's")
    (host.work / "ready").touch()
    host.finished(*steps)
    assert (memory / "deep/file").read_bytes() == b"12"


def test_a_link_that_a_command_has_made_lasts(host: Host, memory: Path) -> None:
    """It is the link that was made, and to make it again would fail."""
    steps = [command(f"ln -s {memory}/stub {host.work}/resolv.conf"), command(f"test -e {host.work}/ready")]
    host.run(*steps)
    reboot(host, memory)
    (host.work / "ready").touch()
    assert [step.before for step in host.finished(*steps)] == ["", ""]


def test_a_link_that_stands_now_where_a_file_was_written(host: Host, memory: Path) -> None:
    """The file lasted, so it is taken back, although the link leads into memory."""
    file = host.work / "resolv.conf"
    file.write_bytes(b"old")
    before = tree(host.work)
    host.finished(write(file, b"1"), write(host.work / "new", b"1"))
    for path in (file, host.work / "new"):
        path.unlink()
        path.symlink_to(memory / "stub")
    reboot(host, memory)
    host.finished(FORGET, run_id="cleanup")
    assert tree(host.work) == before


def test_a_device_is_never_memory(one_host: Host) -> None:
    """What is written to its name lasts, by whatever way, and whatever file system /dev is."""
    host = one_host
    (host.work / "way").symlink_to("/dev")
    steps = [command(f"echo x >{host.work}/way/null"), command("false")]
    host.run(*steps)
    reboot(host)
    assert [step.before for step in host.run(*steps)] == ["", ""]


def test_what_is_still_there_is_not_made_again(one_host: Host, memory: Path) -> None:
    host = one_host
    steps = [write(memory / "f", b"1"), append(memory / "g", b"2"), command("false")]
    host.run(*steps)
    reboot(host)
    ended = host.run(*steps)
    assert [step.before for step in ended] == ["", "", ""]
    assert (memory / "g").read_bytes() == b"2"


def test_within_one_boot_nothing_is_made_again(one_host: Host, memory: Path) -> None:
    host = one_host
    steps = [command(f"mkdir {memory}/d"), write(memory / "f", b"1"), command("false")]
    host.run(*steps)
    shutil.rmtree(memory)
    memory.mkdir()
    host.run(*steps)
    assert list(memory.iterdir()) == []


def test_what_was_made_again_and_failed_is_made_again_once_more(one_host: Host, memory: Path) -> None:
    host = one_host
    steps = [command(f"mkdir {memory}/d/e"), counted(host, "b"), command(f"test -e {host.work}/ready")]
    (memory / "d").mkdir()
    host.run(*steps)
    reboot(host, memory)
    ended = host.run(*steps)
    assert states(ended) == ["failed", "ok", "failed"]
    (memory / "d").mkdir()
    (host.work / "ready").touch()
    assert states(host.finished(*steps)) == ["ok"] * 3
    assert count(host, "b") == 1


def test_memory_of_an_earlier_list(one_host: Host, memory: Path) -> None:
    """Both at once: the data has changed, and the host was rebooted."""
    host = one_host
    (memory / "f").write_bytes(b"the system's")
    head = [write(memory / "f", b"1"), counted(host, "a")]
    host.run(*head, command("false"), run_id="first", **SERIES)
    reboot(host, memory)
    (memory / "f").write_bytes(b"the system's")
    host.finished(*head, command("true"), run_id="second", **SERIES)
    assert (memory / "f").read_bytes() == b"1"
    assert count(host, "a") == 1
    host.finished(FORGET, run_id="cleanup")
    assert (memory / "f").read_bytes() == b"the system's"


def test_the_sentinel_lies_in_memory(host: Host, memory: Path) -> None:
    """What made it has done lasting work as well, as `kubeadm join && touch` does."""
    sentinel = memory / "cluster-api/complete"
    steps = [
        counted(host, "join", f"mkdir -p {sentinel.parent} && touch {sentinel}"),
        command(f"test -e {host.work}/ready"),
        {"kind": "sentinel", "path": str(sentinel)},
    ]
    proof: dict[str, Any] = SERIES | {"sentinel": str(sentinel)}
    host.run(*steps, **proof)
    reboot(host, memory)
    (host.work / "ready").touch()
    host.finished(*steps, **proof)
    assert sentinel.exists()
    assert count(host, "join") == 1
    # A run that has finished has, whatever a reboot takes.
    reboot(host, memory)
    host.finished(*steps, **proof)
    assert host.report.already


def test_a_sentinel_that_nobody_has_seen_is_not_made(one_host: Host, memory: Path) -> None:
    host = one_host
    sentinel = memory / "complete"
    steps = [counted(host, "a"), {"kind": "sentinel", "path": str(sentinel)}]
    host.run(*steps, sentinel=str(sentinel))
    reboot(host, memory)
    assert states(host.run(*steps, sentinel=str(sentinel))) == ["ok", "failed"]
    assert not sentinel.exists()


@pytest.mark.parametrize("end", ["", "cut 1 lost\n"])
def test_a_step_that_reboots_is_run_twice(host: Host, end: str) -> None:
    steps = [counted(host, "a"), counted(host, "reboots", "exit 1")]
    host.run(*steps)
    journal = host.base / "one/journal"

    def cut_off() -> None:
        """As a reboot in the middle of the last step leaves it."""
        text = journal.read_text().rstrip("\n")
        journal.write_text(text[: text.rindex("\nend 1 ")] + "\n" + end)
        reboot(host)

    cut_off()
    host.run(*steps)
    assert count(host, "reboots") == 2
    cut_off()
    for _ in range(3):
        ended = host.run(*steps)
        if end:  # cut off, but not by a reboot
            assert states(ended) == ["ok", "failed"]
            break
        failure = results.failure(ended, host.report)
        assert failure["reason"] == "reboots"
        assert failure["msg"].startswith("step 2 of 2 (command) reboots the host")
        assert "shutdown -r +1" in failure["msg"]
        assert count(host, "reboots") == 2
    assert count(host, "a") == 1
    # Another command, or all from the beginning.
    host.run(*steps, flags=["restart"])
    assert count(host, "a") == 2
    host.finished(counted(host, "a"), command("true"))
