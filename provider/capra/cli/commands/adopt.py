"""`capra adopt`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from capra.cli.options.adopt import Options
from capra.cli.output.display import PlainDisplay
from capra.cli.output.live import displaying
from capra.cli.output.report import print_results
from capra.cli.output.result import MachineResult, exit_code, of_reconciliation
from capra.cli.shared import work
from capra.cli.shared.planning import input_options, open_store, plan_options
from capra.engine.adoption.evidence import ClusterEvidence
from capra.engine.engine import Engine
from capra.engine.ports import ProgressListener
from capra.errors import InputError
from capra.kube.client.kubeconfig import LONGEST, Workload, parse_kubeconfig
from capra.kube.stores.workloads.node_evidence import cluster_evidence
from capra.local.prepare import PreparedMachines, prepare
from capra.local.reading.bounded import read_bounded_file
from capra.local.store import FileStore
from capra.model.machine import ADOPT_ANNOTATION, Adoption, RemoteMachine
from capra.model.observation import Observation
from capra.settings import Settings


def adopt(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    workload = _workload(options.kubeconfig)
    prepared = _to_adopt(prepare(input_options(options), need_bootstrap=False))
    store = open_store(settings, prepared)
    with displaying(settings.verbose) as display:
        results, ended_by = asyncio.run(_adopt(options, settings, prepared, store, workload, display))
    print_results(results, settings.output, check=options.check, verbose=settings.verbose)
    return exit_code(results, ended_by)


def _workload(file: str) -> Workload:
    """What a kubeconfig gives. Raises InputError."""
    try:
        content = read_bounded_file(Path(file), LONGEST, file)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=f"--kubeconfig {file}") from None
    return parse_kubeconfig(content, file)


def _to_adopt(prepared: PreparedMachines) -> PreparedMachines:
    """Nothing is bootstrapped, whatever the manifests say."""
    asked = {ADOPT_ANNOTATION: Adoption.WAIT.value}
    machines = {
        key: replace(one, machine=replace(one.machine, annotations={**one.machine.annotations, **asked}))
        for key, one in prepared.machines.items()
    }
    return replace(prepared, machines=machines)


async def _adopt(
    options: Options,
    settings: Settings,
    prepared: PreparedMachines,
    store: FileStore,
    workload: Workload,
    display: PlainDisplay,
) -> tuple[list[MachineResult], int]:
    async def ask(observation: Observation, names: Sequence[str], machine_id: str) -> ClusterEvidence:
        return await cluster_evidence(workload, names, options.kubeconfig)

    async with work.running(settings, display.output) as runner:
        planned = plan_options(settings, check=options.check)
        engine = Engine(store, runner, time.time, options=planned, aside=asyncio.to_thread, ask_cluster=ask)

        async def act(machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
            with store.lock(machine.key):
                before = (await store.load(machine.key)).record.phase
                taken = await engine.reconcile(machine.key, listener=listener)
            result = of_reconciliation(taken, check=options.check)
            if not result.ok or taken.record.phase is before:
                return result
            words = "would be adopted" if options.check else "is adopted"
            return replace(result, outcome="Adopted", message=f"{words}; nothing was run on the host")

        all_work = work.Work(display, settings.concurrency)
        results = await all_work.do([one.machine for one in prepared.machines.values()], act)
        return results, all_work.ended_by
