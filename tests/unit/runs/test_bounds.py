"""What a worker says is read within bounds, and so is what a host prints."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from capra.engine.outcome import judge
from capra.model.run import OutcomeKind, RunRequest, RunResult, TaskEvent
from capra.runs import message, paths, runner
from tests.unit.runs.test_runs import REQUEST


@pytest.mark.parametrize(
    "says",
    [
        "import sys; sys.stdout.write('{' + 'x' * 3_000_000)",
        "print('this is no message')",
        "print('[' * 100_000)",
    ],
)
async def test_a_worker_that_says_anything_else(says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def worker() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", says, stdin=pipe, stdout=pipe, stderr=pipe, limit=2**20
        )

    monkeypatch.setattr(runner, "_cold_worker", worker)
    result = await asyncio.wait_for(runner.AnsibleRunner(warm=False).run(REQUEST, lambda progress: None), 30)
    outcome = judge(REQUEST, result)
    assert outcome.kind is OutcomeKind.LOST
    assert "bytes at once, or no JSON" in outcome.message


async def test_a_request_is_written_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    async def worker() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, "-c", "", stdin=pipe, stdout=pipe, stderr=pipe)

    def dump(request: RunRequest) -> bytes:
        threads.append(threading.current_thread())
        return b"{}\n"

    monkeypatch.setattr(runner, "_cold_worker", worker)
    monkeypatch.setattr(runner, "dump_request", dump)
    await asyncio.wait_for(runner.AnsibleRunner(warm=False).run(REQUEST, lambda progress: None), 30)
    assert threads
    assert threading.main_thread() not in threads


def test_a_result_that_is_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "RESULT_LIMIT", 10_000)
    result = RunResult((TaskEvent("runner_on_ok", "t", {"steps": ["x" * 20_000]}),), {"ok": 1})
    outcome = judge(REQUEST, message.load_result(message.dump_result(result)))
    assert outcome.kind is OutcomeKind.LOST
    assert "at most 10000 are taken" in outcome.message
    short = replace(result, events=())
    assert message.load_result(message.dump_result(short)) == short


@pytest.fixture
def fake_ssh(tmp_path: Path) -> dict[str, str]:
    """The environment in which `ssh` carries out its first argument."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\neval "$1"\n')
    ssh.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CAPRA_PYTHON": sys.executable}


def ssh(environment: dict[str, str], command: str, said: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    words = [str(paths.BOUNDED_SSH), command]
    return subprocess.run(words, env=environment, input=said, capture_output=True, timeout=60, check=False)


def test_ssh_within_bounds(fake_ssh: dict[str, str]) -> None:
    done = ssh(fake_ssh, "cat; echo wrong >&2; exit 7", b"in\0and out\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"in\0and out\n", b"wrong\n")
    assert ssh(fake_ssh, "kill -9 $$").returncode == 137
    exact = ssh(fake_ssh, "head -c 4194304 /dev/zero")
    assert (exact.returncode, len(exact.stdout), exact.stderr) == (0, 4194304, b"")
    flood = ssh(fake_ssh, "cat /dev/zero")
    assert (flood.returncode, len(flood.stdout)) == (141, 4194304)
    assert b"capra: the host has printed more than 4194304 bytes" in flood.stderr
    errors = ssh(fake_ssh, "cat /dev/zero >&2")
    assert errors.returncode == 141
    assert len(errors.stderr) < 4194304 + 200


def test_no_ssh_at_all(fake_ssh: dict[str, str]) -> None:
    done = ssh({**fake_ssh, "PATH": "/nowhere"}, "true")
    assert (done.returncode, done.stderr) == (255, b"ssh: No such file or directory\n")


def test_ssh_passes_on_at_once(fake_ssh: dict[str, str]) -> None:
    """Ansible waits for what become says before it sends anything."""
    command = [str(paths.BOUNDED_SSH), "echo ready; read answer; echo $answer"]
    with subprocess.Popen(command, env=fake_ssh, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        ready, _, _ = select.select([process.stdout], [], [], 20)
        if not ready:
            process.kill()
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"go\n")
        process.stdin.close()
        assert process.stdout.read() == b"go\n"


def test_an_ssh_that_has_ended_breaks_no_pipe(fake_ssh: dict[str, str]) -> None:
    """Ansible sends before it reads: it would tell of the pipe, and not why ssh has ended."""
    command = [str(paths.BOUNDED_SSH), "echo refused >&2; exit 255"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=fake_ssh, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stderr is not None
        assert process.stdin is not None
        assert process.stderr.readline() == b"refused\n"
        time.sleep(0.3)  # it has ended by now
        process.stdin.write(bytes(1_000_000))
        process.stdin.close()
        assert process.wait(20) == 255


def test_nothing_is_waited_for_where_nothing_is_sent(fake_ssh: dict[str, str]) -> None:
    command = [str(paths.BOUNDED_SSH), "exit 255"]
    with subprocess.Popen(command, env=fake_ssh, stdin=subprocess.PIPE) as process:
        assert process.wait(20) == 255
