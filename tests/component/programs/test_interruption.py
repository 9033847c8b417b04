"""Programs, steps and sessions that are killed or ended, and several that want the same host."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs, results
from tests.component.programs.host import (
    SHELLS,
    Host,
    command,
    count,
    counted,
    journal_problems,
    mode,
    own,
    sleepers,
    states,
    wait_for,
    write,
)


def test_a_step_that_kills_its_group(one_host: Host) -> None:
    host = one_host
    steps = [counted(host, "a"), counted(host, "b", "kill -9 0")]
    for _ in range(2):
        ended = host.run(*steps)
        assert states(ended) == ["ok", "cut"]
        assert results.failure(ended, host.report)["reason"] == "cut_off"
    assert [count(host, name) for name in "ab"] == [1, 2]


@pytest.mark.parametrize("number", [9, 15])
@pytest.mark.parametrize("target", ["$$", "$PPID"])
def test_a_step_killed_by_a_signal_has_ended(host: Host, target: str, number: int) -> None:
    """The command itself, or the process that carries the step out and notes its end."""
    steps = [counted(host, "a"), counted(host, "b", f"kill -{number} {target}; sleep 9"), counted(host, "c")]
    for _ in range(2):
        ended = host.run(*steps)
        assert states(ended) == ["ok", "failed", "pending"]
        told = results.failure(ended, host.report)["msg"].partition("\n")[0]
        assert told.startswith("step 2 of 3 failed: command")
        assert told.endswith(f"(exit status {128 + number}, killed by signal {number})")
    assert [count(host, name) for name in "abc"] == [1, 2, 0]
    assert journal_problems(host) == []
    assert not list((host.base / "one").glob("*.command"))


def test_each_step_ends_once(host: Host) -> None:
    host.finished(counted(host, "a"), write(host.work / "f", b"1"), command("true"))
    assert [words[1] for words in host.report.journal if words[0] == "end"] == ["0", "1", "2"]
    assert journal_problems(host) == []
    assert not list((host.base / "one").glob("*.command"))


def test_a_killed_program_is_taken_up_again(host: Host) -> None:
    gate = host.work / "gate"
    steps = [counted(host, "a"), counted(host, "b", f"[ -e {gate} ] || sleep 30"), counted(host, "c")]
    session = host.session(host.text("run", steps, "one"))
    wait_for(lambda: count(host, "b"))
    host.kill_program()
    report = host.heard(session)
    assert not report.running
    assert states(results.step_results(steps, report)) == ["ok", "cut", "pending"]
    gate.touch()
    ended = host.finished(*steps)
    assert ended[1].cuts == ("lost",)
    assert [count(host, name) for name in "abc"] == [1, 2, 1]


def test_a_killed_session_does_not_matter(host: Host) -> None:
    gate = host.work / "gate"
    steps = [counted(host, "a", f"while [ ! -e {gate} ]; do sleep 0.02; done"), counted(host, "b")]
    session = host.session(host.text("run", steps, "one"))
    wait_for(lambda: count(host, "a"))
    os.killpg(session.pid, signal.SIGKILL)
    session.communicate(timeout=60)
    report = host.exchange("attach", follow=0)
    assert report.running
    gate.touch()
    report = host.exchange("attach")
    assert results.finished(report)
    assert [count(host, name) for name in "ab"] == [1, 1]
    assert not list((host.base / "one").glob("payload*"))


def test_many_launches_at_once(host: Host) -> None:
    steps = [counted(host, "a", "sleep 0.02"), write(host.work / "f", b"x" * 5000), counted(host, "b")]
    text = host.text("run", steps, "one")
    sessions = [host.session(text) for _ in range(4)]
    reports = [host.heard(session) for session in sessions]
    assert [report.error for report in reports] == [""] * len(sessions)
    assert all(results.finished(report) for report in reports)
    assert [count(host, name) for name in "ab"] == [1, 1]
    assert not [path.name for path in (host.base / "one").iterdir() if path.name.startswith(("payload.", "program."))]


def test_one_host_one_run(host: Host) -> None:
    texts = [host.text("run", [counted(host, name, "sleep 0.4")], name) for name in "abc"]
    reports = [host.heard(session) for session in [host.session(text) for text in texts]]
    assert sum(results.finished(report) for report in reports) == 1
    assert sum(bool(report.busy) for report in reports) == 2
    assert sum(count(host, name) for name in "abc") == 1


def test_busy_takeover_and_cancel(host: Host) -> None:
    trap = f"trap 'echo ended >{host.work}/trap; exit' TERM; sleep 30 & wait"
    slow = [counted(host, "slow", trap)]
    session = host.session(host.text("run", slow, "slow"))
    wait_for(lambda: count(host, "slow"))
    host.run(command("true"))
    assert host.report.busy == "slow"
    assert host.exchange("check", [command("true")]).busy == "slow"
    host.finished(command("true"), takeover=1)
    report = host.heard(session)
    (ended,) = results.step_results(slow, report)
    assert (ended.state, ended.cuts) == ("cut", ("cancelled",))
    assert (host.work / "trap").read_text() == "ended\n"

    session = host.session(host.text("run", slow, "slow"))
    wait_for(lambda: count(host, "slow") == 2)
    other = host.exchange("cancel", run_id="other")
    assert (other.busy, other.ended) == ("slow", False)
    report = host.exchange("cancel", run_id="slow")
    assert not report.running
    assert results.failure(results.step_results(slow, report), report)["reason"] == "cancelled"
    host.heard(session)
    assert not host.exchange("cancel", run_id="slow").running


@pytest.mark.parametrize("words", ["timeout 300 sleep {}", "setsid sleep {} & wait", "sh -c 'sleep {}; :'"])
def test_cancel_reaches_commands_with_a_group_or_session_of_their_own(host: Host, words: str) -> None:
    session = host.session(
        host.text("run", [command(f"sleep {own(779)} & echo"), counted(host, "slow", words.format(own(778)))], "slow")
    )
    wait_for(lambda: len(sleepers(778)) > 0)
    report = host.exchange("cancel", run_id="slow")
    assert (report.ended, report.running) == (True, False)
    host.heard(session)
    assert sleepers(778) == []
    assert not host.exchange("cancel", run_id="slow").ended
    # What an earlier step has left running is not the cancelled one's.
    (left,) = sleepers(779)
    os.kill(left, signal.SIGKILL)


def test_a_step_outlives_its_program_and_is_not_run_beside_itself(host: Host) -> None:
    gate = host.work / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.02; done; echo end >>{host.work}/ends"
    steps = [counted(host, "a", wait), counted(host, "b")]
    first = host.session(host.text("run", steps, "one"))
    wait_for(lambda: count(host, "a"))
    os.kill(host.holder(), signal.SIGKILL)
    host.heard(first)
    host.run(command("true"), run_id="other")
    assert host.report.busy == "one"
    second = host.session(host.text("run", steps, "one"))
    wait_for(lambda: len(list(host.base.glob("lock.*"))) == 2)
    gate.touch()
    report = host.heard(second)
    assert results.finished(report)
    assert states(results.step_results(steps, report)) == ["ok", "ok"]
    assert [count(host, name) for name in "ab"] == [1, 1]
    assert (host.work / "ends").read_text() == "end\n"


def _outlived(host: Host, step: dict[str, Any]) -> None:
    """A run whose program and step were killed, and whose command goes on."""
    session = host.session(host.text("run", [step], "one"))
    wait_for(lambda: count(host, "a"))
    notes = [line.split() for line in (host.base / "one" / "journal").read_text().splitlines()]
    (process,) = [words for words in notes if words[0] == "process"]
    os.kill(host.holder(), signal.SIGKILL)
    os.kill(int(process[2]), signal.SIGKILL)
    assert not host.heard(session).running


@pytest.mark.parametrize("text", ["sleep {own}; touch {dirty}", "exec sleep {own}"], ids=["shell", "became-another"])
@pytest.mark.parametrize("how", ["cleanup", "cancel"])
def test_a_command_that_outlives_its_step_is_ended_with_it(one_host: Host, how: str, text: str) -> None:
    """Or it would go on on a host that counts as clean."""
    host = one_host
    _outlived(host, counted(host, "a", text.format(own=own(781), dirty=host.work / "dirty")))
    host.run(command("true"), run_id="other")
    assert host.report.busy == "one"
    if how == "cancel":
        assert host.exchange("cancel", run_id="one").ended
        assert not host.exchange("cancel", run_id="one").ended
    else:
        host.finished({"kind": "forget"}, run_id="cleanup", takeover=1)
    assert sleepers(781) == []
    assert not (host.work / "dirty").exists()


def test_a_command_that_outlives_its_step_is_not_run_beside_itself(host: Host) -> None:
    gate = host.work / "gate"
    step = counted(host, "a", f"while [ ! -e {gate} ]; do sleep 0.02; done; echo end >>{host.work}/ends")
    _outlived(host, step)
    second = host.session(host.text("run", [step], "one"))
    wait_for(lambda: len(list(host.base.glob("lock.*"))) == 2)
    time.sleep(0.5)
    assert count(host, "a") == 1
    gate.touch()
    report = host.heard(second)
    assert results.finished(report)
    assert count(host, "a") == 2
    assert (host.work / "ends").read_text() == "end\nend\n"


def test_what_only_names_a_command_is_no_command(one_host: Host) -> None:
    """A pager, or whatever somebody calls a process to hold a cleanup up."""
    host = one_host
    _outlived(host, counted(host, "a", f"sleep {own(782)}"))
    assert host.exchange("cancel", run_id="one").ended
    other = subprocess.Popen(["/bin/sh", "-c", "sleep 300; :", f"{host.base}/one/0.command"])
    try:
        host.finished(command("true"), run_id="other")
    finally:
        other.kill()
        other.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a process of another user")
def test_a_process_of_another_user_is_no_command(one_host: Host) -> None:
    """It may be called anything: it is not ended, and nothing waits for it."""
    host = one_host
    session = host.session(host.text("run", [counted(host, "a", f"sleep {own(783)}")], "one"))
    wait_for(lambda: count(host, "a"))
    host.kill_program()
    host.heard(session)
    wait_for(lambda: sleepers(783) == [])
    name = ["/bin/sh", f"{host.base}/one/0.command", "-F"]
    other = subprocess.Popen(name, executable="/usr/bin/tail", user=12345, stderr=subprocess.DEVNULL)
    try:
        assert not host.exchange("cancel", run_id="one").ended
        host.finished({"kind": "forget"}, run_id="cleanup", takeover=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_cleanup_ends_the_step_of_a_program_that_was_killed(one_host: Host) -> None:
    host = one_host
    session = host.session(host.text("run", [counted(host, "a", f"sleep {own(777)}")], "one"))
    wait_for(lambda: len(sleepers(777)) > 0)
    os.kill(host.holder(), signal.SIGKILL)
    host.heard(session)
    host.run(command("true"), run_id="other")
    assert host.report.busy == "one"
    host.finished({"kind": "forget"}, run_id="cleanup", takeover=1)
    assert sleepers(777) == []


SLOW_BEGIN = "compare_steps\n"
"""The program holds the host there, and has noted no begin yet."""


def slow_to_begin(host: Host, seconds: int) -> str:
    """Such a program, for the next session; returns the other one."""
    whole = host.program
    assert SLOW_BEGIN in whole
    host.program = whole.replace(SLOW_BEGIN, f"{SLOW_BEGIN}: >{host.root}/reached; sleep {seconds}\n")
    return whole


def test_a_run_that_was_cancelled_before_it_began_is_found_by_its_series(host: Host) -> None:
    series: dict[str, Any] = {"kind": "bootstrap", "uid": "u", "flags": ["carry"]}
    steps = [counted(host, "a"), counted(host, "b", "exit 1")]
    whole = slow_to_begin(host, 30)
    session = host.session(host.text("run", steps, "one", **series))
    wait_for((host.root / "reached").exists)
    host.program = whole
    assert host.exchange("cancel", **series).ended
    host.heard(session)
    host.run(*steps, **series)
    assert journal_problems(host) == []
    ended = host.finished(steps[0], counted(host, "c"), run_id="two", **series)
    assert [step.before for step in ended] == ["kept", ""]
    assert [count(host, name) for name in "abc"] == [1, 1, 1]


@pytest.mark.parametrize("before", ["end 0 1 1.0", "", "cut 0 reboot"])
def test_the_time_of_an_attempt_before_is_not_this_ones(one_host: Host, before: str) -> None:
    """It is long over, or was measured in another boot, when the next program has only just started."""
    host = one_host
    boot = "older" if before != "end 0 1 1.0" else "$BOOT"
    begun = f"begin 0 {boot} 1.0 9 1\nstart 0 {boot} 1.0 key\n{before}\n" if before else f"begin 0 {boot} 1.0 9 1\n"
    (host.base / "one").mkdir(parents=True)
    (host.base / "one/journal").write_text(begun.replace("$BOOT", "same"))
    (host.base / "lock.1").symlink_to("1:1:older:one")
    slow_to_begin(host, 1)
    session = host.session(host.text("run", [counted(host, "a")], "one", timeout=600))
    wait_for((host.root / "reached").exists)
    host.exchange("attach", timeout=600, follow=1)
    report = host.heard(session)
    assert results.finished(report, report.since)
    assert [words for words in report.journal if words[-1] == "timeout"] == []
    assert count(host, "a") == 1


def test_the_time_of_a_step_that_outlives_its_program(one_host: Host) -> None:
    """It is still the one that began then, also when the next program waits for it."""
    host = one_host
    steps = [counted(host, "a", f"sleep {own(778)}")]
    session = host.session(host.text("run", steps, "one"))
    wait_for(lambda: len(sleepers(778)) > 0)
    os.kill(host.holder(), signal.SIGKILL)
    host.heard(session)
    (ended,) = host.run(*steps, timeout=1)
    # Twice where the next program has just begun the step again.
    assert (ended.state, set(ended.cuts)) == ("cut", {"timeout"})
    assert not host.report.running
    assert sleepers(778) == []


def test_the_time_of_a_step_is_over_before_the_next_program_holds_the_host(host: Host) -> None:
    """That one would begin the step again behind the back of the session that has ended it."""
    steps = [counted(host, "a", f"sleep {own(774)}")]
    first = host.session(host.text("run", steps, "one"))
    wait_for(lambda: len(sleepers(774)) > 0)
    os.kill(host.holder(), signal.SIGKILL)
    host.heard(first)
    assert host.program.count("\n    take_lock ") == 1
    host.program = host.program.replace("\n    take_lock ", "\n    sleep 2\n    take_lock ")
    (ended,) = host.run(*steps, timeout=1)
    assert (ended.state, ended.cuts) == ("cut", ("timeout",))
    assert not host.report.running
    assert sleepers(774) == []
    assert count(host, "a") == 1


def test_what_a_step_begins_while_it_is_ended_is_ended_as_well(one_host: Host) -> None:
    host = one_host
    steps = [counted(host, "a", f"trap : TERM; sleep {own(775)}; sleep {own(776)}; sleep {own(773)}")]
    (ended,) = host.run(*steps, timeout=1)
    assert (ended.state, ended.cuts) == ("cut", ("timeout",))
    assert sleepers(775) + sleepers(776) + sleepers(773) == []


def test_a_command_that_is_ended_goes_on_to_nothing(host: Host) -> None:
    """Whatever its processes are asked first, and however slowly."""
    script = f"""
    {programs.text(("processes",))}
    kill() {{
        kill_how=$1
        shift
        for kill_pid in "$@"; do
            command kill "$kill_how" "$kill_pid"
            sleep 0.1
        done
    }}
    sh -c 'sleep {own(772)}; echo "went on"' &
    shell=$!
    until child=$(pgrep -P "$shell") && [ -n "$child" ]; do sleep 0.1; done
    end_processes "$child" "$shell" && echo "ended"
    """
    ended = subprocess.run(
        [*SHELLS[host.shell], "-c", script], capture_output=True, text=True, check=False, timeout=60, cwd=host.root
    )
    assert ended.stdout == "ended\n"


def test_timeout(one_host: Host) -> None:
    host = one_host
    steps = [counted(host, "a", "sleep 30")]
    (ended,) = host.run(*steps, timeout=1)
    assert (ended.state, ended.cuts) == ("cut", ("timeout",))
    assert results.failure([ended], host.report)["reason"] == "timeout"


def test_reboot(one_host: Host) -> None:
    host = one_host
    run = host.base / "one"
    run.mkdir(parents=True)
    (run / "journal").write_text("begin 0 older 1.0 1 1\nstart 0 older 1.0\n")
    (host.base / "lock.1").symlink_to("1:1:older:one")
    (ended,) = host.finished(command("true"))
    assert (ended.state, ended.cuts) == ("ok", ("reboot",))


def test_killed_at_any_byte(host: Host) -> None:
    target = host.work / "big"
    old, new = b"o" * 500_000, b"n" * 500_000
    chance = random.Random(2)
    for number in range(5):
        target.write_bytes(old)
        session = host.session(host.text("run", [write(target, new, mode="0600")], f"run{number}"))
        run = host.base / f"run{number}"
        wait_for(lambda run=run: (run / "journal").exists())
        time.sleep(chance.random() * 0.03)
        host.kill_program()
        host.heard(session)
        assert target.read_bytes() in (old, new)
        leftover = list(host.work.glob(".capra*"))
        assert all(mode(path) & 0o077 == 0 for path in leftover)
    host.finished({"kind": "forget"}, run_id="cleanup", takeover=1)
    assert not list(host.work.glob(".capra*"))
    assert target.read_bytes() == old
