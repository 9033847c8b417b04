"""What `capra preflight` and `capra cancel` have in common: one run for every machine that leaves its record alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from capra.cli import work
from capra.cli.display import PlainDisplay, displaying
from capra.cli.errors import note
from capra.cli.result import MachineResult, of_outcome
from capra.engine.outcome import judge
from capra.engine.ports import ProgressListener
from capra.local.prepare import PreparedMachines
from capra.local.state import StateDirectory
from capra.local.store import FileStore
from capra.model.machine import RemoteMachine
from capra.model.observation import Observation
from capra.model.run import RunRequest
from capra.settings import Settings

Planner = Callable[[Observation], RunRequest]


def run_once(
    settings: Settings, prepared: PreparedMachines, name: str, planner: Planner
) -> tuple[list[MachineResult], int]:
    """The results, and the signal that ended it early or 0. name: stands for the decision in the report."""
    state = StateDirectory(settings.state_directory)
    store = FileStore(prepared, state, time.time)
    store.check()
    state.prepare()
    for sentence in prepared.notes:
        note(sentence)
    with displaying(settings.verbose) as display:
        return asyncio.run(_run_all(settings, prepared, store, display, name, planner))


async def _run_all(
    settings: Settings,
    prepared: PreparedMachines,
    store: FileStore,
    display: PlainDisplay,
    name: str,
    planner: Planner,
) -> tuple[list[MachineResult], int]:
    async with work.running(settings, display.output) as runner:

        async def act(machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
            observation = await store.load(machine.key)
            request = planner(observation)
            outcome = judge(request, await runner.run(request, listener))
            store.pin(machine.key, outcome.host_keys)
            return of_outcome(machine, name, outcome)

        all_work = work.Work(display, settings.concurrency)
        results = await all_work.do([one.machine for one in prepared.machines.values()], act)
        return results, all_work.ended_by
