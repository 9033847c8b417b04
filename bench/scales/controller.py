"""The controller as a process of its own, with hosts that exist only in memory: `python -m bench.scales.controller
KUBECONFIG NAMESPACE PORT CONCURRENCY`. At PORT it serves its metrics, and what is measured here beside them."""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import os
import sys
import threading
import time
from collections.abc import Callable

from prometheus_client import Gauge

from capra.controller import main
from capra.controller.serving.metrics import Metrics
from capra.settings import ControllerSettings, ListenAddress
from capra.settings.controller import LogLevel
from capra.testing import FakeHosts

TURN_SECONDS = 0.05
LONG_STEP, LONG_WAIT = 0.1, 1.0
"""Seconds; longer ones are told."""


class Steps:
    """The main thread's event loop since it was last asked for. step: the longest, in seconds of the processor, since
    others may have had it meanwhile. wait: the longest that somebody had to wait for a turn, in seconds."""

    def __init__(self) -> None:
        self.step = self.wait = 0.0
        self._what = ""
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self) -> None:
        """Measure from now on."""
        run, main_thread = asyncio.Handle._run, threading.main_thread()

        def measured(handle: asyncio.Handle) -> None:
            if threading.current_thread() is not main_thread:
                run(handle)
                return
            self._loop = asyncio.get_running_loop()
            began = time.thread_time()
            run(handle)
            took = time.thread_time() - began
            if took > self.step:
                self.step, self._what = took, repr(handle)[:300]

        asyncio.Handle._run = measured  # type: ignore[assignment,method-assign]
        threading.Thread(target=self._ask_for_turns, name="turns", daemon=True).start()

    def _ask_for_turns(self) -> None:
        while True:
            time.sleep(TURN_SECONDS)
            turn = threading.Event()
            began = time.monotonic()
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(turn.set)
                turn.wait()
                waited = time.monotonic() - began
                self.wait = max(self.wait, waited)
                if waited > LONG_WAIT:
                    sys.stderr.write(f"{waited:.1f} s without a turn of the loop\n")

    def take(self, name: str) -> float:
        """One of the two, counted anew from here on."""
        longest = float(getattr(self, name))
        setattr(self, name, 0.0)
        if name == "step" and longest > LONG_STEP:
            sys.stderr.write(f"a step of {longest:.3f} core-s: {self._what}\n")
        return longest


def settings(kubeconfig: str, namespace: str, port: int, concurrency: int) -> ControllerSettings:
    """Everything at its defaults but what keeps it in its place."""
    return ControllerSettings(
        kubeconfig=kubeconfig,
        namespace=namespace,
        leader_elect=True,
        leader_election_namespace=namespace,
        insecure_diagnostics=True,
        diagnostics_address=ListenAddress("127.0.0.1", port),
        health_addr=ListenAddress("127.0.0.1", 0),
        concurrency=concurrency,
        log_level=LogLevel.WARNING,
    )


def run(kubeconfig: str, namespace: str, port: int, concurrency: int) -> int:
    """Until SIGTERM."""
    metrics, steps = Metrics(), Steps()
    longest = Gauge("bench_longest_seconds", "Since the last scrape.", ("what",), registry=metrics.registry)
    for name in ("step", "wait"):
        longest.labels(name).set_function(lambda name=name: steps.take(name))  # type: ignore[misc]  # no default for mypy
    steps.watch()
    vars(main).update(Metrics=lambda: metrics, AnsibleRunner=lambda *_, **__: contextlib.nullcontext(FakeHosts()))
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
