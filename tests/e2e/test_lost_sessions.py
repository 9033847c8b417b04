"""A session that is lost before the host has begun says nothing; what the host holds of earlier runs is no answer."""

from __future__ import annotations

import asyncio

from capra.engine.outcome import judge
from capra.model.machine import MachineKey
from capra.model.run import Connection, Outcome, OutcomeKind, Playbook, RunRequest, RunSecrets
from capra.runs.runner import AnsibleRunner
from tests.hosts import Host

LOSE = r"""command="if mv /var/lose /var/lost; then kill -9 $PPID; fi; exec sh -c \"$SSH_ORIGINAL_COMMAND\"" """
"""In the file of authorized keys: the session is lost where the file is there."""


def _run(host: Host, command: str) -> Outcome:
    connection = Connection(host.address, port=host.port, user="root", host_keys=(host.host_key,))
    variables = {"custom_cleanup_commands": [command], "custom_cleanup_timeout": 60, "use_sudo": False}
    secrets = RunSecrets(openssh_key=host.key_file.read_text())
    key = MachineKey("default", "m")
    request = RunRequest(key, Playbook.CUSTOM_CLEANUP, connection, variables, secrets, timeout=120.0)

    async def run() -> Outcome:
        async with AnsibleRunner() as runner:
            return judge(request, await runner.run(request, lambda progress: None))

    return asyncio.run(run())


def test_a_lost_session_is_not_answered_by_the_run_before(host: Host) -> None:
    command = "test -e /var/cause || { echo old words; exit 3; }"
    failed = _run(host, command)
    assert failed.kind is OutcomeKind.STEP_FAILED
    assert "old words" in failed.message
    keys = host.path("/etc/ssh/authorized_keys")
    keys.write_text(LOSE + keys.read_text())
    host.ssh("touch /var/cause /var/lose", check=True)

    ended = _run(host, command)

    assert host.path("/var/lost").exists()
    assert ended.kind is OutcomeKind.FINISHED, ended.message
