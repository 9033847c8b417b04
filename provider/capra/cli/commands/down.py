"""`capra down`."""

from __future__ import annotations

import asyncio
import time

from capra.cli.errors import note
from capra.cli.options.down import Options
from capra.cli.output.display import PlainDisplay
from capra.cli.output.live import displaying
from capra.cli.output.report import print_results
from capra.cli.output.result import MachineResult, exit_code, of_reconciliation
from capra.cli.shared import work
from capra.cli.shared.phases import PreparedCluster, in_own_words, open_cluster, run_phases
from capra.cli.shared.planning import plan_options
from capra.clusters.cluster import limited_hosts, phases_down
from capra.engine.engine import Engine
from capra.engine.ports import ProgressListener
from capra.model.machine import RemoteMachine
from capra.settings import Settings


def down(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    prepared = open_cluster(options, settings, deleting=True)
    with displaying(settings.verbose) as display:
        results, ended_by = asyncio.run(_down(options, settings, prepared, display))
    print_results(results, settings.output, check=options.check, diff=options.diff, verbose=settings.verbose)
    if ended_by:
        note("interrupted: the hosts go on with what has begun; run the same command again to take it up")
    return exit_code(results, ended_by)


async def _down(
    options: Options, settings: Settings, prepared: PreparedCluster, display: PlainDisplay
) -> tuple[list[MachineResult], int]:
    phases = limited_hosts(phases_down(prepared.cluster), options.limit or ())
    planned = plan_options(
        settings,
        check=options.check,
        diff=options.diff,
        restart=options.restart,
        take_over=options.take_over,
        field_names=prepared.field_names,
    )
    async with work.running(settings, display.output) as runner:
        engine = Engine(prepared.store, runner, time.time, options=planned, aside=asyncio.to_thread)

        async def act(machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
            with prepared.store.lock(machine.key):
                taken = await engine.reconcile(machine.key, listener=listener)
            return in_own_words(of_reconciliation(taken, check=options.check), prepared.field_names(machine.key))

        all_work = work.Work(display, settings.concurrency)
        return await run_phases(prepared, phases, all_work, act, "Cleanup"), all_work.ended_by
