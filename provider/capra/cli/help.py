"""What `--help` of a command shows: its options with their variables and defaults, in groups, and examples. Plain text
of at most 80 columns, which is there at once: to import what draws boxes takes longer than all the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperCommand

OPTIONS = "Options"
ARGUMENTS = "Arguments"
FIRST_COLUMN = 26
"""Columns of the names of options; a longer one has a line of its own."""


class CapraCommand(TyperCommand):
    """A command. variables: the environment variable of an option, by the option's name. examples: whole lines."""

    variables: Mapping[str, str] = {}
    examples: Sequence[str] = ()

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **{**attributes, "rich_markup_mode": None})

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options by their groups, that without a name first."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            option = param.param_type_name == "option"
            group = (getattr(param, "rich_help_panel", None) or OPTIONS) if option else ARGUMENTS
            groups.setdefault(group, []).append((record[0], self._told(param)))
        for group in sorted(groups, key=lambda name: (name != ARGUMENTS, name != OPTIONS)):
            with formatter.section(group):
                formatter.write_dl(groups[group], col_max=FIRST_COLUMN)

    def _told(self, param: Any) -> str:
        """The help of an option, and in brackets what else there is to know."""
        default = param.show_default if isinstance(param.show_default, str) else ""
        variable = self.variables.get(str(param.name), "")
        more = [
            *([variable] if variable else []),
            *([f"default: {default}"] if default else []),
            *(["required"] if param.required else []),
        ]
        return f"{param.help or ''} [{'; '.join(more)}]" if more else param.help or ""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, each on a line, as they are."""
        write_examples(formatter, self.examples)


def write_examples(formatter: Any, examples: Sequence[str]) -> None:
    """A section of command lines, none of them folded."""
    if not examples:
        return
    with formatter.section("Examples" if len(examples) > 1 else "Example"):
        for example in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
