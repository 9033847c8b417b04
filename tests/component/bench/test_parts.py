"""What bench/fleet rests on: what is measured is all there is, dead hosts are silent, and nothing stays."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import work
from bench.fleets import hosts as fleet_hosts
from bench.fleets.floor import Floor
from bench.fleets.hosts import BenchError
from bench.fleets.place import REAPER
from bench.meter import Meter, prefix
from tests.hosts import Hosts
from tests.hosts.fixtures import bring_up
from tests.hosts.process import alive
from tests.missing import missing
from tests.support.waiting import Wait, wait_until

BUSY = (
    "import time\nend = time.process_time() + 0.5\nkept = bytearray(30 << 20)\nwhile time.process_time() < end: pass\n"
)


@pytest.fixture
def meter() -> Iterator[Meter]:
    if os.geteuid() != 0:
        missing("root, who may make cgroups")
    made = Meter(prefix(), "test")
    yield made
    made.end()
    assert not made.cgroup.exists()


@pytest.fixture
def two() -> Iterator[Hosts]:
    with bring_up(2, backend="bare") as hosts:
        yield hosts


def test_all_processor_time_counts_whoever_used_it_and_for_however_short_a_time(meter: Meter) -> None:
    python = shlex.quote(sys.executable)
    below = f"{python} -c '{BUSY}' & setsid {python} -c '{BUSY}' & wait"
    subprocess.run(meter.command(["sh", "-c", below]), check=True, timeout=120)
    assert 1.0 <= meter.cpu() < 3.0
    assert meter.processes() == []


def test_memory_is_that_of_all_and_what_is_left_is_ended(meter: Meter) -> None:
    hold = "import time; kept = bytearray(30 << 20); print(flush=True); time.sleep(600)"
    with meter.watching_memory() as peak:
        python = shlex.quote(sys.executable)
        forked = f'{python} -c "{hold}" & exec {python} -c "{hold}"'
        process = subprocess.Popen(meter.command(["sh", "-c", forked]), stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.read(2)
        wait_until(lambda: peak[0] > 60 << 20, Wait("both are seen", 60))
    meter.end()
    assert process.wait(60) == -9
    process.stdout.close()


def test_the_floor_does_the_work_and_undoes_it(meter: Meter, two: Hosts, tmp_path: Path) -> None:
    floor = Floor(tmp_path, meter)
    run = floor.run(two, work.script())
    fleet_hosts.check_done(two)
    assert run.seconds > 0
    assert run.cpu > 0
    with pytest.raises(BenchError, match="host-1"):
        fleet_hosts.check_clean(two)
    floor.run(two, work.cleanup_script())
    fleet_hosts.check_clean(two)
    with pytest.raises(BenchError, match="no-such-command"):
        floor.run(two, "no-such-command")


def test_a_dead_host_answers_nothing_not_even_that_it_is_not_there(two: Hosts) -> None:
    [address] = fleet_hosts.silent(two, 1)
    # Longer than the kernel asks for the hardware address of a host that it does not know.
    with pytest.raises(TimeoutError):
        socket.create_connection((address, 22), timeout=6)
    with pytest.raises(BenchError, match="do not fit"):
        fleet_hosts.silent(two, 510)


def test_what_a_killed_benchmark_leaves_is_removed(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("root, who may make cgroups")
    begin, directory = prefix(), tmp_path / "of the benchmark"
    meter = Meter(begin, "left")
    reaper = subprocess.Popen([str(REAPER), str(begin), str(directory), sys.executable], stdin=subprocess.PIPE)
    left = subprocess.Popen(meter.command(["sleep", "600"]))
    with bring_up(1, backend="bare", state_dir=directory / "hosts") as hosts:
        assert reaper.stdin is not None
        reaper.stdin.close()
        assert reaper.wait(60) == 0
        assert left.wait(1) == -9
        assert not alive(hosts[0].pid, hosts[0].pid_started)
    assert not directory.exists()
    assert not meter.cgroup.exists()
