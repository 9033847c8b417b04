"""What `capra bootstrap` and `capra cleanup` have in common: the engine reconciles every machine."""

from __future__ import annotations

import asyncio
import time

from capra.cli.errors import note
from capra.cli.options.common import RunOptions
from capra.cli.output.display import PlainDisplay
from capra.cli.output.live import displaying
from capra.cli.output.report import print_results
from capra.cli.output.result import MachineResult, exit_code, of_reconciliation
from capra.cli.shared import work
from capra.cli.shared.planning import input_options, open_store, plan_options
from capra.engine.engine import Engine, Reconciliation
from capra.engine.ports import ProgressListener
from capra.local.prepare import PreparedMachines, prepare
from capra.local.store import FileStore
from capra.model.machine import RemoteMachine, Stage
from capra.runs.rendering import render_within_bounds
from capra.settings import Settings

BOOTSTRAP = (Stage.BEFORE_BOOTSTRAP, Stage.AFTER_BOOTSTRAP)
CLEANUP = (Stage.BEFORE_CLEAN_UP,)
"""The stages whose hooks a command runs."""


def change(options: RunOptions, *, deleting: bool) -> int:
    """Bootstrap or clean every machine. Everything is checked before any host is contacted."""
    settings = options.settings()
    stages = CLEANUP if deleting else BOOTSTRAP
    prepared = prepare(input_options(options), need_bootstrap=not deleting, stages=stages, render=render_within_bounds)
    store = open_store(settings, prepared, deleting=deleting, taking_over=bool(options.take_over))
    with displaying(settings.verbose) as display:
        results, ended_by = asyncio.run(_change(options, settings, prepared, store, display))
    print_results(results, settings.output, check=options.check, diff=options.diff, verbose=settings.verbose)
    if ended_by:
        note("interrupted: the hosts go on with what has begun; run the same command again to take it up")
    return exit_code(results, ended_by)


async def _change(
    options: RunOptions, settings: Settings, prepared: PreparedMachines, store: FileStore, display: PlainDisplay
) -> tuple[list[MachineResult], int]:
    planned = plan_options(
        settings, check=options.check, diff=options.diff, restart=options.restart, take_over=options.take_over
    )
    async with work.running(settings, display.output) as runner:

        async def observe(taken: Reconciliation) -> None:
            if taken.hook and (taken.running or taken.passing):
                display.hook(
                    taken.observation.machine, taken.outcome.message if taken.outcome else f"hook {taken.hook}"
                )

        engine = Engine(store, runner, time.time, options=planned, observer=observe, aside=asyncio.to_thread)

        async def act(machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
            with store.lock(machine.key):
                taken = await engine.reconcile(machine.key, listener=listener)
            return of_reconciliation(taken, check=options.check)

        all_work = work.Work(display, settings.concurrency)
        results = await all_work.do([one.machine for one in prepared.machines.values()], act)
        return results, all_work.ended_by
