"""`capra preflight`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import typer

from capra.cli.errors import note
from capra.cli.options.preflight import Options
from capra.cli.output.alike import display_name
from capra.cli.output.report import cells, print_results, print_table, table
from capra.cli.output.result import MachineResult, exit_code
from capra.cli.shared.once import run_once
from capra.cli.shared.planning import input_options, plan_options
from capra.engine.requests import plan_preflight
from capra.local.prepare import prepare
from capra.settings import Output

NOT_READY = "NotReady"


MEND = "mend what is marked as error, and look again"


ORDER = {"error": 0, "warning": 1, "ok": 2}


def preflight(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    planned = plan_options(settings)
    prepared = prepare(input_options(options), need_bootstrap=False)
    results, ended_by = run_once(
        settings, prepared, "Preflight", lambda observation: plan_preflight(observation, planned), finish=_judged
    )
    if settings.output is Output.TABLE:
        _print_findings(results, everything=options.all_findings)
    print_results(results, settings.output)
    return exit_code(results, ended_by)


def _judged(result: MachineResult) -> MachineResult:
    """A host with an error among its findings is not ready."""
    if not result.ok:
        return result
    names: dict[str, list[str]] = {"error": [], "warning": []}
    for finding in _findings(result):
        names.setdefault(str(finding.get("level")), []).append(str(finding.get("name")))
    message = ", ".join(_counted(level, names[level]) for level in ("error", "warning"))
    if not names["error"]:
        return replace(result, message=message)
    return replace(result, ok=False, outcome=NOT_READY, message=message, hint=MEND)


def _counted(level: str, names: Sequence[str]) -> str:
    """`2 errors (hostname, clock)`."""
    told = f"{len(names) or 'no'} {level}{'' if len(names) == 1 else 's'}"
    return f"{told} ({', '.join(names)})" if names else told


def _findings(result: MachineResult) -> list[Mapping[str, Any]]:
    found = result.details.get("findings")
    return [finding for finding in found if isinstance(finding, dict)] if isinstance(found, list) else []


def _print_findings(results: Sequence[MachineResult], *, everything: bool) -> None:
    """Errors before warnings, and what is ok only where it is asked for."""
    for result in results:
        findings = table("finding", "level", "value", "message")
        found = sorted(_findings(result), key=lambda finding: ORDER.get(str(finding.get("level")), 0))
        for finding in found:
            if finding.get("level") == "ok" and not everything:
                continue
            text = ": ".join(str(finding[name]) for name in ("message", "advice") if finding.get(name))
            findings.add_row(*cells(finding.get("name", ""), finding.get("level", ""), finding.get("value", ""), text))
        if findings.row_count:
            typer.echo(display_name(result.machine.key))
            print_table(findings)
            typer.echo()
    hidden = sum(finding.get("level") == "ok" for result in results for finding in _findings(result))
    if hidden and not everything:
        note(f"{hidden} {'finding is' if hidden == 1 else 'findings are'} ok; --all shows them")
