"""What this side can prove of a run: that nothing was sent to the host. What the host says proves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from capra.engine.outcome import judge
from capra.model.machine import MachineKey
from capra.model.run import Connection, OutcomeKind, Playbook, RunRequest, RunResult, RunSecrets
from capra.runs import evidence
from capra.runs.runner import AnsibleRunner, CancelledRun
from tests.hosts import Host
from tests.support.waiting import holds_soon


def _request(host: Host, command: str = "true :", **connection: object) -> RunRequest:
    given = {"address": host.address, "port": host.port, "user": "root", "host_keys": (host.host_key,)}
    variables = {"custom_cleanup_commands": [command], "custom_cleanup_timeout": 60, "use_sudo": False}
    wanted = Connection(**{**given, **connection})  # type: ignore[arg-type]  # a test's own fields
    variables["use_sudo"] = wanted.become
    secrets = RunSecrets(openssh_key=host.key_file.read_text())
    return RunRequest(MachineKey("default", "m"), Playbook.CUSTOM_CLEANUP, wanted, variables, secrets, timeout=60.0)


def _run(request: RunRequest) -> RunResult:
    async def run() -> RunResult:
        async with AnsibleRunner() as runner:
            return await runner.run(request, lambda progress: None)

    return asyncio.run(run())


def test_a_run_that_was_let_in_has_sent(host: Host) -> None:
    for request in (_request(host), _request(host, user="ops", become=True)):
        result = _run(request)
        assert judge(request, result).ok, result
        assert result.sent


def test_what_ends_before_the_host_lets_anybody_in_has_sent_nothing(host: Host, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger"], check=True)
    stranger = (tmp_path / "stranger").read_text()
    other = " ".join((tmp_path / "stranger.pub").read_text().split()[:2])
    good = _request(host)
    for request, kind in (
        (_request(host, port=1), OutcomeKind.UNREACHABLE),
        (_request(host, address="no-such-host.invalid"), OutcomeKind.UNREACHABLE),
        (_request(host, host_keys=(other,)), OutcomeKind.HOST_KEY_CHANGED),
        (replace(good, secrets=RunSecrets(openssh_key=stranger)), OutcomeKind.WRONG_CREDENTIALS),
    ):
        result = _run(request)
        assert judge(request, result).kind is kind
        assert not result.sent, kind


def test_become_that_is_refused_lets_nothing_through(host: Host) -> None:
    request = _request(host, "touch /var/ran", user="nosudo", become=True)
    result = _run(request)
    assert judge(request, result).kind is OutcomeKind.BECOME_REFUSED
    assert not result.sent
    assert host.ssh("test -e /var/ran").returncode == 1


def test_a_key_that_is_refused_in_the_middle_proves_nothing(host: Host) -> None:
    """The first session starts the program and is cut; nobody is let in afterwards."""
    cut = "mv /etc/ssh/authorized_keys /etc/ssh/off; pkill -f 'sshd: root'; sleep 5"
    request = _request(host, cut)
    result = _run(request)
    assert judge(request, result).kind is OutcomeKind.WRONG_CREDENTIALS
    assert result.sent


def test_a_host_that_says_what_a_refusal_says_has_been_sent_to(host: Host) -> None:
    """As the cloud images do for root, with the words of ssh itself."""
    said = 'command="echo root@h: Permission denied (publickey). >&2; exit 255"'
    host.ssh(f"sed -i 's/^/{said} /' /etc/ssh/authorized_keys", check=True)
    request = _request(host)
    result = _run(request)
    assert not judge(request, result).ok
    assert result.sent


def test_a_server_that_hangs_up_before_anybody_is_let_in(host: Host) -> None:
    """A connection that was lost says nothing by itself: here it was lost before anything could be sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.recv(64)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        result = _run(_request(host, address="127.0.0.1", port=server.getsockname()[1]))
    assert not result.sent


def test_a_directory_with_odd_characters(host: Host, tmp_path: Path) -> None:
    """The file's path goes through OpenSSH's tokens and through a shell."""
    odd = tmp_path / "a b%h'$(touch pwned)"
    odd.mkdir(mode=0o700)
    evidence.lay_out_evidence(odd)
    options = [word for name, value in evidence.ssh_options(odd).items() for word in ("-o", f"{name}={value}")]
    *ssh, place = host.ssh_command()
    environment = {**os.environ, **evidence.evidence_environment(odd)}
    assert not evidence.was_sent(odd)
    subprocess.run([*ssh, *options, place, "true"], env=environment, cwd=tmp_path, check=True)
    assert evidence.was_sent(odd)
    assert [path.name for path in tmp_path.iterdir()] == [odd.name]


def test_what_cannot_be_noted_is_not_sent(host: Host, tmp_path: Path) -> None:
    """The file cannot be written: OpenSSH ends instead of sending."""
    evidence.lay_out_evidence(tmp_path)
    file = tmp_path / evidence.DIRECTORY / evidence.UNCONNECTED
    file.unlink()
    file.mkdir()
    (file / "content").touch()
    options = [word for name, value in evidence.ssh_options(tmp_path).items() for word in ("-o", f"{name}={value}")]
    *ssh, place = host.ssh_command()
    environment = {**os.environ, **evidence.evidence_environment(tmp_path)}
    done = subprocess.run([*ssh, *options, place, "cat > /var/got"], env=environment, input=b"payload", check=False)
    assert done.returncode == -signal.SIGKILL
    assert host.ssh("cat /var/got").stdout == ""


def test_a_host_in_between_is_not_the_host(two_hosts: list[Host], tmp_path: Path) -> None:
    """With ProxyJump, being let in by the first of two is no evidence of the second."""
    jump, host = two_hosts
    evidence.lay_out_evidence(tmp_path)
    options = [word for name, value in evidence.ssh_options(tmp_path).items() for word in ("-o", f"{name}={value}")]
    *ssh, place = host.ssh_command()
    configuration = tmp_path / "config"
    configuration.write_text(
        f"Host {jump.address}\n IdentityFile {jump.key_file}\n UserKnownHostsFile {jump.known_hosts}\n User root\n"
    )
    ssh[ssh.index("none")] = str(configuration)
    options += ["-o", f"ProxyJump={jump.address}"]
    environment = {**os.environ, **evidence.evidence_environment(tmp_path)}
    stranger = [word if word != str(host.key_file) else str(tmp_path / "no-key") for word in ssh]
    done = subprocess.run([*stranger, *options, place, "true"], env=environment, stderr=subprocess.PIPE, check=False)
    assert b"Permission denied" in done.stderr
    assert not evidence.was_sent(tmp_path)
    subprocess.run([*ssh, *options, place, "true"], env=environment, check=True)
    assert evidence.was_sent(tmp_path)


@pytest.mark.parametrize("reached", [False, True])
def test_a_run_that_is_cancelled_tells_it_too(host: Host, reached: bool) -> None:
    request = _request(host, "touch /var/began; sleep 60")

    async def cancelled() -> CancelledRun:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            place = (host.address, host.port) if reached else ("127.0.0.1", silent.getsockname()[1])
            connection = replace(request.connection, address=place[0], port=place[1])
            wanted = replace(request, connection=connection)
            async with AnsibleRunner() as runner:
                task = asyncio.ensure_future(runner.run(wanted, lambda progress: None))
                await asyncio.sleep(3.0)
                await holds_soon(lambda: not reached or host.path("/var/began").exists(), "the step has begun", 120)
                task.cancel()
                with pytest.raises(asyncio.CancelledError) as caught:
                    await task
        assert isinstance(caught.value, CancelledRun)
        return caught.value

    assert asyncio.run(cancelled()).sent is reached
