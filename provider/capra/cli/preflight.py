"""`capra preflight`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import typer

from capra.cli.once import run_once
from capra.cli.options import ContactOptions, plan_options
from capra.cli.report import cells, display_name, print_results, print_table, table
from capra.cli.result import MachineResult, exit_code
from capra.engine.plan import plan_preflight
from capra.local.prepare import prepare
from capra.settings import Output

NOT_READY = "NotReady"


@dataclass(frozen=True, kw_only=True)
class Options(ContactOptions):
    """The options of `capra preflight`."""


def preflight(options: Options) -> int:
    """Look at the machines of the files and say what would get in the way of a bootstrap. Changes nothing."""
    settings = options.settings()
    planned = plan_options(settings)
    prepared = prepare(options.inputs(), need_bootstrap=False)
    found, ended_by = run_once(
        settings, prepared, "Preflight", lambda observation: plan_preflight(observation, planned)
    )
    results = [_judged(result) for result in found]
    if settings.output is Output.TABLE:
        _print_findings(results)
    print_results(results, settings.output)
    return exit_code(results, ended_by)


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
            text = ": ".join(str(finding[name]) for name in ("message", "advice") if finding.get(name))
            findings.add_row(*cells(finding.get("name", ""), finding.get("level", ""), finding.get("value", ""), text))
        if findings.row_count:
            typer.echo(display_name(result.machine.key))
            print_table(findings)
            typer.echo()
