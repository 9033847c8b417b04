"""`capra preflight`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import typer

from capra.cli import work
from capra.cli.display import PlainDisplay, displaying
from capra.cli.errors import note
from capra.cli.options import ContactOptions, plan_options
from capra.cli.report import cells, display_name, print_results, print_table, table
from capra.cli.result import MachineResult, exit_code, of_outcome
from capra.engine.outcome import judge
from capra.engine.plan import plan_preflight
from capra.engine.ports import ProgressListener
from capra.local.prepare import PreparedMachines, prepare
from capra.local.state import StateDirectory
from capra.local.store import FileStore
from capra.model.machine import RemoteMachine
from capra.settings import Output, Settings

NOT_READY = "NotReady"


@dataclass(frozen=True, kw_only=True)
class Options(ContactOptions):
    """The options of `capra preflight`."""


def preflight(options: Options) -> int:
    """Look at the machines of the files and say what would get in the way of a bootstrap. Changes nothing."""
    settings = options.settings()
    prepared = prepare(options.inputs(), need_bootstrap=False)
    state = StateDirectory(settings.state_directory)
    store = FileStore(prepared, state, time.time)
    store.check()
    state.prepare()
    for sentence in prepared.notes:
        note(sentence)
    with displaying(settings.verbose) as display:
        results, ended_by = asyncio.run(_preflight(settings, prepared, store, display))
    if settings.output is Output.TABLE:
        _print_findings(results)
    print_results(results, settings.output)
    return exit_code(results, ended_by)


async def _preflight(
    settings: Settings, prepared: PreparedMachines, store: FileStore, display: PlainDisplay
) -> tuple[list[MachineResult], int]:
    runner = work.make_runner(settings, display.output)
    planned = plan_options(settings)

    async def act(machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
        observation = await store.load(machine.key)
        request = plan_preflight(observation, planned)
        outcome = judge(request, await runner.run(request, listener))
        if outcome.host_keys and not observation.record.host_keys:
            await store.save(machine.key, replace(observation.record, host_keys=outcome.host_keys))
        return _judged(of_outcome(machine, "Preflight", outcome))

    all_work = work.Work(display, settings.concurrency)
    results = await all_work.do([one.machine for one in prepared.machines.values()], act)
    return results, all_work.ended_by


def _judged(result: MachineResult) -> MachineResult:
    """A host with an error among its findings is not ready."""
    errors = sum(finding.get("level") == "error" for finding in _findings(result))
    if not result.ok or not errors:
        return result
    return replace(result, ok=False, outcome=NOT_READY, hint="mend what is marked as error, and look again")


def _findings(result: MachineResult) -> list[Mapping[str, Any]]:
    found = result.details.get("findings")
    return [finding for finding in found if isinstance(finding, dict)] if isinstance(found, list) else []


def _print_findings(results: Sequence[MachineResult]) -> None:
    for result in results:
        findings = table("finding", "level", "value", "message")
        for finding in _findings(result):
            text = " ".join(str(finding.get(name) or "") for name in ("message", "advice")).strip()
            findings.add_row(*cells(finding.get("name", ""), finding.get("level", ""), finding.get("value", ""), text))
        if findings.row_count:
            typer.echo(display_name(result.machine.key))
            print_table(findings)
            typer.echo()
