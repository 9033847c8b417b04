"""`capra`: its commands, put together. A command's module is imported when the command is used, so that `capra --help`
waits for none, and no command for another's."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import capra
from capra.cli import interrupted

HELP = """Turn hosts that are reached over SSH into cluster nodes, and back into clean hosts.

Exit codes: 0 done, 1 some machine failed, 2 bad input (nothing was contacted), 3 unreachable, 130 interrupted,
143 ended by SIGTERM.
"""
COMMANDS = {
    "bootstrap": "Bootstrap the machines of the files.",
    "cleanup": "Clean the machines of the files: k0s and what the bootstrap wrote, or their own commands instead.",
    "cancel": "End the bootstrap that is under way on the machines of the files.",
    "preflight": "Look at the machines of the files and say what would get in the way of a bootstrap. Changes nothing.",
    "plan": "Print what would run on the machines of the files. Contacts nobody and changes nothing.",
    "run": "Run a playbook of yours on the machines of the files, side by side.",
    "status": "Print what is remembered of machines. Contacts nobody.",
    "forget": "Remove what is remembered of machines, and the pinned keys of their hosts. Contacts nobody.",
    "trust": "Pin the host key of a machine, instead of the one that was known.",
    "controller": "Run the controller of a management cluster, until SIGTERM or Ctrl-C.",
    "ansible-path": "Print the directory for ANSIBLE_COLLECTIONS_PATH that holds the collection capra.machine.",
}
"""Every command with what `capra --help` says of it: the first paragraph of the command's own help."""


def load_command(name: str) -> TyperCommand:
    """The command itself, from `capra.cli.<name>`: the function of that name there, and its `Options`."""
    from capra.cli.options import takes  # noqa: PLC0415  # brings most of what takes long to import

    word = name.replace("-", "_")
    module = import_module(f"capra.cli.{word}")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    kind = getattr(module, "COMMAND_CLASS", TyperCommand)
    alone.command(name, cls=kind)(takes(module.Options)(getattr(module, word)))
    command = typer.main.get_command(alone)
    assert isinstance(command, TyperCommand), name
    return command


class _Later(TyperCommand):
    """Stands for a command until it is used."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself."""
        try:
            command = load_command(str(self.name))
        except KeyboardInterrupt:
            interrupted()
        return command.make_context(info_name, args, parent, **extra)


class _Commands(TyperGroup):
    """All commands, none of them imported."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, sentence in COMMANDS.items():
            self.add_command(_Later(name, callback=None, help=sentence, short_help=sentence))


app = typer.Typer(
    name="capra",
    cls=_Commands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # to import what draws boxes takes longer than all the rest
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"capra {capra.__version__}")
        raise typer.Exit


@app.callback()
def _capra(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


_capra.__doc__ = HELP
