"""Options and settings: the options that are made of settings, and the variable of each."""

from __future__ import annotations

from dataclasses import fields, make_dataclass
from typing import Annotated, Any

import typer

from capra.settings.reading import PREFIX, Flag, flag_name

RENAMED = {"host_state_directory": "state_directory_on_host"}
"""Settings whose option has another name here."""


def options_of(settings: type[Any]) -> type[Any]:
    """A dataclass of options, all of them text, made of the flags of these settings."""
    made = []
    for one in fields(settings):
        if "flag" not in one.metadata:
            continue
        flag: Flag = one.metadata["flag"]
        option = typer.Option(
            flag_name(one.name),
            *flag.also,
            metavar=flag.metavar,
            help=flag.help,
            rich_help_panel=flag.panel or None,
            show_default=flag.default or _as_text(one.default),
        )
        made.append((one.name, Annotated[str | None, option], None))
    return make_dataclass("Options", made, frozen=True, kw_only=True)


def option_variables(settings: type[Any]) -> dict[str, str]:
    """The environment variable of each option that is a setting, by the option's name."""
    names = [one.name for one in fields(settings) if "parse" in one.metadata]
    return {RENAMED.get(name, name): PREFIX + name.upper() for name in names}


def _as_text(default: Any) -> str:
    """As a person would give it."""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
