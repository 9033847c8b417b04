"""A command, made of its options (`capra.cli.options`) and of what it does (`capra.cli.commands`). What it does is
imported when it is called: that takes long, and neither `--help` nor a word that is wrong needs it."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any, get_type_hints

import typer

from capra.cli.errors import reporting_errors
from capra.cli.flags import option_variables
from capra.cli.help import CapraCommand
from capra.settings import Settings

MODULES = {"import": "import_k0sctl"}
"""Commands whose names are words of Python's, and the names of their modules and functions."""


def module_name(command: str) -> str:
    """The name of a command's two modules, and of its function. command: `pool import` is `pool_import`."""
    return MODULES.get(command, command.replace("-", "_").replace(" ", "_"))


def load_command(name: str) -> CapraCommand:
    """The command itself: `Options`, whose docstring is its help, `EXAMPLES`, and where it has them `SETTINGS` and
    `COMMAND_CLASS` from `capra.cli.options`."""
    declared = import_module(f"capra.cli.options.{module_name(name)}")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    kind = getattr(declared, "COMMAND_CLASS", CapraCommand)
    alone.command(name, cls=kind, help=inspect.getdoc(declared.Options))(_calling(module_name(name), declared.Options))
    command = typer.main.get_command(alone)
    assert isinstance(command, CapraCommand), name
    command.examples = declared.EXAMPLES
    command.variables = option_variables(getattr(declared, "SETTINGS", Settings))
    return command


def _calling(name: str, options: type[Any]) -> Any:
    """A typer function that calls the command's own with a dataclass of options. That one returns the exit code;
    Capra's errors become messages and exit codes here."""
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(options)
    ]

    def call(**values: Any) -> None:
        from capra.cli.terminal_log import configure_terminal_logs  # noqa: PLC0415  # takes long

        with reporting_errors():
            configure_terminal_logs(values.get("verbose") or 0)
            code = getattr(import_module(f"capra.cli.commands.{name}"), name)(options(**values))
        raise typer.Exit(code)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    return call
