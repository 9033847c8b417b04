"""The program of a warm parent: `python -m capra.runs.warm.parent DESCRIPTOR`, a Unix socket (SOCK_SEQPACKET).

It says so once it is warm. Each message that it gets comes with three descriptors, for standard input, output and error
output of a run. It forks a worker that has them, and answers with its own memory in bytes and with a descriptor of the
worker's process (pidfd_open(2)). It has no thread and hears no secret: the request goes straight to the worker. It ends
with the socket.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import ansible_runner

from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets
from capra.runs import worker
from capra.runs.directory.layout import ansible_environment, lay_out
from capra.runs.directory.private import private_directory
from capra.runs.warm.forks import close_others, live_as

STREAMS = 3
MESSAGE = 4096
"""Bytes of a message, at most."""

PLAYBOOK = Path(__file__).with_name("playbook.yml")
NOBODY = RunRequest(MachineKey("warm", "up"), Playbook.BOOTSTRAP, Connection("127.0.0.1"), {}, RunSecrets())


def warm_up() -> None:
    """Import all that a run needs, and run one play that does nothing, here and without a host."""
    with private_directory() as directory:
        lay_out(directory, NOBODY)
        before = dict(os.environ)
        # Ansible reads it while it is imported.
        os.environ.update(_environment(directory))
        from capra.runs.warm import play  # noqa: PLC0415  # only now

        play.play_nothing(directory, PLAYBOOK)
        sys.stdout.flush()
        os.environ.clear()
        os.environ.update(before)
    play.cool_down()
    play.fork_plays()


def _environment(directory: Path) -> dict[str, str]:
    """That of an `ansible-playbook`, as ansible-runner makes it."""
    config = ansible_runner.RunnerConfig(
        str(directory),
        project_dir=str(directory / "project"),
        playbook="none",
        envvars=ansible_environment(directory, NOBODY),
    )
    config.prepare()
    return dict(config.env)


def serve(connection: socket.socket) -> None:
    """Fork a worker for each message until the other end is closed."""
    connection.send(json.dumps({"memory": _memory()}).encode())
    while True:
        message, streams, _, _ = socket.recv_fds(connection, MESSAGE, STREAMS)
        if not message:
            return
        try:
            pid = os.fork()
        except OSError as error:  # no room for another process
            pid = -1
            connection.send(json.dumps({"error": error.strerror}).encode())
        if pid == 0:
            connection.close()
            _be_worker(streams)
        elif pid > 0:
            _answer(connection, pid)
        for stream in streams:
            os.close(stream)


def _answer(connection: socket.socket, pid: int) -> None:
    """Tell of the worker. One that has ended already has no descriptor."""
    answer = {"memory": _memory()}
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        connection.send(json.dumps(answer | {"ended": 1}).encode())
        return
    connection.sendmsg(
        [json.dumps(answer).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [process]))]
    )
    os.close(process)


def _memory() -> int:
    """Bytes of this process that are not a file's (proc(5))."""
    resident, shared = Path("/proc/self/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _be_worker(streams: list[int]) -> NoReturn:
    """In a fork: what `python -m capra.runs.worker` would be."""

    def work() -> None:
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        close_others()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        worker.main()

    def failed(error: BaseException) -> int:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1

    live_as(work, failed)


def _stop(number: int, frame: object) -> None:
    """Nobody wants it any more: with the directory of the play that was to warm it."""
    raise SystemExit(128 + number)


def main() -> None:
    """Warm up, then serve."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Without this, no worker could be ended; better not to come up at all.
    os.close(os.pidfd_open(os.getpid()))
    worker.clean_environment()
    signal.signal(signal.SIGTERM, _stop)
    warm_up()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What has been said until now is for whoever has started this; nobody reads what comes later.
    os.dup2(1, 2)
    # Nobody waits for the workers here: the kernel takes them away.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    serve(connection)


if __name__ == "__main__":
    main()
