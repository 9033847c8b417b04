"""`capra cancel`."""

from __future__ import annotations

from capra.cli.options.cancel import Options
from capra.cli.output.report import print_results
from capra.cli.output.result import exit_code
from capra.cli.shared.once import run_once
from capra.cli.shared.planning import input_options, plan_options
from capra.engine.plan import plan_cancel
from capra.local.prepare import prepare
from capra.runs.rendering import render_within_bounds


def cancel(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    planned = plan_options(settings)
    prepared = prepare(input_options(options), need_bootstrap=True, render=render_within_bounds)
    results, ended_by = run_once(settings, prepared, "Cancel", lambda observation: plan_cancel(observation, planned))
    print_results(results, settings.output, verbose=settings.verbose)
    return exit_code(results, ended_by)
