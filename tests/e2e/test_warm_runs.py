"""A run that a warm parent forks ends, tells and does what one does that has started by itself."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from capra.engine.outcome import judge
from capra.model.machine import MachineKey
from capra.model.run import Connection, Outcome, OutcomeKind, Playbook, RunRequest, RunResult, RunSecrets
from capra.runs.runner import AnsibleRunner, CancelledRun
from tests.hosts import Host

BY_NATURE = frozenset({"uuid", "parent_uuid", "pid", "created", "start", "end", "duration", "play_uuid", "task_uuid"})
"""Fields of ansible-runner's events that differ from run to run."""

PLACES = frozenset({"counter", "start_line", "end_line"})
"""How much progress was told before: how often somebody has looked."""


class Seen(NamedTuple):
    """All that can be seen of a run."""

    result: RunResult | CancelledRun
    outcome: Outcome | None
    artifacts: dict[str, Any]
    host: str


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _place(server: socket.socket) -> dict[str, object]:
    address, port = server.getsockname()
    return {"address": address, "port": port}


def _request(host: Host, *commands: str, **connection: object) -> RunRequest:
    given = {"address": host.address, "port": host.port, "user": "root", "host_keys": (host.host_key,)}
    wanted = Connection(**{**given, **connection})  # type: ignore[arg-type]  # a test's own fields
    variables = {
        "custom_cleanup_commands": list(commands),
        "custom_cleanup_timeout": 600,
        "custom_cleanup_progress": True,
        "use_sudo": wanted.become,
    }
    secrets = RunSecrets(openssh_key=host.key_file.read_text())
    return RunRequest(MachineKey("default", "m"), Playbook.CUSTOM_CLEANUP, wanted, variables, secrets, timeout=600.0)


def _plain(value: Any) -> Any:
    """Without what differs from run to run."""
    match value:
        case dict():
            return {
                name: _plain(one)
                for name, one in value.items()
                if name not in BY_NATURE | PLACES and "seconds" not in name
            }
        case list() | tuple():
            return [_plain(one) for one in value]
        case str():
            return re.sub(r"capra-run-\w+|capra-[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+\.\d+", "…", value)
    return value


def _artifacts(directory: Path) -> dict[str, Any]:
    """What ansible-runner has kept: each event by its place, and the files beside."""
    events = [json.loads(path.read_text()) for path in directory.rglob("job_events/*.json")]
    files = {path.name: path.read_text() for path in directory.rglob("*") if path.is_file() and path.suffix != ".json"}
    files = {name: re.sub(r".*capra-progress .*\n", "", text) for name, text in files.items()}
    return {
        "events": [_plain(event) for event in sorted(events, key=lambda event: int(event["counter"]))],
        "files": _plain(files),
    }


def _seen(host: Host, request: RunRequest, into: Path, *, warm: bool, cancel: Callable[[], bool] | None = None) -> Seen:
    # What a cancelled run has begun goes on, and would be found.
    host.ssh(
        "pkill -KILL -f '[/]var/lib/capra/.*/program'; rm -rf /var/seen /var/lib/capra; mkdir /var/seen", check=True
    )
    wanted = replace(request, artifacts=str(into / ("warm" if warm else "cold")))

    async def run() -> RunResult | CancelledRun:
        cold: list[int] = []
        async with AnsibleRunner(warm=warm, count_cold=lambda: cold.append(1)) as runner:
            task = asyncio.ensure_future(runner.run(wanted, lambda progress: None))
            while cancel is not None and not task.done() and not cancel():
                await asyncio.sleep(0.1)
            if cancel is not None:
                task.cancel()
            try:
                return await task
            except CancelledRun as cancelled:
                return cancelled
            finally:
                assert cold == []

    result = asyncio.run(run())
    outcome = judge(wanted, result) if isinstance(result, RunResult) else None
    left = host.ssh("cd /var/seen && grep -r . . | sort", user="root").stdout
    return Seen(result, outcome, _artifacts(Path(wanted.artifacts)), left)


