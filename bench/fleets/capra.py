"""The controller at work: machines created until provisioned, deleted until gone, and what that costs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from bench.fleets.figures import Run
from bench.fleets.hosts import BenchError
from bench.fleets.management import Management
from bench.meter import Meter
from tests.e2e.controller.process import ControllerProcess
from tests.support.waiting import Wait, wait_until

SETTLE_SECONDS = 10.0
"""How long processes of runs may go on after the last machine was there; what they use is counted."""


class Capra:
    """`capra controller` as a process of its own, measured; a context manager that ends it."""

    def __init__(self, management: Management, directory: Path, meter: Meter, flags: Sequence[str]) -> None:
        """directory: for its log and its runs. flags: further ones than those that it needs."""
        directory.mkdir()
        self._management = management
        self._meter = meter
        self._process = ControllerProcess(
            management.kubeconfig(), directory, tuple(flags), wrap=lambda command, _: meter.command(command)
        )
        self._idle = 0

    def __enter__(self) -> Self:
        try:
            self._process.start()
        except BaseException:
            self._process.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()

    def warm_up(self, address: str, data: str) -> None:
        """One machine there and back, which is not counted; then it is known how many processes an idle one has."""
        self.provision({"warm-up": address}, data)
        self.delete(["warm-up"])
        time.sleep(1)
        self._idle = len(self._meter.processes())

    def provision(self, addresses: Mapping[str, str], data: str, others: Mapping[str, str] | None = None) -> Run:
        """Create a machine for each address, by name, and wait until all are provisioned. others: machines that are
        created among them and not waited for."""
        management, every = self._management, mixed(addresses, others or {})
        owners = management.prepare(list(every), data)
        requests = [management.remote_machine(owners[name], address) for name, address in every.items()]
        before, began = self._meter.cpu(), time.perf_counter()
        management.client.all(requests)
        held = management.watch.held
        self._until("provisioned", list(addresses), held)
        self._settle()
        return Run(max(held[name] for name in addresses) - began, self._meter.cpu() - before)

    def delete(self, names: Sequence[str]) -> Run:
        """Delete machines, and wait until all are gone."""
        management = self._management
        before, began = self._meter.cpu(), time.perf_counter()
        management.client.all(map(management.deletion, names))
        gone = management.watch.gone
        self._until("gone", names, gone)
        self._settle()
        run = Run(max(gone[name] for name in names) - began, self._meter.cpu() - before)
        management.forget(names)
        return run

    def abandon(self, names: Sequence[str]) -> None:
        """Delete machines of dead hosts, and wait until they are gone."""
        self._management.abandon(names)
        self._until("gone", names, self._management.watch.gone)
        self._management.forget(names)

    @contextlib.contextmanager
    def watching_memory(self) -> Iterator[list[int]]:
        """As the meter has it."""
        with self._meter.watching_memory() as peak:
            yield peak

    def _until(self, what: str, names: Sequence[str], seen: Mapping[str, float]) -> None:
        def left() -> list[str]:
            return [name for name in names if name not in seen]

        def check() -> None:
            self._management.watch.check()
            if self._process.process is None or self._process.process.poll() is not None:
                raise BenchError(f"the controller has ended\n{self._process.tail()}")

        def tell() -> str:
            return f"{len(left())} are not, such as {left()[0]}\n{self._process.tail()}"

        sentence = f"{len(names)} machines are {what}"
        wait = Wait(sentence, 120 + 2 * len(names), lambda: len(left()), check, tell, BenchError)
        wait_until(lambda: not left(), wait, 0.2)

    def _settle(self) -> None:
        """Until there are no more processes than before."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._idle and len(self._meter.processes()) > self._idle and time.monotonic() < deadline:
            time.sleep(0.05)


def mixed(some: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """All of both, the second ones spread evenly among the first."""
    every = [(number / len(some), name, some[name]) for number, name in enumerate(some)]
    every += [(number / len(others), name, others[name]) for number, name in enumerate(others)]
    return {name: address for _, name, address in sorted(every)}
