"""launch.sh and program.sh, really run with every shell that targets have."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import payload, programs, results
from tests.component.programs.host import Host, append, command, tree, wait_for, write


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def states(steps: list[results.StepResult]) -> list[str]:
    return [step.state for step in steps]


def count(host: Host, name: str) -> int:
    """How often the command `once(name)` ran."""
    path = host.work / f"count.{name}"
    return len(path.read_text().splitlines()) if path.exists() else 0


def counted(host: Host, name: str, then: str = "") -> dict[str, object]:
    return command(f"echo x >>{host.work}/count.{name}\n{then}")


def test_order_bytes_and_modes(host: Host) -> None:
    existing = host.work / "existing"
    existing.write_bytes(b"old\n")
    existing.chmod(0o640)
    content = bytes(range(256)) * 3 + b"\n\n"
    steps = [
        write(host.work / "deep/er/secret", content, mode="0600"),
        write(host.work / "script", b"", mode="0755"),
        write(host.work / "plain", b"no newline at the end"),
        append(existing, b"\0new"),
        append(host.work / "fresh", b"first"),
        command(f"cd {host.work} && ls -d deep script plain && umask && pwd && trap 'echo bye' EXIT && cat && exit 0"),
        command("pwd"),
    ]
    ended = host.finished(*steps)
    assert states(ended) == ["ok"] * 7
    assert (host.work / "deep/er/secret").read_bytes() == content
    assert [mode(host.work / name) for name in ("deep/er/secret", "script", "plain", "fresh", "existing")] == [
        0o600,
        0o755,
        0o644,
        0o644,
        0o640,
    ]
    assert [mode(host.work / name) for name in ("deep", "deep/er")] == [0o755, 0o755]
    assert existing.read_bytes() == b"old\n\0new"
    assert ended[5].output.split() == ["deep", "plain", "script", "0022", str(host.work), "bye"]
    assert ended[6].output == "/\n"
    assert mode(host.base / "one") == 0o700
    left = {path.name for path in (host.base / "one").iterdir()}
    assert not [name for name in left if name.startswith(("payload", "program")) or name.endswith(".command")]


def test_links_directories_and_devices(host: Host) -> None:
    (host.work / "real").write_bytes(b"old")
    (host.work / "link").symlink_to("real")
    (host.work / "directory").mkdir()
    (host.work / "nowhere").symlink_to("missing/file")
    os.mkfifo(host.work / "fifo")
    host.finished(write(host.work / "link", b"new"))
    assert (host.work / "link").is_symlink()
    assert (host.work / "real").read_bytes() == b"new"
    for number, (name, said) in enumerate(
        {"directory": "is a directory", "fifo": "not a regular file", "nowhere": "leads nowhere"}.items()
    ):
        (ended,) = host.run(write(host.work / name, b"x"), run_id=f"bad{number}")
        assert (ended.state, ended.rc) == ("failed", 1)
        assert f"{host.work / name}: " in ended.output
        assert said in ended.output
    (ended,) = host.run(write(host.work / "o", b"x", owner="no-such-user"), run_id="owner")
    assert ended.state == "failed"
    assert not list(host.work.glob(".capra*"))


def test_a_failing_step_is_where_the_next_run_begins(host: Host) -> None:
    cause = host.work / "cause"
    cause.touch()
    steps = [
        counted(host, "a"),
        append(host.work / "log", b"line\n"),
        counted(host, "b", f"echo why >&2; [ ! -e {cause} ] || exit 7"),
        counted(host, "c"),
    ]
    ended = host.run(*steps)
    assert states(ended) == ["ok", "ok", "failed", "pending"]
    assert (ended[2].rc, ended[2].output) == (7, "why\n")
    assert results.failure(ended, host.report)["msg"] == "step 3 of 4 (command) failed with status 7: why"
    assert not results.finished(host.report)
    cause.unlink()
    assert states(host.finished(*steps)) == ["ok"] * 4
    assert [count(host, name) for name in "abc"] == [1, 2, 1]
    assert (host.work / "log").read_text() == "line\n"
    host.finished(*steps)
    assert host.report.already
    assert [count(host, name) for name in "abc"] == [1, 2, 1]


def test_commands_that_fail(host: Host) -> None:
    failing = {"if then fi (": 2, "exit 300": 44, "kill -9 $$": 137, "/no/such/program": 127}
    for number, (text, rc) in enumerate(failing.items()):
        (ended,) = host.run(command(text), run_id=f"run{number}")
        assert (ended.state, ended.rc) == ("failed", rc)


def test_what_commands_may_do(host: Host) -> None:
    daemon = f"(while [ ! -e {host.work}/end ]; do sleep 0.05; done; touch {host.work}/ended) &"
    ended = host.finished(
        command("cat; read -r LINE; echo ${LINE:-nothing}"),
        command("set -u; ENDED=; STATUS=9; RUN=/nowhere; cd /tmp"),
        command(daemon),
        command("yes 0123456789 | head -c 3000000"),
        tail=100,
    )
    assert ended[0].output == "nothing\n"
    assert len(ended[3].output) == 100
    assert not (host.work / "ended").exists()
    (host.work / "end").touch()
    wait_for((host.work / "ended").exists)


def test_a_step_that_kills_its_group(one_host: Host) -> None:
    host = one_host
    steps = [counted(host, "a"), counted(host, "b", "kill -9 0")]
    for _ in range(2):
        ended = host.run(*steps)
        assert states(ended) == ["ok", "cut"]
        assert results.failure(ended, host.report)["reason"] == "cut_off"
    assert [count(host, name) for name in "ab"] == [1, 2]


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
    session.communicate()
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


def own(seconds: int) -> str:
    """A time that no other test process lets anything sleep."""
    return f"{seconds}.{os.getpid()}"


def sleepers(seconds: int) -> list[int]:
    """The processes that sleep for this time of this test process's own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes() == f"sleep\0{own(seconds)}\0".encode():
                found.append(int(entry.parent.name))
    return found


