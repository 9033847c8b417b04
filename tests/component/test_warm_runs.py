"""Runs that a warm parent forks: each is a process of its own, as if it had been started by itself."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capra.bootstrap.steps import RunCommand, WriteFile, dump_tasks
from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunResult, RunSecrets
from capra.runs.directory.private import PREFIX
from capra.runs.runner import LINE_LIMIT, AnsibleRunner
from capra.runs.warm import launch
from capra.runs.warm.client import WarmParent
from tests.support.ssh_keys import new_ssh_key
from tests.support.waiting import holds_soon

COMPARE = Path(__file__).with_name("warm_and_cold.py")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


def _name_of(number: int) -> str:
    """A machine that no other test process has."""
    return f"m{number}-{os.getpid()}"


def _request(server: socket.socket, number: int, secret: str = "") -> RunRequest:
    steps = dump_tasks([RunCommand(f": {secret}"), WriteFile("/etc/a", secret.encode())])
    return RunRequest(
        MachineKey("default", _name_of(number)),
        Playbook.BOOTSTRAP,
        Connection("127.0.0.1", server.getsockname()[1]),
        {"bootstrap_run_id": "one"},
        RunSecrets(openssh_key=new_ssh_key(), steps=steps, become_password=secret[::-1]),
    )


def _processes_below(pid: int) -> list[int]:
    """A process and all that stand below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += [
                below for child in (task / "children").read_text().split() for below in _processes_below(int(child))
            ]
    return found


def _memory(pid: int) -> bytes:
    """All that a process may have written to its memory, its environment and its arguments."""
    parts = []
    with suppress(OSError), Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            area, access, *_ = line.split()
            if "w" not in access:
                continue
            begin, end = (int(one, 16) for one in area.split("-"))
            with suppress(OSError, ValueError):
                memory.seek(begin)
                parts.append(memory.read(end - begin))
    with suppress(OSError):
        parts += [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
    return b"\0".join(parts)


def _directories() -> dict[str, Path]:
    """The private directories of runs, by the machine's name."""
    found = {}
    for base in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "/dev/shm"), "/tmp"):
        for place in Path(base).glob(f"{PREFIX}*/inventory/hosts.json"):
            with suppress(OSError, ValueError):
                [name] = json.loads(place.read_text())["all"]["hosts"]
                found[name] = place.parents[1]
    return found


def _of_run(name: str, parent: int) -> list[int]:
    """The processes of a run: those of the parent's workers that have its directory."""
    place = str(_directories()[name])
    for worker in _processes_below(parent)[1:]:
        links = [os.readlink(link) for link in Path(f"/proc/{worker}/fd").glob("*")]
        if f"{place}/lock" in links:
            return _processes_below(worker)
    raise AssertionError(f"nobody runs {name}")


