"""Payloads that are cut short, disks without room, and noise: said, and never taken for success."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import causes, payload, results
from tests.component.programs.host import (
    Host,
    append,
    command,
    count,
    counted,
    own,
    sleepers,
    states,
    tree,
    wait_for,
    write,
)


def test_half_a_payload_starts_nothing(host: Host) -> None:
    text = host.text("run", [counted(host, "a"), write(host.work / "f", b"x" * 9000)], "one")
    start = text.index(payload.MARKER.encode())
    for share in (0.0, 0.3, 0.6, 0.999):
        report = host.heard(host.session(text[: start + 40 + int((len(text) - start - 70) * share)]))
        assert not results.finished(report)
        assert "whole" in report.error
        assert tree(host.work) == {}


def test_half_a_head_removes_nothing(one_host: Host) -> None:
    host = one_host
    host.finished(command("true"))
    text = host.text("drop", [], "one")
    start = text.index(payload.MARKER.encode()) + len(payload.MARKER)
    for cut in range(10, 100, 6):
        report = host.heard(host.session(text[: start + cut]))
        assert "whole" in report.error
        assert (host.base / "one/journal").exists()


@pytest.mark.parametrize("limit", [4000, 60_000])
def test_no_room(one_host: Host, limit: int) -> None:
    """A limit of the size of files stands for a full disk: writes fail in the same places."""
    host = one_host

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    target = host.work / "target"
    target.write_bytes(b"o" * 100_000)
    steps = [append(target, b"x" * 1000), counted(host, "b")]
    report = host.heard(host.session(host.text("run", steps, "one"), preexec_fn=small_disk))
    ended = results.step_results(steps, report)
    assert not results.finished(report)
    assert report.error or ended[0].state == "failed"
    assert target.read_bytes() == b"o" * 100_000
    assert count(host, "b") == 0
    assert not list(host.work.glob(".capra*"))
    host.finished(*steps)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file system of its own")
def test_no_room_for_what_a_step_says(host: Host) -> None:
    """Its output lies on the disk that is full; that it is full is told instead."""
    host.base.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "capra-test", str(host.base)], check=True)
    try:
        ended = host.run(command(f"head -c 2000000 /dev/zero >{host.base}/fill; echo the reason; exit 3"))
        failure = results.failure(ended, host.report)
        assert failure["reason"] == "step_failed"
        assert "(exit status 3); the host has no room left" in failure["msg"]
        (host.base / "fill").unlink()
        failure = results.failure(host.run(command("echo the reason; exit 3")), host.report)
        assert failure["msg"].endswith("failed: command: the reason (exit status 3)")
    finally:
        subprocess.run(["umount", "--lazy", str(host.base)], check=True)


@pytest.mark.parametrize("what", ["{base}", "{base}/*", "{base}/*/*", "{base}/one/journal"])
def test_a_step_that_removes_what_is_known_of_it(host: Host, what: str) -> None:
    steps = [counted(host, "a"), command(f"rm -rf {what.format(base=host.base)}"), counted(host, "b")]
    failure = results.failure(host.run(*steps), host.report)
    assert failure == {"reason": "host_error", "msg": causes.REMOVED}
    assert [count(host, name) for name in "ab"] == [1, 0]


def test_a_step_that_goes_on_without_its_lock_is_not_run_beside_itself(host: Host) -> None:
    """Nor beside anything else; and what becomes of it is told to whoever comes later."""
    gate = host.work / "gate"
    steps = [counted(host, "a", f"rm -rf {host.base}; while [ ! -e {gate} ]; do sleep 0.02; done")]
    assert host.exchange("run", steps, run_id="one", follow=1).running
    assert not host.base.exists()
    assert host.exchange("attach", run_id="one", follow=1, since="0").running
    host.run(command("true"), run_id="other")
    assert host.report.busy == "one"
    assert host.exchange("run", steps, run_id="one", follow=1).running
    follower = host.session(host.text("run", steps, "one"))
    time.sleep(1)
    gate.touch()
    assert host.heard(follower).removed
    wait_for(lambda: not host.exchange("attach", run_id="one", follow=1, since="0").running)
    assert results.is_gone(host.exchange("attach", run_id="one", follow=1, since="0"))
    assert count(host, "a") == 1


def _lines_of_processes() -> Iterator[str]:
    """The command line of each process, its words ended by NUL."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes().decode("utf-8", "replace")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a process namespace")
def test_a_program_in_a_container_is_none_of_this_host(host: Host) -> None:
    """A container may be a host of its own, with the same directory."""
    path = host.base / "one"
    name = f"{path}/program.1"
    path.mkdir(parents=True)
    (path / "program.1").write_text("sleep 60\n")
    inside = ["unshare", "--pid", "--fork", "--kill-child", "sh", name, str(path)]
    container = subprocess.Popen(inside)
    try:
        wait_for(lambda: f"sh\0{name}\0" in "".join(_lines_of_processes()))
        host.finished(command("true"), run_id="other")
    finally:
        container.kill()
        container.wait()


