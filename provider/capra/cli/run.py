"""`capra run`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from capra.cli.once import run_once
from capra.cli.options import ContactOptions, HookTimeout, plan_options
from capra.cli.report import print_results
from capra.cli.result import exit_code
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

EXAMPLES = ("capra run update.yaml -f fleet.yaml --serial 2 --variables secrets.yaml",)


@dataclass(frozen=True, kw_only=True)
class Options(ContactOptions):
    """The options of `capra run`."""

    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="The file with the playbook, for `hosts: all`.")]
    variables: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with variables for it, a YAML mapping of secrets.")
    ] = None
    collection: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A collection that it needs, told first if missing. Repeatable."),
    ] = None
    serial: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="So many machines at a time; none after one of them has failed. 0: all."),
    ] = 0
    check: Annotated[bool, typer.Option("--check", help="Run it in Ansible's check mode.")] = False
    diff: Annotated[bool, typer.Option("--diff", help="Have Ansible tell how files change; -vv shows it.")] = False
    hook_timeout: HookTimeout = None


def run(options: Options) -> int:
    """Run a playbook of yours on the machines of the files, side by side.

    What is remembered of the machines stays as it is.
    """
    settings = options.settings()
    hook = _read(options)
    planned = plan_options(settings, check=options.check, diff=options.diff)
    prepared = prepare(options.inputs(), need_bootstrap=False)
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