def test_a_secret_of_one_run_is_in_no_other_one(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever waits for a host keeps nobody from beginning.
    monkeypatch.setattr("capra.runs.beginnings.BEGIN_PATIENCE", 600.0)
    secrets = [f"secret{number}{os.urandom(12).hex()}" for number in range(10)]

    async def look() -> None:
        async with AnsibleRunner() as runner:
            requests = [_request(silent, number, secret) for number, secret in enumerate(secrets)]
            runs = [asyncio.ensure_future(runner.run(request, lambda progress: None)) for request in requests]
            names = {request.key.name for request in requests}
            await holds_soon(lambda: len(_held()) == 10, "all of them wait for the host", 120)
            [parent] = _parents()
            found = {name: _of_run(name, parent) for name in names}
            everybody = {pid for pids in found.values() for pid in pids}
            assert len(everybody) >= 3 * 10
            assert sum(len(pids) for pids in found.values()) == len(everybody)
            known = _secrets_in(_memory(parent), secrets)
            assert known == set()
            for number, secret in enumerate(secrets):
                told = [_secrets_in(_memory(pid), secrets) for pid in found[_name_of(number)]]
                assert set().union(*told) == {secret}
                files = [file for file in _directories()[_name_of(number)].rglob("*") if file.is_file()]
                assert _secrets_in(b"\0".join(file.read_bytes() for file in files), secrets) == {secret}
            _let_go(_held())
            for run in runs:
                run.cancel()
            await asyncio.wait(runs)

    asyncio.run(look())


def _secrets_in(content: bytes, secrets: list[str]) -> set[str]:
    """Which of them stand there, forwards or backwards."""
    words = {word.encode(): secret for secret in secrets for word in (secret, secret[::-1])}
    return {words[found] for found in re.findall(b"|".join(words), content)}


def _parents() -> list[int]:
    """The warm parents of this process."""
    found = []
    for pid in _processes_below(os.getpid())[1:]:
        with suppress(OSError):
            if b"capra.runs.warm.parent" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    # Forks have the arguments of their parent.
    return [pid for pid in found if not any(pid in _processes_below(other)[1:] for other in found)]


def _held() -> set[int]:
    """The ssh of this process's runs, stopped: however long the others take, none of them waits in vain."""
    found = {pid for parent in _parents() for pid in _processes_below(parent) if _name(pid) == "ssh"}
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    return found


def _let_go(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def test_a_parent_that_is_killed_takes_nothing_with_it(silent: socket.socket) -> None:
    """Twenty runs are under way: they end as they would have, and the next one has a new parent."""

    async def ends() -> tuple[list[RunResult], list[int]]:
        cold: list[int] = []
        async with AnsibleRunner(count_cold=lambda: cold.append(1)) as runner:
            requests = [_request(silent, number) for number in range(21)]
            runs = [asyncio.ensure_future(runner.run(request, lambda progress: None)) for request in requests[:20]]
            await holds_soon(lambda: len(_held()) == 20, "all of them wait for the host", 240)
            held = _held()
            [parent] = _parents()
            # What a run leaves open in it would be closed, or heard, by another.
            assert len(os.listdir(f"/proc/{parent}/fd")) == 4
            workers = [pid for pid in _processes_below(parent)[1:] if os.getsid(pid) == pid]
            os.kill(parent, signal.SIGKILL)
            silent.shutdown(socket.SHUT_RDWR)
            silent.close()
            _let_go(held)
            results = list(await asyncio.gather(*runs))
            assert len(workers) >= 20
            closed = replace(requests[20], connection=Connection("127.0.0.1", 1))
            results.append(await runner.run(closed, lambda progress: None))
            assert _parents() not in ([], [parent])
        return results, cold

    results, cold = asyncio.run(ends())
    for result in results:
        assert result.stats is not None
        assert result.stats["dark"] == 1
        assert not result.sent
    assert cold == []


async def test_without_a_parent_runs_are_cold_and_counted(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(parent: WarmParent) -> bool:
        return False

    monkeypatch.setattr(WarmParent, "start", start)
    cold: list[int] = []
    async with AnsibleRunner(count_cold=lambda: cold.append(1)) as runner:
        closed = replace(_request(silent, 0), connection=Connection("127.0.0.1", 1))
        for _ in range(2):
            result = await runner.run(closed, lambda progress: None)
            assert result.stats is not None
    assert cold == [1, 1]


async def test_why_no_parent_comes_up_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C.no-such-encoding")
    assert not await WarmParent(LINE_LIMIT).start()
    assert "Ansible could not initialize the preferred locale" in capsys.readouterr().out


async def test_a_terminal_that_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible refuses to have one; it has none here."""
    mode = os.get_blocking(2)
    os.set_blocking(2, False)
    try:
        parent = WarmParent(LINE_LIMIT)
        assert await parent.start()
        await parent.retire()
    finally:
        os.set_blocking(2, mode)


async def test_a_parent_that_ends_while_it_is_asked_is_noticed() -> None:
    parent = WarmParent(LINE_LIMIT)
    assert await parent.start()
    assert parent._process is not None
    parent._process.kill()
    parent._process.wait()
    assert await parent.fork() is None
    await parent.retire()


async def test_one_that_was_started_ahead_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead: list[launch.Launched] = []
    monkeypatch.setattr(launch, "_ahead", ahead)
    launch.launch_ahead()
    [early] = ahead
    parents = [WarmParent(LINE_LIMIT) for _ in range(2)]
    for parent in parents:
        assert await parent.start()
    first, second = (parent._process for parent in parents)
    assert first is early.process
    assert second is not None
    assert second.pid != early.process.pid
    for parent in parents:
        await parent.retire()
    assert early.process.returncode is not None


def test_one_that_was_started_ahead_and_is_not_used_ends_with_its_starter() -> None:
    program = "from capra.runs.warm import launch; launch.launch_ahead(); print(launch._ahead[0].process.pid)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert not Path(f"/proc/{int(done.stdout)}").exists()
    assert done.stderr == ""


@pytest.mark.parametrize("buffered", [True, False])
def test_a_fork_is_what_the_program_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffered: bool) -> None:
    """Environment, directory, descriptors, signals, limits, settings: as a play sees them, warm and cold."""
    seen: dict[str, Any] = {}
    if not buffered:
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    else:
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for way in ("cold", "warm"):
        place = tmp_path / "run"
        place.mkdir()
        done = subprocess.run(
            [sys.executable, str(COMPARE), way, str(place)], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        seen[way] = json.loads(done.stdout)
        subprocess.run(["rm", "-rf", str(place)], check=True)
    assert seen["warm"]["facts"]["settings"] != {}
    assert seen["warm"] == seen["cold"]
