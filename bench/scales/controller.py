"""The controller as a process of its own, with hosts that exist only in memory: `python -m bench.scales.controller
KUBECONFIG NAMESPACE PORT CONCURRENCY`. At PORT it serves its metrics, and what is measured here beside them."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import os
import sys
import threading
import time
from collections.abc import Callable

from prometheus_client import Gauge

from capra.controller import main
from capra.controller.metrics import Metrics
from capra.settings import Address, ControllerSettings
from capra.settings.controller import LogLevel
from capra.testing import FakeHosts


class Steps:
    """The longest step of the main thread's event loop since it was last asked for: seconds of the clock, and of the
    processor, since others may have had it meanwhile."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0
        self.what = ""

    def watch(self) -> None:
        """Measure every step from now on."""
        run, thread = asyncio.Handle._run, threading.main_thread()

        def measured(handle: asyncio.Handle) -> None:
            if threading.current_thread() is not thread:
                run(handle)
                return
            wall, processor = time.perf_counter(), time.thread_time()
            run(handle)
            took = time.thread_time() - processor
            self.wall = max(self.wall, time.perf_counter() - wall)
            if took > self.processor:
                self.processor, self.what = took, repr(handle)[:300]

        asyncio.Handle._run = measured  # type: ignore[method-assign]
        if os.environ.get("BENCH_STACKS"):
            self._watch_stacks()

    def _watch_stacks(self) -> None:
        began: list[float] = [0.0]

        def told(phase: str, info: dict[str, int]) -> None:
            if phase == "start":
                began[0] = time.thread_time()
            elif time.thread_time() - began[0] > 0.02:
                sys.stderr.write(f"gc of generation {info['generation']}: {time.thread_time() - began[0]:.3f}\n")

        gc.callbacks.append(told)

    def take(self, name: str) -> float:
        """One of the two, counted anew from here on."""
        longest = float(getattr(self, name))
        setattr(self, name, 0.0)
        if name == "processor" and longest > 0.05:
            sys.stderr.write(f"a step of {longest:.3f} core-s: {self.what}\n")
        return longest


def settings(kubeconfig: str, namespace: str, port: int, concurrency: int) -> ControllerSettings:
    """Everything at its defaults but what keeps it in its place."""
    return ControllerSettings(
        kubeconfig=kubeconfig,
        namespace=namespace,
        leader_elect=True,
        leader_election_namespace=namespace,
        insecure_diagnostics=True,
        diagnostics_address=Address("127.0.0.1", port),
        health_addr=Address("127.0.0.1", 0),
        concurrency=concurrency,
        log_level=LogLevel.WARNING,
    )


def run(kubeconfig: str, namespace: str, port: int, concurrency: int) -> int:
    """Until SIGTERM."""
    metrics, steps = Metrics(), Steps()
    longest = Gauge("bench_longest_step_seconds", "Since the last scrape.", ("clock",), registry=metrics.registry)
    for name in ("wall", "processor"):
        longest.labels(name).set_function(lambda name=name: steps.take(name))  # type: ignore[misc]  # no default for mypy
    steps.watch()
    main.Metrics = lambda: metrics  # type: ignore[misc,assignment]
    main.AnsibleRunner = lambda _: FakeHosts()  # type: ignore[misc,assignment]
    return main.start(settings(kubeconfig, namespace, port, concurrency))


def profiled(work: Callable[[], int]) -> int:
    """The same, with a profile of the main thread in the file that BENCH_PROFILE names."""
    path = os.environ.get("BENCH_PROFILE")
    if not path:
        return work()
    profile = cProfile.Profile(time.thread_time)
    try:
        return profile.runcall(work)
    finally:
        profile.dump_stats(path)


if __name__ == "__main__":
    sys.exit(profiled(lambda: run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