def _same(host: Host, request: RunRequest, into: Path, cancel: Callable[[], bool] | None = None) -> Seen:
    cold, warm = (_seen(host, request, into, warm=warm, cancel=cancel) for warm in (False, True))
    if isinstance(cold.result, RunResult) and isinstance(warm.result, RunResult):
        for one, other in zip(cold.result.events, warm.result.events, strict=True):
            assert (one.name, one.task, _plain(one.result)) == (other.name, other.task, _plain(other.result))
        assert (cold.result.stats, cold.result.ended) == (warm.result.stats, warm.result.ended)
        assert cold.result.host_keys == warm.result.host_keys
        assert cold.outcome is not None
        assert warm.outcome is not None
        assert (cold.outcome.kind, _plain(cold.outcome.message)) == (warm.outcome.kind, _plain(warm.outcome.message))
        assert cold.artifacts["events"] != []
    assert type(cold.result) is type(warm.result)
    assert cold.result.sent == warm.result.sent
    assert cold.artifacts.get("files") == warm.artifacts.get("files")
    told, also = cold.artifacts.get("events", []), warm.artifacts.get("events", [])
    assert [event["event"] for event in told] == [event["event"] for event in also], (told, also)
    for one, other in zip(told, also, strict=True):
        assert one == other
    assert cold.host == warm.host
    return warm


def test_ends(host: Host, silent: socket.socket, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger"], check=True)
    stranger = RunSecrets(openssh_key=(tmp_path / "stranger").read_text())
    other = " ".join((tmp_path / "stranger.pub").read_text().split()[:2])
    good = _request(host, "echo said; id -u >/var/seen/ran; umask >>/var/seen/ran", "echo again >>/var/seen/ran")
    limited = {**good.variables, "custom_cleanup_timeout": 4, "custom_cleanup_commands": ["exec sleep 60"]}
    for number, (request, kind) in enumerate(
        (
            (good, OutcomeKind.FINISHED),
            (_request(host, "sudo -n true; id -u >/var/seen/ran", user="ops", become=True), OutcomeKind.FINISHED),
            (
                _request(host, "echo x >/var/seen/ran", "echo oh >&2; exit 3", "touch /var/seen/not"),
                OutcomeKind.STEP_FAILED,
            ),
            (_request(host, "true", **_place(silent)), OutcomeKind.UNREACHABLE),
            (replace(good, secrets=stranger), OutcomeKind.WRONG_CREDENTIALS),
            (_request(host, "true", host_keys=(other,)), OutcomeKind.HOST_KEY_CHANGED),
            (_request(host, "true", user="nosudo", become=True), OutcomeKind.BECOME_REFUSED),
            (replace(good, variables=limited), OutcomeKind.TIMED_OUT),
        )
    ):
        seen = _same(host, request, tmp_path / str(number))
        assert seen.outcome is not None
        assert seen.outcome.kind is kind, seen.outcome


@pytest.mark.parametrize("begun", [True, False])
def test_a_cancel(host: Host, silent: socket.socket, tmp_path: Path, begun: bool) -> None:
    request = _request(host, "echo x >/var/seen/ran; sleep 60", **({} if begun else _place(silent)))

    def began() -> bool:
        if begun:
            return host.path("/var/seen/ran").exists()
        return (
            subprocess.run(
                ["pgrep", "-f", f"^ssh .*Port={silent.getsockname()[1]} "], capture_output=True, check=False
            ).returncode
            == 0
        )

    seen = _same(host, request, tmp_path, cancel=began)
    assert isinstance(seen.result, CancelledRun)
    assert seen.result.sent is begun
    host.ssh("pkill sleep")


def test_a_check(host: Host, tmp_path: Path) -> None:
    seen = _same(host, replace(_request(host, "true"), check=True, diff=True), tmp_path)
    assert seen.outcome is not None
    assert seen.outcome.ok