def test_timeout(one_host: Host) -> None:
    host = one_host
    steps = [counted(host, "a", "sleep 30")]
    (ended,) = host.run(*steps, timeout=1)
    assert (ended.state, ended.cuts) == ("cut", ("timeout",))
    assert results.failure([ended], host.report)["reason"] == "timeout"


def test_check_changes_nothing(one_host: Host) -> None:
    host = one_host
    (host.work / "same").write_bytes(b"same")
    (host.work / "other").write_bytes(b"other")
    steps = [
        write(host.work / "a/b", b"new"),
        write(host.work / "same", b"same"),
        write(host.work / "other", b"changed"),
        append(host.work / "same", b"more"),
        command("exit 1"),
    ]
    before = tree(host.root)
    report = host.exchange("check", steps, diff=1)
    assert tree(host.root) == before
    assert report.complete
    assert report.would == {0: "create", 1: "same", 2: "change", 3: "change", 4: "run"}
    assert report.before == {2: b"other", 3: b"same"}
    host.run(*steps)
    assert host.exchange("check", steps).would == {0: "done", 1: "done", 2: "done", 3: "done", 4: "run"}


def test_forget_and_drop(host: Host) -> None:
    work = host.work
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


def test_missing_sentinel(one_host: Host) -> None:
    host = one_host
    (ended,) = host.run({"kind": "sentinel", "path": str(host.work / "sentinel")})
    assert ended.state == "failed"
    assert "sentinel file" in ended.output


def test_script_arguments(host: Host) -> None:
    arguments = ["a b", "*", "'\"$x`y`\\", "é\n", "", "-n"]
    script = {
        "kind": "script",
        "content": 'printf "<%s>" "$@"; echo "$CAPRA_RUN_DIR"',
        "arguments": arguments,
    }
    (ended,) = host.finished(script)
    assert ended.output == "".join(f"<{argument}>" for argument in arguments if argument) + f"{host.base}/one\n"


def test_a_megabyte_is_quick(host: Host) -> None:
    content = random.Random(1).randbytes(1_000_000)
    began = time.monotonic()
    host.finished(write(host.work / "big", content))
    assert time.monotonic() - began < 4.0
    assert (host.work / "big").read_bytes() == content


