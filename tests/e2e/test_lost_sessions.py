"""A session that is lost before the host has begun says nothing; what the host holds of earlier runs is no answer."""

from __future__ import annotations

import asyncio
import shutil
import signal

import pytest

from capra.engine.outcome import judge
from capra.model.machine import MachineKey
from capra.model.run import Connection, Outcome, OutcomeKind, Playbook, RunRequest, RunSecrets
from capra.runs.runner import AnsibleRunner
from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, wait_for
from tests.hosts import Host

ONE_BY_ONE = r"""#!/bin/sh
# What becomes of each session, in turn: /var/plan has a line for each.
plan=$(head -n 1 /var/plan)
sed -i 1d /var/plan
case $plan in
lost) sh -c "$SSH_ORIGINAL_COMMAND" | sed '/^since/q'; kill -9 $PPID ;;
cut) sh -c "$SSH_ORIGINAL_COMMAND" | sed '/^state/q' ;;
*) exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac
"""

CUT = r"""command="sh -c \"$SSH_ORIGINAL_COMMAND\" | if mv /var/lose /var/lost; then sed /^capra\ b/q; else cat; fi" """
"""Likewise: no more of an answer comes than its first line."""

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


def _with(host: Host, command: str) -> None:
    keys = host.path("/etc/ssh/authorized_keys")
    keys.write_text(command + keys.read_text())


def test_a_lost_session_is_not_answered_by_the_run_before(host: Host) -> None:
    command = "test -e /var/cause || { echo old words; exit 3; }"
    failed = _run(host, command)
    assert failed.kind is OutcomeKind.STEP_FAILED
    assert "old words" in failed.message
    host.path("/var/cause").touch()
    host.path("/var/lose").touch()
    _with(host, LOSE)

    ended = _run(host, command)

    assert host.path("/var/lost").exists()
    assert ended.kind is OutcomeKind.FINISHED, ended.message


def _planned(host: Host, *sessions: str) -> None:
    """What becomes of the next sessions; only the host's own files are touched."""
    host.path("/var/one-by-one").write_text(ONE_BY_ONE)
    host.path("/var/plan").write_text("".join(f"{session}\n" for session in sessions))
    _with(host, 'command="sh /var/one-by-one" ')


@pytest.mark.parametrize("spoilt", ["lost", "cut"])
def test_an_old_end_is_no_answer_where_another_machine_has_the_host(host: Host, capra: Capra, spoilt: str) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config(commands=[counted("one")])))
    capra.json(*arguments)
    host.path("/var/lib/capra/claim").write_text("claim 1 other-uid default/other 1\n")
    _planned(host, spoilt)
    shutil.rmtree(capra.state)  # as from another terminal

    [report] = capra.json(*arguments, code=1)

    assert host.path("/var/plan").read_text() == ""
    assert report["outcome"] == "HostClaimed", report["message"]
    assert "default/other" in report["message"]
    assert count(host, "one") == 1


def test_all_steps_run_again_once(host: Host, capra: Capra) -> None:
    """With --restart: the first session is lost, and the answer of the next one is cut short."""
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("one")]))
    _planned(host, "lost", "cut", "cut")
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, "--restart")
    assert host.path("/var/plan").read_text() == ""
    assert (report["outcome"], count(host, "one")) == ("Finished", 1)


def test_a_cancel_whose_answer_is_cut_short_is_asked_again(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("one", "sleep 600")]))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    wait_for(lambda: count(host, "one") == 1, "the command")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    host.path("/var/lose").touch()
    _with(host, CUT)

    [report] = capra.json("cancel", "-f", manifest, "--bootstrap-data", data)

    assert host.path("/var/lost").exists()
    assert report["message"] == "the run was ended on the host"
    assert host.ssh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.count("sleep 600") == 0
