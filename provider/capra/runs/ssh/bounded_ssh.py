"""ssh, of whose output no more than a bound is passed on: what a host prints beside a report (a login shell, a banner,
a program gone wild) would otherwise all be kept in memory by Ansible. Beyond the bound ssh is ended.

A script, called with ssh's arguments. It imports as little as it can: 10 ms of each session.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import sys

LIMIT = 4 * 2**20
"""Bytes of standard output and of standard error together."""

PIECE = 2**16

FAILED = 255
"""OpenSSH's own status, where it could not let anybody in."""

PATIENCE = 2.0
"""Seconds without a byte after which nothing more is sent to it."""


def _start(arguments: list[str]) -> tuple[int, dict[int, int]]:
    """Start ssh. Gives its pid, and the reading end of each of its streams with the descriptor that it is passed to."""
    streams = {target: os.pipe() for target in (1, 2)}
    pid = os.fork()
    if pid == 0:
        for target, (_, writing) in streams.items():
            os.dup2(writing, target)
        try:
            os.execvp("ssh", ["ssh", *arguments])  # noqa: S606  # that is the point
        except OSError as error:
            os.write(2, f"ssh: {error.strerror}\n".encode())
            os._exit(255)
    for _, writing in streams.values():
        os.close(writing)
    return pid, {reading: target for target, (reading, _) in streams.items()}


def _pass_on(streams: dict[int, int]) -> bool:
    """Pass on what comes until it ends; False when it is more than the bound."""
    left = LIMIT
    while streams:
        for reading in select.select(list(streams), [], [])[0]:
            piece = os.read(reading, PIECE)
            if not piece:
                del streams[reading]
                continue
            _write(streams[reading], piece[: max(left, 0)])
            left -= len(piece)
            if left < 0:
                return False
    return True


def _write(descriptor: int, piece: bytes) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]


def _take_rest() -> None:
    """Take what is still sent to an ssh that has ended. Ansible sends before it reads, and would report a broken pipe
    instead of what ssh has said: why nobody was let in."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        while select.select([0], [], [], PATIENCE)[0] and os.read(0, PIECE):
            pass


def main() -> int:
    """The status of ssh, as a shell tells it; 141 (a broken pipe) where it was ended here."""
    pid, streams = _start(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(pid, signal.SIGTERM))
    if not _pass_on(streams):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        _write(2, f"\ncapra: the host has printed more than {LIMIT} bytes, and no more is read\n".encode())
        return 141
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == FAILED:
        _take_rest()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
