"""`capra cancel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.once import run_once
from capra.cli.options import ContactOptions, HostPathOptions, plan_options
from capra.cli.report import print_results
from capra.cli.result import exit_code
from capra.engine.plan import plan_cancel
from capra.local.prepare import prepare
from capra.runs.rendering import render_within_bounds

RunOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-data",
        metavar="FILE",
        help="Bootstrap data of the run, for machines without a Secret of their own.",
    ),
]

EXAMPLES = ("capra cancel -f machine.yaml --bootstrap-data user-data.yaml",)


@dataclass(frozen=True, kw_only=True)
class Options(HostPathOptions, ContactOptions):
    """The options of `capra cancel`."""

    bootstrap_data: RunOption = None


def cancel(options: Options) -> int:
    """End the bootstrap that is under way on the machines of the files.

    Another run (of other bootstrap data, or a cleanup) is named and left alone. The host stops at once, and stays as
    it is: capra bootstrap goes on there, capra cleanup cleans it.
    """
    settings = options.settings()
    planned = plan_options(settings)
    prepared = prepare(options.inputs(), need_bootstrap=True, render=render_within_bounds)
    results, ended_by = run_once(settings, prepared, "Cancel", lambda observation: plan_cancel(observation, planned))
    print_results(results, settings.output, verbose=settings.verbose)
    return exit_code(results, ended_by)
