"""Where a benchmark happens: its directory, hosts, control plane and cgroups. All of it goes with the benchmark."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bench.fleets import hosts as fleet_hosts
from bench.fleets.capra import Capra
from bench.fleets.figures import Row
from bench.fleets.floor import Floor
from bench.fleets.management import Management
from bench.fleets.rounds import Rounds
from bench.meter import Meter, prefix
from tests.controlplane import ControlPlane
from tests.hosts import Hosts

REAPER = Path(__file__).resolve().parents[1] / "reaper.sh"


class Place(contextlib.ExitStack):
    """A context manager; what it brings up stays until it ends, and no longer than the process."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._cgroups = prefix()
        self._directory = Path(tempfile.mkdtemp(prefix="capra-bench-"))
        self._guard()
        self._management: Management | None = None
        self._hosts: Hosts | None = None
        self.seconds_up = 0.0
        """Seconds that the hosts took to come up."""
        return self

    def _guard(self) -> None:
        """Whatever happens to this process, another one sees that nothing of the benchmark stays."""
        words = [str(REAPER), str(self._cgroups), str(self._directory), sys.executable]
        reaper = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
        assert reaper.stdin is not None
        self.callback(reaper.wait, 120)
        self.callback(reaper.stdin.close)
        self.callback(shutil.rmtree, self._directory, ignore_errors=True)

    def _meter(self, name: str) -> Meter:
        made = Meter(self._cgroups, name)
        self.callback(made.end)
        return made

    def hosts(self, count: int) -> Hosts:
        """Bring up the hosts, and the management cluster with the key to them."""
        self._hosts, self.seconds_up = fleet_hosts.up(count, self._directory / "hosts")
        self.callback(self._hosts.down)
        (self._directory / "plane").mkdir()
        plane = self.enter_context(ControlPlane.up(self._directory / "plane"))
        self._management = Management(plane, self._directory / "release")
        self.callback(self._management.close)
        self._management.cluster(self._hosts[0].key_file.read_text())
        self._floor = Floor(self._directory, self._meter("floor"))
        return self._hosts

    def rounds(self, count: int, rounds: int, flags: Sequence[str], dead: Sequence[str]) -> list[Row]:
        """Measure everything on the first hosts, with a controller of their own. flags: for it."""
        assert self._management is not None
        assert self._hosts is not None
        meter = self._meter(f"controller-{count}")
        directory = self._directory / f"controller-{count}"
        with Capra(self._management, directory, meter, flags) as capra:
            return Rounds(capra, self._floor, self._hosts[:count], rounds).measure(dead)
