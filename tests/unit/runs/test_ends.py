"""How a run ends on this side, and what its end proves."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets
from capra.runs import runner
from capra.runs.runner import AnsibleRunner, CancelledRun
from tests.support.waiting import holds_soon

REQUEST = RunRequest(MachineKey("default", "m"), Playbook.BOOTSTRAP, Connection("192.0.2.1"), {}, RunSecrets())
SLOW_TO_END = """
import json, sys, time
sys.stdin.buffer.readline()
print(json.dumps({"directory": sys.argv[1]}), flush=True)
sys.stdin.buffer.read()  # until nobody waits any more
open(sys.argv[1] + "/heard", "w").close()
time.sleep(0.5)
result = {"events": [], "stats": None, "host_keys": [], "ended": "cancelled", "output": "", "sent": False}
result |= {"bastion_keys": [], "bastions_said": []}
print(json.dumps({"result": result}), flush=True)
"""


@pytest.mark.parametrize("times", [1, 3])
async def test_a_run_has_ended_however_often_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Two Ctrl-C, or a controller that ends while a machine is being deleted: until the worker has ended, it may be at
    work on the host, and only its last word proves that nothing was sent."""
    directory = tmp_path / "run"
    directory.mkdir()
    workers = []

    async def worker() -> asyncio.subprocess.Process:
        pipe, command = asyncio.subprocess.PIPE, (sys.executable, "-c", SLOW_TO_END, str(directory))
        workers.append(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe))
        return workers[0]

    monkeypatch.setattr(runner, "_cold_worker", worker)
    runs = AnsibleRunner(warm=False)
    task = asyncio.ensure_future(runs.run(REQUEST, lambda progress: None))
    await holds_soon(lambda: bool(workers), "the worker has begun")
    task.cancel()
    await holds_soon((directory / "heard").exists, "the worker knows")
    for _ in range(times - 1):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(CancelledRun) as raised:
        await task
    assert workers[0].returncode == 0
    assert raised.value.sent is False
    assert not directory.exists()


async def test_a_configuration_that_openssh_refuses_proves_that_nothing_was_sent(tmp_path: Path) -> None:
    configuration = tmp_path / "config"
    configuration.write_text("NoSuchOption yes\n")
    result = await AnsibleRunner(warm=False).run(replace(REQUEST, ssh_config=str(configuration)), lambda progress: None)
    [event] = result.events
    assert event.result["reason"] == "ssh_config"
    assert result.sent is False
