"""`capra`: its commands, put together. A command is imported when it is used, so that `capra --help`
waits for none, and no command for another's."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import capra
from capra.cli import interrupted
from capra.cli.help import write_examples

HELP = """Turn hosts that are reached over SSH into cluster nodes, and back into clean hosts.

Exit codes: 0 done, 1 some machine failed, 2 bad input (nothing was contacted), 3 unreachable, 130 interrupted,
143 ended by SIGTERM.
"""
COMMANDS = {
    "bootstrap": "Bootstrap the machines of the files.",
    "cleanup": "Clean the machines of the files: what made them nodes, or their own commands instead.",
    "up": "Make a k0s cluster of the hosts in a k0sctl.yaml: controllers one by one, then workers.",
    "down": "Clean the hosts of a k0s cluster: workers, then controllers one by one.",
    "adopt": "Take hosts that are nodes of a cluster over as they are. Changes nothing on them.",
    "cancel": "End the bootstrap that is under way on the machines of the files.",
    "preflight": "Look at the machines of the files and say what would get in the way of a bootstrap. Changes nothing.",
    "plan": "Print what would run on the machines of the files. Contacts nobody and changes nothing.",
    "run": "Run a playbook of yours on the machines of the files, side by side.",
    "status": "Print what is remembered of machines, or with --context or --kubeconfig what a cluster says of them.",
    "logs": "Print what the steps of a machine's last run have said, of this terminal's runs or of a controller's.",
    "doctor": (
        "Look at this machine, or with --context or --kubeconfig at a cluster, for what would be in Capra's way."
    ),
    "forget": "Remove what is remembered of machines, and the pinned keys of their hosts. Contacts nobody.",
    "trust": "Pin the host key of a machine, instead of the one that was known.",
    "import": "Print machines, or pool entries, and Secrets made of the hosts of a k0sctl.yaml.",
    "controller": "Run the controller of a management cluster, until SIGTERM or Ctrl-C.",
    "completion": "Print the script with which a shell completes the words of capra.",
    "ansible-path": "Print the directory for ANSIBLE_COLLECTIONS_PATH that holds the collection capra.machine.",
}
"""Every command with what `capra --help` says of it: the first paragraph of the command's own help."""

GROUPS = {
    "pool": (
        "Make pool entries of an inventory of Ansible, and the other way round.",
        {
            "import": "Print pool entries and Secrets made of the hosts of an inventory of Ansible.",
            "export": "Print an inventory of Ansible made of pool entries.",
        },
    ),
}
"""Words that have commands of their own, with what is said of both."""

EXAMPLES = (
    "capra preflight -f machine.yaml",
    "capra bootstrap -f machine.yaml --bootstrap-data user-data.yaml",
    "capra status",
    "capra bootstrap --help",
)


class _Later(TyperCommand):
    """Stands for a command until it is used. full_name: with the group's before it."""

    full_name = ""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself."""
        try:
            from capra.cli.loading import load_command  # noqa: PLC0415  # brings what takes long to import

            command = load_command(self.full_name)
        except KeyboardInterrupt:
            interrupted()
        return command.make_context(info_name, args, parent, **extra)


def _later(name: str, sentence: str, full_name: str = "") -> _Later:
    made = _Later(name, callback=None, help=sentence, short_help=sentence)
    made.full_name = full_name or name
    return made


class _Commands(TyperGroup):
    """All commands, none of them imported."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, sentence in COMMANDS.items():
            self.add_command(_later(name, sentence))
        for name, (sentence, commands) in GROUPS.items():
            group = TyperGroup(name=name, help=sentence, short_help=sentence, no_args_is_help=True)
            group.rich_markup_mode = None
            for own, told in commands.items():
                group.add_command(_later(own, told, f"{name} {own}"))
            self.add_command(group)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples."""
        write_examples(formatter, EXAMPLES)


app = typer.Typer(
    name="capra",
    cls=_Commands,
    help=HELP,
    add_completion=False,  # `capra completion` prints it, and writes to nobody's files
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
