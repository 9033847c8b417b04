"""What `capra preflight`, `cancel` and `run` have in common: one run for every machine that leaves its record alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from capra.cli.output.display import PlainDisplay
from capra.cli.output.live import displaying
from capra.cli.output.result import MachineResult, not_begun, of_outcome
from capra.cli.shared import work
from capra.cli.shared.planning import open_store
from capra.engine.outcome import judge
from capra.engine.ports import ProgressListener, Runner
from capra.local.prepare import PreparedMachines
from capra.local.store import FileStore
from capra.model.machine import RemoteMachine
from capra.model.observation import Observation
from capra.model.run import Outcome, RunRequest, RunResult
from capra.settings import Settings

Planner = Callable[[Observation], RunRequest]
Judge = Callable[[RunRequest, RunResult], Outcome]
Finish = Callable[[MachineResult], MachineResult]


def run_once(
    settings: Settings,
    prepared: PreparedMachines,
    name: str,
    planner: Planner,
    *,
    judged: Judge = judge,
    finish: Finish = lambda result: result,
    serial: int = 0,
) -> tuple[list[MachineResult], int]:
    """The results, and the signal that ended it early or 0. name: stands for the decision in the report. judged: makes
    the outcome of a run. finish: what the command makes of a result, before anybody is told. serial: so many
    machines at a time, and none after those of which one has failed; 0 for all.
    """
    store = open_store(settings, prepared)
    with displaying(settings.verbose) as display:
        one_run = _OneRun(store, name, planner, judged, finish)
        return asyncio.run(_run_all(settings, prepared, one_run, display, serial))


@dataclass(frozen=True)
class _OneRun:
    """What is done for each machine."""

    store: FileStore
    name: str
    planner: Planner
    judged: Judge
    finish: Finish

    async def act(self, runner: Runner, machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
        request = self.planner(await self.store.load(machine.key))
        outcome = self.judged(request, await runner.run(request, listener))
        self.store.pin(machine.key, outcome.host_keys, outcome.bastion_keys)
        return self.finish(of_outcome(machine, self.name, outcome))


async def _run_all(
    settings: Settings, prepared: PreparedMachines, one_run: _OneRun, display: PlainDisplay, serial: int
) -> tuple[list[MachineResult], int]:
    machines = [one.machine for one in prepared.machines.values()]
    size = serial or max(1, len(machines))
    results: list[MachineResult] = []
    async with work.running(settings, display.output) as runner:
        all_work = work.Work(display, settings.concurrency)
        while machines and all(result.ok for result in results):
            results += await all_work.do(machines[:size], partial(one_run.act, runner))
            machines = machines[size:]
    return [*results, *(not_begun(machine, one_run.name) for machine in machines)], all_work.ended_by
