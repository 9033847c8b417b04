"""`capra status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from capra.cli.errors import ExitCode
from capra.cli.extra import needing_extra
from capra.cli.options.status import Options
from capra.cli.output.alike import display_name
from capra.cli.output.report import cells, machine_fields, print_json, print_table, table
from capra.cli.text import first_line
from capra.errors import InputError
from capra.local.prepare import limited
from capra.local.reading.manifests import load_manifests
from capra.local.state import Remembered, StateDirectory
from capra.model.host_port import join_host_port
from capra.model.keys.host_key import fingerprint
from capra.model.observation import Phase
from capra.model.run import OutcomeKind
from capra.model.status import timestamp
from capra.settings import Output

UNFINISHED = "Unfinished"


def status(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    if options.of_cluster:
        return _of_cluster(options, settings.output)
    if options.watch or options.namespace:
        which = "--watch" if options.watch else "--namespace"
        raise InputError("is for a cluster: give --context or --kubeconfig, too", subject=which)
    state = StateDirectory(settings.state_directory)
    if options.file:
        placed = limited(load_manifests(options.file).machines, options.limit or ())
        found = [state.remembered(one.machine) for one in placed]
    else:
        found = [one for one in state.all() if not options.limit or one.key.name in options.limit]
    if settings.output is Output.JSON:
        print_json({"machines": [_as_json(one) for one in found]})
    elif found:
        _print_table(found)
    else:
        typer.echo(f"nothing is remembered in {settings.state_directory}; capra bootstrap -f FILE begins", err=True)
    return ExitCode.DONE


def _of_cluster(options: Options, output: Output) -> int:
    if options.file:
        problem = "cannot be given with a cluster, whose own objects are shown; --limit NAME shows one of them"
        raise InputError(problem, subject="--file")
    if options.watch and output is Output.JSON:
        raise InputError("prints lines for people, and no JSON", subject="--watch")
    with needing_extra():
        from capra.cli.shared.cluster import ClusterView, show_cluster, watch_cluster  # noqa: PLC0415  # not needed without a cluster

    view = ClusterView(options.kubeconfig, options.context, options.namespace, tuple(options.limit or ()))
    if options.watch:
        watch_cluster(view)
    show_cluster(view, output)
    return ExitCode.DONE


def _time(seconds: float) -> str:
    return timestamp(seconds) if seconds else ""


def state_of(one: Remembered) -> str:
    """How it stands with a machine, in one word: Running or Cleaning while another capra is at work on it; Failed or
    CleanupFailed after a run that failed; Unfinished where a run was begun and nobody knows how it ended; else New,
    Provisioned or Clean."""
    phase, cleaning = one.record.phase, one.record.phase is Phase.CLEANING or bool(one.record.cleaning_since)
    if one.busy:
        return "Cleaning" if cleaning else "Running"
    if one.record.reason:
        return "CleanupFailed" if cleaning else "Failed"
    return UNFINISHED if one.unfinished else phase.value


def last_run(one: Remembered) -> str:
    """How the last run ended, as an OutcomeKind; empty where none has, or its end is not known."""
    if one.record.reason:
        return one.record.reason
    ended = one.record.phase in {Phase.PROVISIONED, Phase.CLEAN} and one.record.changed_at
    return OutcomeKind.FINISHED.value if ended else ""


def _message(one: Remembered) -> str:
    record = one.record
    if one.busy:
        return f"capra (pid {one.busy}) is at work on it"
    if record.reason:
        return first_line(record.message)
    if state_of(one) == UNFINISHED:
        return "its end is not known; run the same command again"
    return "; ".join(first_line(warning) for warning in record.warnings)


def _print_table(found: Sequence[Remembered]) -> None:
    made = table("machine", "address", "state", "last run", "attempts", "message")
    for one in found:
        address = join_host_port(one.address, one.port)
        ended = last_run(one)
        told = f"{ended} {_time(one.record.changed_at)}" if ended else "-"
        attempts = one.record.attempts or "-"
        made.add_row(*cells(display_name(one.key), address, state_of(one), told, attempts, _message(one)))
    print_table(made)


def _as_json(one: Remembered) -> dict[str, Any]:
    record = one.record
    return machine_fields(one.key, one.address, one.port) | {
        "state": state_of(one),
        "phase": record.phase.value,
        "runID": record.run_id,
        "lastRun": last_run(one),
        "attempts": record.attempts,
        "reason": record.reason,
        "message": record.message,
        "warnings": list(record.warnings),
        "changedAt": _time(record.changed_at),
        "hostName": record.host_name,
        "hostAddresses": list(record.host_addresses),
        "hostKeys": [f"{key.split()[0]} {fingerprint(key)}" for key in record.host_keys],
        "busy": one.busy,
    }
