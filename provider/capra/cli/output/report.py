"""The end of a command, on standard output: a table, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from capra.cli.output.alike import alike, cause_of, display_name, listed_names, totals
from capra.cli.output.display import make_console
from capra.cli.output.result import UNCHANGED, MachineResult
from capra.cli.text import first_line, indented, printable
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.run import OutcomeKind, StepReport
from capra.settings import Output

ROWS_KEPT_FREE = 6
"""Lines of the screen for what stands around the table of a command."""


def print_json(document: Mapping[str, Any]) -> None:
    """The one document of a command."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


LEAST_WIDTH = 10
"""Columns of the screen that a table's column gets at least where a word in it is as long."""


def table(*columns: str) -> Table:
    """A table whose cells are folded, never cut."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        made.add_column(column.upper(), overflow="fold", header_style="bold")
    return made


def cells(*values: object) -> list[Text]:
    """Text as it is, whatever stands in it."""
    return [Text(printable(str(value))) for value in values]


def columns(rows: Iterable[Sequence[object]]) -> str:
    """Rows of text in columns, set in by two blanks. Nothing is folded: for thousands of rows a table takes long."""
    shown = [[printable(str(value)) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    lines = ("   ".join(set_cell_size(*cell) for cell in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def fitted(made: Table, width: int) -> RenderableType:
    """The table, or on a screen that has no room for its columns the rows one below the other, a line for each cell.
    width: of the screen, in columns."""
    shown = [[str(cell) for cell in column.cells] for column in made.columns]
    headers = [str(column.header) for column in made.columns]
    needed = [
        max(len(header), min(LEAST_WIDTH, max((cell_len(word) for cell in column for word in cell.split()), default=0)))
        for header, column in zip(headers, shown, strict=True)
    ]
    if sum(needed) + made.padding[1] * (len(needed) - 1) <= width:
        return made
    stacked = Table.grid()
    for row in zip(*shown, strict=True):
        stacked.add_row(Text(row[0], style="bold", overflow="fold"))
        cells_below = zip(headers[1:], row[1:], strict=True)
        for header, cell in cells_below:
            if cell.strip():
                stacked.add_row(Padding(Text(f"{header.lower()}: {cell}", overflow="fold"), (0, 0, 0, 2)))
    return stacked


def print_table(made: Table) -> None:
    """On standard output."""
    console = make_console(stderr=False)
    if console.is_terminal:
        console.print(fitted(made, console.width))
        return
    with console.capture() as capture:
        console.print(made)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def identity(machine: RemoteMachine) -> dict[str, Any]:
    """What names a machine in JSON."""
    return machine_fields(machine.key, machine.spec.address, machine.spec.port)


def machine_fields(key: MachineKey, address: str, port: int) -> dict[str, Any]:
    """What names a machine in JSON, of its parts."""
    return {"name": key.name, "namespace": key.namespace, "kind": key.kind, "address": address, "port": port}


def print_results(
    results: Sequence[MachineResult],
    output: Output,
    *,
    check: bool = False,
    diff: bool = False,
    verbose: int = 0,
    more: Mapping[str, Any] | None = None,
) -> None:
    """The summary of a command over machines. verbose: where it is not 0, the steps' output was shown already. more:
    what else stands in the JSON document."""
    if output is Output.JSON:
        print_json({"machines": [_as_json(result, diff) for result in results], **(more or {})})
        return
    if check:
        _print_check(results)
    if diff:
        _print_diffs(results)
    print_table(_summary(results, make_console(stderr=False), check=check))
    _print_failures(results, shown=bool(verbose))
    if len(results) > 1:
        typer.echo(f"\n{totals(len(results), results)}", err=True)


def _summary(results: Sequence[MachineResult], console: Console, *, check: bool) -> Table:
    """A row a machine. check: no step has run. On a screen failures come first, and where it has no room for all,
    machines that have ended alike share a row."""
    groups = [[result] for result in results]
    if console.is_terminal:
        groups.sort(key=lambda group: group[0].ok)
        if len(groups) > console.height - ROWS_KEPT_FREE:
            groups = alike(group[0] for group in groups)
    summary = table("machine", "address", "outcome", "steps", "seconds", "message")
    for group in groups:
        first, longest = group[0], max(result.seconds for result in group)
        steps = f"{first.done}/{len(first.steps)}" if first.steps and not check else "-"
        place = first.machine.spec.place if len(group) == 1 else f"{len(group)} hosts"
        summary.add_row(
            *cells(listed_names(group), place, first.outcome),
            *cells(steps, f"{longest:.1f}", first_line(first.message)),
        )
    return summary


def _print_failures(results: Sequence[MachineResult], *, shown: bool) -> None:
    """On standard error: what a message has below its first line, which stands above, and what to do next; once for
    all machines for which it is the same. shown: the output of steps was shown already."""
    for group in alike((result for result in results if not result.ok), lambda one: (cause_of(one), _more(one))):
        more = _more(group[0])
        if more and not (shown and _has_output(group[0])):
            typer.echo(f"\n{listed_names(group)}:\n{indented(more)}", err=True)
    for group in alike((result for result in results if result.hint), lambda one: one.hint):
        typer.echo(printable(f"{listed_names(group)}: next: {group[0].hint}"), err=True)


def _more(result: MachineResult) -> str:
    """What its message has below the first line."""
    return result.message.strip().partition("\n")[2]


def _print_check(results: Sequence[MachineResult]) -> None:
    """What a check run says would happen: each step, and below it what the host has said of it."""
    would = table("machine", "step", "would", "title")
    for result in results:
        for step in result.steps:
            said = f"{step.title}\n{indented(step.output, '  ')}" if step.output.strip() else step.title
            would.add_row(*cells(display_name(result.machine.key), step.number + 1, step.state, said))
    if would.row_count:
        print_table(would)
        typer.echo()


def _print_diffs(results: Sequence[MachineResult]) -> None:
    import difflib  # noqa: PLC0415  # only for --diff

    for result in results:
        for entry in _diffs(result):
            lines = difflib.unified_diff(
                str(entry.get("before", "")).splitlines(),
                str(entry.get("after", "")).splitlines(),
                f"{display_name(result.machine.key)}:{entry.get('before_header', '')} (before)",
                f"{display_name(result.machine.key)}:{entry.get('after_header', '')} (after)",
                lineterm="",
            )
            typer.echo(printable("\n".join(lines)))


def _has_output(result: MachineResult) -> bool:
    """The end of the message is that of a step's output, which stands with the step."""
    failed = result.outcome == OutcomeKind.STEP_FAILED
    return failed and any(step.state == "failed" and step.output.strip() for step in result.steps)


def _diffs(result: MachineResult) -> list[Mapping[str, Any]]:
    entries = result.details.get("diff")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _as_json(result: MachineResult, diff: bool) -> dict[str, Any]:
    document = identity(result.machine) | {
        "decision": result.decision,
        "outcome": None if result.outcome == UNCHANGED else result.outcome,
        "ok": result.ok,
        "message": first_line(result.message) if _has_output(result) else result.message,
        "next": result.hint,
        "changed": result.changed,
        "steps": [_step_as_json(step) for step in result.steps],
        "providerID": result.machine.provider_id,
        "seconds": result.seconds,
    }
    if "findings" in result.details:
        document["findings"] = result.details["findings"]
    if diff:
        document["diff"] = _diffs(result)
    return document


def _step_as_json(step: StepReport) -> dict[str, Any]:
    """Steps count from 1, as everywhere where people read."""
    return {
        "number": step.number + 1,
        "title": step.title,
        "state": step.state,
        "rc": step.rc if step.rc >= 0 else None,
        "seconds": step.seconds,
        "output": step.output,
        "cuts": list(step.cuts),
    }
