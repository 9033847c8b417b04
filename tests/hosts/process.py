"""Processes by id: who is alive, who belongs to whom, and ending exactly those."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.support.processes import stat_fields

from .errors import HostError


def run(
    *command: str | Path,
    check: bool = True,
    stdin: str | None = None,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; `HostError` with its last output where it fails and `check` is set."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        env=env,
    )
    if check and done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise HostError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{tail}")
    return done


def start_time(pid: int) -> int:
    """Clock ticks after boot at which the process began; 0 where there is none.

    With the id it names one process for ever: ids are given out again, the pair is not.
    """
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def alive(pid: int, started: int) -> bool:
    """Whether exactly that process runs (a zombie does not)."""
    fields = stat_fields(pid)
    return bool(fields) and fields[0] != "Z" and int(fields[19]) == started


def children(pid: int) -> list[int]:
    """Ids of the direct children."""
    everyone = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [one for one in everyone if stat_fields(one)[1:2] == [str(pid)]]


def end_all(find: Callable[[], Iterable[int]], timeout: float = 15) -> None:
    """Kill what `find` returns until it returns nothing that runs, and reap those that were our children."""
    deadline = time.monotonic() + timeout
    killed: set[int] = set()
    while left := {pid for pid in find() if stat_fields(pid)[:1] not in ([], ["Z"], ["X"])}:
        if time.monotonic() > deadline:
            raise HostError(f"processes that do not end: {sorted(left)}")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= left
        time.sleep(0.02)
    for pid in killed:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
