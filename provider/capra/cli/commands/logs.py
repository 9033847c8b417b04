"""`capra logs`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import typer

from capra.cli.errors import ExitCode, note
from capra.cli.options.logs import Options
from capra.cli.output.report import print_json
from capra.cli.output.streaming import OutputStream
from capra.cli.shared.work import kept_runs
from capra.cli.text import printable
from capra.errors import InputError
from capra.model.machine import MachineKey
from capra.model.status import timestamp
from capra.runs.kept.kept_run import KeptRun, KeptStep
from capra.settings import Output

INTERVAL = 1.0
"""Seconds between two looks at a run that is under way."""


Look = Callable[[str], KeptRun]
"""The run of this name, the newest without one. Raises CapraError."""


def logs(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    key = MachineKey(options.namespace, options.name, "PooledRemoteMachine" if options.entry else "RemoteMachine")
    if options.server:
        from capra.cli.shared.remote_logs import LogServer  # noqa: PLC0415  # only here

        server = LogServer(options.server, options.token_file, options.certificate_authority)
        names, read = server.names, server.read
    elif options.token_file or options.certificate_authority:
        raise InputError("is for a controller: give --server, too", subject="--token-file, --certificate-authority")
    else:
        kept = kept_runs(settings)
        names, read = kept.names, kept.read
    if options.list_runs:
        found = names(key)
        if not found:
            read(key, "")  # which says that nothing is known
        return _list(found, settings.output)
    run = read(key, options.run)
    if settings.output is Output.JSON:
        print_json(asdict(run))
    elif options.step:
        _show_step(run, options.step)
    else:
        _show(run, partial(read, key), follow=options.follow)
    return ExitCode.DONE


def _list(names: list[str], output: Output) -> int:
    if output is Output.JSON:
        print_json({"runs": names})
    else:
        typer.echo("".join(f"{name}\n" for name in names), nl=False)
    return ExitCode.DONE


def _show_step(run: KeptRun, number: int) -> None:
    """The output as it is, for other programs."""
    step = next((one for one in run.steps if one.number == number), None)
    if step is None:
        raise InputError(f"is {number}, and the run {run.name} tells of {len(run.steps)} steps", subject="STEP")
    if step.output:
        typer.echo(printable(step.output), nl=not step.output.endswith("\n"))
    else:
        note(f"{_head(step)}; it has printed nothing")


def _show(run: KeptRun, look: Look, *, follow: bool) -> None:
    """The whole run; with follow, until it has ended."""
    typer.echo(f"{run.kind} {run.namespace}/{run.machine}: {run.playbook}, begun {timestamp(run.begun)} ({run.name})")
    shown = _Shown(MachineKey(run.namespace, run.machine, run.kind))
    shown.show(run)
    while follow and not run.ended:
        time.sleep(INTERVAL)
        run = look(run.name)
        shown.show(run)
    if run.ended:
        outcome = run.outcome + (f": {printable(run.message)}" if run.message else "")
        typer.echo(f"{timestamp(run.ended)} {outcome}")
    else:
        note("the run has not ended; --follow waits for it")


class _Shown:
    """What was shown of a run: each change of a step, and each line, once."""

    def __init__(self, key: MachineKey) -> None:
        self._key = key
        self._stream = OutputStream()
        self._heads: dict[int, str] = {}

    def show(self, run: KeptRun) -> None:
        """What is new."""
        for step in run.steps:
            if (head := _head(step)) != self._heads.get(step.number):
                self._heads[step.number] = head
                typer.echo(head)
            ended = bool(run.ended) or step.state not in ("pending", "running")
            for line in self._stream.new_lines(self._key, step.number, step.title, printable(step.output), ended=ended):
                typer.echo(f"    {line}")
        if run.ended and run.output:
            typer.echo("".join(f"    {line}\n" for line in printable(run.output).splitlines()), nl=False)


def _head(step: KeptStep) -> str:
    status = f", status {step.rc}" if step.rc is not None else ""
    took = f" ({step.seconds:.1f} s)" if step.seconds else ""
    return printable(f"step {step.number} {step.title}: {step.state}{status}{took}")
