"""What the steps do on a host: files to the byte, commands in order, and a dry run that changes nothing."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs, results
from tests.component.programs.host import (
    Host,
    append,
    command,
    count,
    counted,
    group_lives,
    mode,
    states,
    tree,
    wait_for,
    write,
)


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
    assert results.failure(ended, host.report)["msg"] == "step 3 of 4 failed: command: why (exit status 7)"
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
    report = host.exchange("check", steps, diff=65536)
    assert tree(host.root) == before
    assert report.complete
    assert report.would == {0: "create", 1: "same", 2: "change", 3: "change", 4: "run"}
    assert report.before == {2: b"other", 3: b"same"}
    host.run(*steps)
    assert host.exchange("check", steps).would == {0: "done", 1: "done", 2: "done", 3: "done", 4: "run"}


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


def test_a_megabyte_does_not_take_minutes(host: Host) -> None:
    content = random.Random(1).randbytes(1_000_000)
    began = time.monotonic()
    host.finished(write(host.work / "big", content))
    assert time.monotonic() - began < 60
    assert (host.work / "big").read_bytes() == content


TOOLS = """cat cp ls mv rm rmdir mkdir ln readlink chmod chown head tail base64 sha256sum id date sleep sync tr uname wc
dd setsid systemd-run"""


def test_only_tools_that_every_host_has(one_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really without any others: neither half finds them."""
    host = one_host
    tools = host.root / "bin"
    for name in TOOLS.split():
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    host.environment["PATH"] = str(tools)
    assert ":/usr/local/sbin:" in host.program
    only = ('PATH="${PATH:-/usr/bin:/bin}:', f'PATH="{tools}"; : "')
    assert only[0] in programs.session()
    host.program = host.program.replace(*only)
    session = programs.session().replace(*only)
    monkeypatch.setattr(programs, "session", lambda dry_run=False: session)
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
    assert len(host.exchange("check", steps, diff=65536).would) == len(steps)
    errors.append(host.errors)
    host.run(*steps, timeout=1, diff=65536)
    errors.append(host.errors)
    ended = host.finished(*steps[:4], run_id="two")
    errors.append(host.errors)
    assert ended[3].output == f"{tools}\n"
    host.finished({"kind": "forget"}, run_id="cleanup")
    errors.append(host.errors)
    host.exchange("drop", run_id="cleanup")
    assert [*errors, host.errors] == [b""] * 5
    assert sorted(path.name for path in host.work.iterdir()) == ["link", "log", "old"]


def test_a_login_script_that_breaks_the_path(host: Host) -> None:
    """Both halves find their tools, and the place is that of the same user."""
    host.environment["PATH"] = "/nonexistent"
    (ended,) = host.finished(command("echo $PATH"))
    assert ended.output == "/nonexistent:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    assert host.errors == b""
    ask = f"{programs.session()}\nfind_tools; DIRECTORY= ID=one; find_base; echo $BASE"
    where = host.session(ask.encode()).communicate(timeout=60)[0].decode().strip()
    assert where == ("/var/lib/capra" if os.geteuid() == 0 else f"{host.root}/.local/state/capra/runs")


@pytest.mark.parametrize("answer", ["exit 1", "echo", "echo root"])
def test_nobody_tells_who_this_is(one_host: Host, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = one_host
    session = programs.session().replace("/proc/self/status", "/nonexistent")
    assert session != programs.session()
    monkeypatch.setattr(programs, "session", lambda dry_run=False: session)
    tool = host.root / "bin/id"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    before = tree(host.root)
    report = host.exchange("run", [write(host.work / "f", b"1")], directory="")
    assert "does not tell whose work this is" in report.error
    assert tree(host.root) == before


@pytest.mark.parametrize("kind", [write, append])
def test_the_kernels_own_files(one_host: Host, kind: Any) -> None:
    host = one_host
    (host.work / "link").symlink_to("/proc/sys/kernel")
    for number, path in enumerate(("/proc/sys/kernel/hostname", "/sys/capra", host.work / "link/hostname")):
        (ended,) = host.run(kind(path, b"capra-test"), run_id=f"run{number}")
        assert ended.state == "failed"
        assert "is the kernel's, which no file can be put in place of: set it with a command" in ended.output


def test_a_command_gets_none_of_the_programs_files(host: Host) -> None:
    look = command('for one in /proc/$$/fd/*; do readlink "$one" || :; done')
    _, ended = host.finished(write(host.work / "f", b"1"), look)
    assert ended.output
    assert not [line for line in ended.output.splitlines() if line.endswith(("/journal", "/written"))]


def test_a_command_that_has_ended_well_has_whatever_cannot_be_noted_besides(host: Host) -> None:
    """The host was out of inodes in that moment: what cannot be made then is a directory here."""
    run = host.base / "one"
    [ended] = host.finished(counted(host, "a", f"mkdir {run}/0.over"))
    assert ended.rc == 0
    host.finished(counted(host, "a", f"mkdir {run}/0.over"))
    assert count(host, "a") == 1


def test_nothing_of_a_session_is_left(host: Host) -> None:
    """The program has a group of its own; all else that was started for the session is in the session's."""
    session = host.session(host.text("run", [command("sleep 0.3")], "one", follow=300))
    host.heard(session)
    wait_for(lambda: not group_lives(session.pid))


def test_a_session_ends_when_its_share_of_the_time_is_over(host: Host) -> None:
    session = host.session(
        host.text("run", [command(f"until [ -e {host.work}/go ]; do sleep 0.05; done")], "one", follow=1)
    )
    report = host.heard(session)
    assert (report.complete, report.running) == (True, True)
    (host.work / "go").touch()
    wait_for(lambda: not host.exchange("attach").running)
    wait_for(lambda: not group_lives(session.pid))


def test_shellcheck() -> None:
    # Each file once: the halves share some. Its comments are not sent, and tell what is no fault.
    names = dict.fromkeys((*programs.SESSION, *programs.DETACHED))
    text = b"\n".join((Path(programs.__file__).parent / f"{name}.sh").read_bytes() for name in names)
    ended = subprocess.run(["shellcheck", "-s", "sh", "-"], input=text, capture_output=True, check=False)
    assert ended.stdout == b""
    assert ended.returncode == 0
