"""One program of a control plane: started, watched, and ended together with whoever started it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.processes import cpu_ticks
from tests.support.waiting import Wait

from .errors import ControlPlaneError

SUPERVISOR = Path(__file__).parent / "supervise.sh"
PORTS = range(10000, 32768)
"""Below the ports that Linux gives to outgoing connections: one that was free stays so until it is used, and is free
again for the same program after a restart."""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses. Another process can still take it first: starters try again."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ControlPlaneError("no free port on 127.0.0.1")


def ready(what: str, seconds: float, program: Program, *others: Program) -> Wait:
    """A wait for a program to be ready, as long as it and the others that it needs run, use the processor, and say
    anything."""
    programs = [program, *others]

    def progress() -> list[tuple[int, int]]:
        return [(one.log.stat().st_size, cpu_ticks(one.pid)) for one in programs]

    def check() -> None:
        for one in programs:
            one.check()

    return Wait(what, seconds, progress, check, program.tail, ControlPlaneError)


class TakenDown(ABC):
    """What is up as long as its context lasts."""

    @abstractmethod
    def down(self) -> None:
        """End it, however far it has come."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


class Program:
    """A running program in a process group of its own, its output in a file.

    It is killed by `kill`, and when this process ends without having said so (see supervise.sh).
    """

    def __init__(self, command: Sequence[str | Path], log: Path, environment: dict[str, str] | None = None) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(SUPERVISOR), *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """Of the program itself, and of its process group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """`ControlPlaneError` with the end of its log where it is not running any more."""
        if not self.running:
            raise ControlPlaneError(f"{self.name} ended with status {self._process.returncode}\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def terminate(self, timeout: float = 20) -> None:
        """Ask it to end (SIGTERM), wait for it `timeout` seconds, then kill what is left."""
        if self.running:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """Kill the process group, and wait until the program is gone. Nothing happens the second time."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        # The reader in supervise.sh keeps the group, and so its id, alive: it cannot be somebody else's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process.stdin.close()
