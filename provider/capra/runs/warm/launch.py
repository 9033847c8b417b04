"""Starts the program of a warm parent. That takes half a second to get warm, so a terminal starts one before all else,
and reads meanwhile what it was asked for. This module imports little."""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

PATIENCE = 2.0
"""Seconds that it gets to remove the directory of the play that warms it."""


@dataclass(frozen=True)
class Launched:
    """A process, and the socket that it is asked by (SOCK_SEQPACKET). It ends with the socket."""

    process: subprocess.Popen[bytes]
    connection: socket.socket

    def end(self) -> None:
        """End it, warm or not, and wait for it, for a bounded time."""
        self.connection.close()
        self.process.terminate()
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            with suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=PATIENCE)


_ahead: list[Launched] = []


def launch_ahead() -> None:
    """Start one for whoever asks first; it is ended with this process if nobody does. Not where there is no room for
    another process: whoever asks is told then."""
    try:
        launched = _launch()
    except OSError:
        return
    _ahead.append(launched)
    atexit.register(_end_ahead)


def launched() -> Launched:
    """The one that was started ahead, or a new one. Raises OSError where there is no room for it."""
    return _ahead.pop() if _ahead else _launch()


def _end_ahead() -> None:
    while _ahead:
        _ahead.pop().end()


def _launch() -> Launched:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        with theirs:
            # -P: nothing is imported from the directory that capra is called in.
            command = (sys.executable, "-P", "-m", "capra.runs.warm.parent", str(theirs.fileno()))
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    return Launched(process, ours)