def test_a_program_without_its_lock_is_ended_by_a_cleanup(host: Host) -> None:
    steps = [counted(host, "a", f"rm -rf {host.base}; sleep {own(784)}"), counted(host, "b")]
    assert host.exchange("run", steps, run_id="one", follow=1).running
    host.finished({"kind": "forget"}, run_id="cleanup", takeover=1)
    assert sleepers(784) == []
    assert count(host, "b") == 0


def test_no_room_for_the_journal(host: Host) -> None:
    (host.base / "one").mkdir(parents=True)
    (host.base / "one/journal").symlink_to("/dev/full")
    host.run(counted(host, "a"))
    assert not results.finished(host.report)
    assert count(host, "a") == 0


@pytest.mark.parametrize("part", ["claim.part", "one/services.part", "one/journal.part"])
def test_no_room_before_the_first_note_is_told(host: Host, part: str) -> None:
    (host.base / part).mkdir(parents=True)
    host.run(counted(host, "a"), claim=1, owner="u -")
    failure = results.failure([], host.report)
    assert failure["reason"] == "host_error"
    assert f"there is no room below {host.base}, or it was killed" in failure["msg"]
    assert count(host, "a") == 0


def test_an_attempt_that_was_ended_hides_no_program_that_could_not_begin(host: Host) -> None:
    host.run(command("sleep 60"), timeout=1)
    assert results.failure(results.step_results([], host.report), host.report)["reason"] == "timeout"
    sound = host.program
    host.program = sound.replace('\nprogram "$@"', '\ntake_lock() { return 1; }\nprogram "$@"')
    assert host.program != sound
    host.run(command("sleep 60"), timeout=1)
    assert "the program has ended before it could note anything" in host.report.error


def test_thousands_of_steps_do_not_hide_that_they_have_begun(one_host: Host) -> None:
    host = one_host
    host.finished(command("true"))
    journal = host.base / "one/journal"
    begin, rest = journal.read_text().split("\n", 1)
    many = "".join(f"{line}\n" for line in rest.splitlines() for _ in range(6000) if not line.startswith("finished"))
    journal.write_text(f"{begin}\n{many}{rest.splitlines()[-1]}\n")
    assert journal.stat().st_size > 800_000
    report = host.exchange("attach", [command("true")], since="0")
    assert results.finished(report, "0")
    assert " ".join(report.journal[0]) == begin


@pytest.mark.parametrize("newest", ["", "for", "start"])
def test_what_the_disk_does_not_keep_a_note_of_is_not_done(host: Host, newest: str) -> None:
    steps = [counted(host, "a"), counted(host, "b", "exit 1")]
    host.run(*steps)
    sound = host.program
    fails = f'to_disk() {{ case $(tail -n 1 "$RUN/journal") in {newest}*) echo "I/O error" >&2; return 1 ;; esac; }}'
    host.program = sound.replace('\nprogram "$@"', f'\n{fails}\nprogram "$@"')
    assert host.program != sound
    host.run(*steps)
    assert not results.finished(host.report)
    assert (count(host, "a"), count(host, "b")) == (1, 1)
    host.program = sound
    host.run(*steps)
    assert (count(host, "a"), count(host, "b")) == (1, 2)


@pytest.mark.parametrize("cut", [1, 2, 4, 6, 9, 12])
def test_half_a_line_is_not_joined_by_the_next(one_host: Host, cut: int) -> None:
    host = one_host
    steps = [counted(host, "a"), counted(host, "b")]
    host.finished(*steps)
    journal = host.base / "one/journal"
    text = journal.read_text()
    # All that is known of the first step is a line without its end.
    whole = text[: text.index("\nstart 1")]
    end = whole[whole.rindex("\n") + 1 :]
    assert end.startswith("end 0 0 ")
    journal.write_text(whole[: len(whole) - len(end) + max(len("end 0 0"), len(end) - cut)])
    assert states(host.finished(*steps)) == ["ok", "ok"]
    assert [count(host, name) for name in "ab"] == [1, 2]


def test_half_a_line_in_the_journal(one_host: Host) -> None:
    host = one_host
    host.run(counted(host, "a"), command("false"))
    journal = host.base / "one/journal"
    journal.write_bytes(journal.read_bytes().removesuffix(b"\n")[:-9])
    assert b"\n" not in journal.read_bytes()[-3:]
    ended = host.finished(counted(host, "a"), command("true"))
    assert count(host, "a") == 1
    assert states(ended) == ["ok", "ok"]


def test_noise_and_missing_tools(host: Host) -> None:
    text = b"echo welcome; printf 'no newline'\n" + host.text("run", [command("true")], "one")
    assert results.finished(host.heard(host.session(text)))
    text = host.text("run", [command("true")], "two", directory="/proc/nothing")
    report = host.heard(host.session(text))
    assert report.error.startswith("cannot make")
    assert report.complete
