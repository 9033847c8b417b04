"""The memory of every process that a test has started, as often as one can look."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType


class Tree:
    """Of what is started while the context lasts. peak: MiB of memory of the largest process below this one, and
    largest: which it was."""

    def __init__(self) -> None:
        self.peak = 0.0
        self.largest = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        # Test hosts and control planes are larger, and none of Capra's.
        self._others = set(_below(os.getpid()))

    def __enter__(self) -> Tree:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            for process in set(_below(os.getpid())) - self._others:
                try:
                    status = Path(f"/proc/{process}/status").read_text()
                    command = (
                        Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
                except OSError:
                    continue
                resident = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0")
                used = int(resident.split()[1]) / 1024
                if used > self.peak:
                    self.peak, self.largest = used, command


def _below(top: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found: list[int] = []
    queue = [top]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found
