"""`capra run`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from capra.cli.options.run import Options
from capra.cli.output.report import print_results
from capra.cli.output.result import exit_code
from capra.cli.shared.once import run_once
from capra.cli.shared.planning import input_options, plan_options
from capra.engine.hooks.judge import judge_hook
from capra.engine.hooks.plan import plan_hook
from capra.engine.hooks.texts import to_hook_text
from capra.errors import InputError
from capra.local.hooks import read_text_file
from capra.local.prepare import prepare
from capra.model.machine import Hook, Stage, TextSource
from capra.model.observation import HookText
from capra.runs.hooks.surroundings import has_collection

LONGEST_NAME = 63


def run(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    hook = _read(options)
    planned = plan_options(settings, check=options.check, diff=options.diff)
    prepared = prepare(input_options(options), need_bootstrap=False)
    results, ended_by = run_once(
        settings,
        prepared,
        "Run",
        lambda observation: plan_hook(observation, hook, planned),
        judged=judge_hook,
        serial=options.serial,
    )
    print_results(results, settings.output, verbose=settings.verbose)
    return exit_code(results, ended_by)


def _read(options: Options) -> HookText:
    """The playbook, checked. Raises InputError."""
    _refuse_missing(options.collection or ())
    playbook = TextSource("file", options.playbook)
    variables = TextSource("file", options.variables) if options.variables else None
    name = re.sub(r"[^A-Za-z0-9._-]", "-", Path(options.playbook).stem)[:LONGEST_NAME] or "playbook"
    text = read_text_file(Path(options.playbook), "PLAYBOOK")
    values = read_text_file(Path(options.variables), "--variables") if options.variables else None
    return to_hook_text(Stage.AFTER_BOOTSTRAP, Hook(name, playbook, variables), text, values)


def _refuse_missing(collections: Iterable[str]) -> None:
    if missing := [name for name in collections if not has_collection(name)]:
        raise InputError(f"{', '.join(missing)} is not installed where Capra runs", subject="--collection")
