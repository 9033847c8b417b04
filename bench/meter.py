"""What a tree of processes uses: processor time and memory, by a cgroup of its own."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.hosts.errors import Unavailable

PREFIX = "capra-bench-"
ENTER = 'echo "$$" >"$0/cgroup.procs" && exec "$@"'
SAMPLE_SECONDS = 0.25
END_SECONDS = 60.0


def prefix() -> Path:
    """How the paths of one benchmark's cgroups begin. Raises Unavailable where there is no cgroup v2."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return Path(before.split()[4]) / f"{PREFIX}{secrets.token_hex(3)}-"
    raise Unavailable("no cgroup v2 is mounted: processor time of a tree of processes cannot be read")


class Meter:
    """A cgroup. Processes are put into it by `command`, and so are all that they start, whoever adopts them later."""

    def __init__(self, begin: Path, name: str) -> None:
        """begin: as `prefix` gives it."""
        self.cgroup = begin.with_name(begin.name + name)
        try:
            self.cgroup.mkdir()
        except OSError as error:
            raise Unavailable(f"cannot make the cgroup {self.cgroup}: {error.strerror}") from error

    def command(self, command: Sequence[str]) -> list[str]:
        """The command that does the same within the cgroup."""
        return ["sh", "-c", ENTER, str(self.cgroup), *command]

    def cpu(self) -> float:
        """Core-seconds, user and system, of all processes that ever were in it."""
        lines = (self.cgroup / "cpu.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec ")) / 1e6

    def processes(self) -> list[int]:
        """Ids of those that are in it now."""
        return [int(word) for word in (self.cgroup / "cgroup.procs").read_text().split() if word != "0"]

    def memory(self) -> int:
        """Bytes, now: the sum of their proportional set sizes, in which a shared page is shared out."""
        return sum(map(proportional_set_size, self.processes()))

    @contextlib.contextmanager
    def watching_memory(self) -> Iterator[list[int]]:
        """While it lasts, memory is looked at again and again; a list of one: the most that was seen, in bytes.

        A look at a process of 100 MB costs 5 ms of a processor and more: what is timed should not be watched.
        """
        peak, stop = [0], threading.Event()

        def watch() -> None:
            while not stop.is_set():
                began = time.monotonic()
                peak[0] = max(peak[0], self.memory())
                # At most half of a core goes into looking.
                stop.wait(max(SAMPLE_SECONDS, time.monotonic() - began))

        thread = threading.Thread(target=watch, name="memory", daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            stop.set()
            thread.join()

    def end(self) -> None:
        """Kill all that is in it, and remove it. One that is about to end is listed no more and keeps it still."""
        deadline = time.monotonic() + END_SECONDS
        while self.cgroup.exists():
            try:
                (self.cgroup / "cgroup.kill").write_text("1")
                self.cgroup.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def proportional_set_size(pid: int) -> int:
    """Bytes; 0 for a process that is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