def test_half_a_payload_starts_nothing(host: Host) -> None:
    text = host.text("run", [counted(host, "a"), write(host.work / "f", b"x" * 3000)], "one")
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


def test_no_room_for_the_journal(host: Host) -> None:
    (host.base / "one").mkdir(parents=True)
    (host.base / "one/journal").symlink_to("/dev/full")
    host.run(counted(host, "a"))
    assert not results.finished(host.report)
    assert count(host, "a") == 0


def test_half_a_line_in_the_journal(one_host: Host) -> None:
    host = one_host
    host.run(counted(host, "a"), command("false"))
    journal = host.base / "one/journal"
    journal.write_bytes(journal.read_bytes().removesuffix(b"\n")[:-9])
    assert b"\n" not in journal.read_bytes()[-3:]
    ended = host.finished(counted(host, "a"), command("true"))
    assert count(host, "a") == 1
    assert states(ended) == ["ok", "ok"]


def test_an_append_that_was_mended_by_hand(one_host: Host) -> None:
    host = one_host
    target = host.work / "f"
    target.write_bytes(b"1")
    step = append(target, b"2", owner="no-such-user")
    host.run(step)
    target.write_bytes(b"mended")
    host.finished(append(target, b"2"))
    assert target.read_bytes() == b"mended2"


def test_reboot(one_host: Host) -> None:
    host = one_host
    run = host.base / "one"
    run.mkdir(parents=True)
    (run / "journal").write_text("begin 0 older 1.0 1 1\nstart 0 older 1.0\n")
    (host.base / "lock.1").symlink_to("1:1:older:one")
    (ended,) = host.finished(command("true"))
    assert (ended.state, ended.cuts) == ("ok", ("reboot",))


def test_noise_and_missing_tools(host: Host) -> None:
    text = b"echo welcome; printf 'no newline'\n" + host.text("run", [command("true")], "one")
    assert results.finished(host.heard(host.session(text)))
    text = host.text("run", [command("true")], "two", directory="/proc/nothing")
    report = host.heard(host.session(text))
    assert report.error.startswith("cannot make")
    assert report.complete


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


TOOLS = "cat cp mv rm rmdir mkdir ln readlink chmod chown head tail base64 sha256sum id date sleep setsid systemd-run"


def test_only_tools_that_every_host_has(one_host: Host) -> None:
    """Really without any others: neither half finds them."""
    host = one_host
    tools = host.root / "bin"
    for name in TOOLS.split():
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    host.environment["PATH"] = str(tools)
    assert ":/usr/local/sbin:" in host.program
    host.program = host.program.replace('PATH="${PATH:-/usr/bin:/bin}:', f'PATH="{tools}"; : "')
    for name in ("old", "log"):
        (host.work / name).write_bytes(b"old")
    (host.work / "link").symlink_to("old")
    steps = [
        write(host.work / "a/b", b"x", mode="0600", owner=str(os.getuid())),
        write(host.work / "link", b"x"),
        append(host.work / "log", b"x"),
        {"kind": "script", "content": "echo $PATH", "arguments": ["a"]},
        command("sleep 30"),
    ]
    errors = []
    assert len(host.exchange("check", steps, diff=1).would) == len(steps)
    errors.append(host.errors)
    host.run(*steps, timeout=1, diff=1)
    errors.append(host.errors)
    ended = host.finished(*steps[:4], run_id="two")
    errors.append(host.errors)
    assert ended[3].output == f"{tools}\n"
    host.finished({"kind": "forget"}, run_id="cleanup")
    errors.append(host.errors)
    host.exchange("drop", run_id="cleanup")
    assert [*errors, host.errors] == [b""] * 5
    assert sorted(path.name for path in host.work.iterdir()) == ["link", "log", "old"]


def test_shellcheck() -> None:
    text = programs.text((*programs.SESSION, *programs.DETACHED[len(programs.SHARED) :])).encode()
    ended = subprocess.run(["shellcheck", "-s", "sh", "-"], input=text, capture_output=True, check=False)
    assert ended.stdout == b""
    assert ended.returncode == 0
