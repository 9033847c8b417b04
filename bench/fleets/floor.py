"""The floor: a shell script on each host by plain ssh, 16 at a time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.fleets.figures import Run
from bench.fleets.hosts import BenchError
from bench.meter import Meter
from tests.hosts import Host

AT_ONCE = 16
ONE = 'script=$1; shift; exec "$@" sh -s <"$script"'
LIMIT = 900
"""Seconds."""


class Floor:
    """Runs scripts on hosts, and measures that."""

    def __init__(self, directory: Path, meter: Meter) -> None:
        """directory: for its files."""
        self._directory = directory
        self._meter = meter

    def run(self, hosts: Sequence[Host], script: str) -> Run:
        """Run the script on all hosts. Raises BenchError where it fails on one."""
        addresses, file, log = (self._directory / name for name in ("addresses", "script.sh", "floor.log"))
        addresses.write_text("".join(f"{host.address}\n" for host in hosts))
        file.write_text(script)
        ssh = [*hosts[0].ssh_command()[:-1], f"{hosts[0].user}@{{}}"]
        command = ["xargs", "-a", str(addresses), "-P", str(AT_ONCE), "-I{}", "sh", "-c", ONE, "sh", str(file), *ssh]
        before = self._meter.cpu()
        with log.open("wb") as output:
            began = time.perf_counter()
            done = subprocess.run(
                self._meter.command(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=LIMIT,
                check=False,
            )
            seconds = time.perf_counter() - began
        if done.returncode:
            raise BenchError(f"plain ssh ended with {done.returncode}\n{log.read_text(errors='replace')[-2000:]}")
        return Run(seconds, self._meter.cpu() - before)
