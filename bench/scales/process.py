"""The controller's process as it is seen from outside: what it serves, and what the kernel has counted for it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane import ControlPlane
from tests.controlplane.process import free_port
from tests.support.processes import stat_fields

ROOT = Path(__file__).resolve().parents[2]
WRITES = ("POST", "PUT", "PATCH", "DELETE")
TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Reading:
    """One look: samples of the metrics by name and labels, and core-seconds of the process by then."""

    at: float
    cpu: float
    samples: Mapping[tuple[str, str], float]

    def machines(self, phase: str = "") -> int:
        """How many machines the controller knows, in this phase or at all."""
        wanted = f'phase="{phase}"'
        found = {labels: value for (name, labels), value in self.samples.items() if name == "capra_machines"}
        return round(sum(value for labels, value in found.items() if not phase or wanted in labels))

    def requests(self) -> Mapping[str, int]:
        """Answers of the API server, by HTTP method."""
        found: dict[str, int] = {}
        for (name, labels), value in self.samples.items():
            if name == "capra_api_requests_total":
                verb = labels.partition('verb="')[2].partition('"')[0]
                found[verb] = found.get(verb, 0) + round(value)
        return found

    def writes(self) -> int:
        """Those that change something; renewals of the Lease are not among them."""
        return sum(number for verb, number in self.requests().items() if verb in WRITES)

    def longest(self, what: str) -> float:
        """The longest step of the event loop, or wait for a turn, since the look before."""
        return self.samples["bench_longest_seconds", f'what="{what}"']


class Process:
    """The controller at work."""

    def __init__(self, program: subprocess.Popen[bytes], port: int) -> None:
        self._program = program
        self._port = port

    def read(self) -> Reading:
        """What it tells now. SystemExit when it has ended."""
        if self._program.poll() is not None:
            raise SystemExit(f"bench: the controller has ended with {self._program.returncode}")
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        samples = {(name, labels or ""): float(value) for name, labels, value in _SAMPLE.findall(text)}
        return Reading(time.monotonic(), self._cpu(), samples)

    def _cpu(self) -> float:
        fields = stat_fields(self._program.pid)
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mb(self) -> float:
        """The most memory that it has had so far."""
        status = Path(f"/proc/{self._program.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def end(self) -> None:
        """As the kubelet would end it."""
        self._program.send_signal(signal.SIGTERM)
        try:
            self._program.wait(30)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()


@contextlib.contextmanager
def controller(plane: ControlPlane, namespace: str, concurrency: int) -> Iterator[Process]:
    """One at work on a namespace; it serves its metrics when this begins."""
    port = free_port()
    arguments = [str(plane.kubeconfig), namespace, str(port), str(concurrency)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "provider")])
    state = tempfile.TemporaryDirectory(prefix="capra-bench-")
    program = subprocess.Popen(
        [sys.executable, "-m", "bench.scales.controller", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, "XDG_STATE_HOME": state.name},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    made = Process(program, port)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                made.read()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield made
    finally:
        made.end()
        state.cleanup()
