"""The options that commands share, each declared once, and how a command takes them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from capra.cli.errors import reporting_errors
from capra.cli.terminal_log import configure_terminal_logs
from capra.engine.requests import PlanOptions
from capra.local.prepare import InputOptions
from capra.runs.hooks.surroundings import has_collection
from capra.runs.rendering import render_within_bounds
from capra.settings import Output, Settings, read_settings

ROOTLESS = "Hosts without root"
CLUSTER = "Of a cluster"
_Command = TypeVar("_Command")


@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """What every command has."""

    output: Annotated[
        Output | None,
        typer.Option("--output", "-o", metavar="FORMAT", help="table, or json for scripts.", show_default="table"),
    ] = None
    verbose: Annotated[
        int | None,
        typer.Option("--verbose", "-v", count=True, help="Show the output of steps; twice: Ansible's, and the log."),
    ] = None

    def settings(self) -> Settings:
        """Flags before environment before defaults."""
        flags = {name: value for name, value in asdict(self).items() if value is not None}
        if not flags.get("verbose"):
            flags.pop("verbose", None)
        return read_settings(Settings, os.environ, flags)


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(ShownOptions):
    """What the commands have that look at a cluster where that is asked for."""

    context: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Look at the cluster of this context of the kubeconfig.", rich_help_panel=CLUSTER
        ),
    ] = ""
    kubeconfig: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Look at a cluster by this file, or by $KUBECONFIG or ~/.kube/config with --context.",
            rich_help_panel=CLUSTER,
        ),
    ] = ""
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="Only this namespace.", rich_help_panel=CLUSTER)
    ] = ""

    @property
    def of_cluster(self) -> bool:
        """A cluster is meant, and not what is remembered here."""
        return bool(self.context or self.kubeconfig)


@dataclass(frozen=True, kw_only=True)
class MachineOptions(ShownOptions):
    """What every command has that looks at machines of files."""

    file: Annotated[
        list[str],
        typer.Option("--file", "-f", metavar="FILE", help="Manifest, YAML or JSON; - is standard input. Repeatable."),
    ]
    ssh_key: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="File with the SSH private key for every machine, instead of their Secrets."),
    ] = None
    become_password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with the password sudo asks for.")
    ] = None
    limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only the machine with this name. Repeatable.")
    ] = None

    def inputs(self) -> InputOptions:
        """What is read from files."""
        settings = self.settings()
        return InputOptions(
            files=tuple(self.file),
            ssh_key=settings.ssh_key,
            become_password_file=settings.become_password_file,
            bootstrap_data=getattr(self, "bootstrap_data", None) or "",
            limit=tuple(self.limit or ()),
            sentinel=settings.sentinel,
        )


@dataclass(frozen=True, kw_only=True)
class ContactOptions(MachineOptions):
    """What every command has that contacts hosts."""

    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Machines worked on at once.", show_default="50")
    ] = None
    keep_output: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE[,AGE]", help="What capra logs shows: so much, so long; 0 for none.", show_default="64Mi,168h"
        ),
    ] = None
    artifacts: Annotated[
        str | None, typer.Option(metavar="DIR", help="Directory that keeps Ansible's artifacts, redacted.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class HostPathOptions(ShownOptions):
    """Where things are on hosts without root."""

    sentinel: Annotated[
        str | None, typer.Option(metavar="PATH", help="The file that proves a bootstrap.", rich_help_panel=ROOTLESS)
    ] = None
    state_directory_on_host: Annotated[
        str | None,
        typer.Option(
            "--state-directory", metavar="PATH", help="Where the host keeps its journals.", rich_help_panel=ROOTLESS
        ),
    ] = None
    k0s_data_dir: Annotated[
        str | None,
        typer.Option("--k0s-data-dir", metavar="PATH", help="The data directory of k0s.", rich_help_panel=ROOTLESS),
    ] = None
    k0s_binary: Annotated[
        str | None, typer.Option("--k0s-binary", metavar="PATH", help="The path of k0s.", rich_help_panel=ROOTLESS)
    ] = None

    def settings(self) -> Settings:
        """Flags before environment before defaults."""
        flags = asdict(self) | {"host_state_directory": self.state_directory_on_host}
        flags["verbose"] = self.verbose or None
        return read_settings(Settings, os.environ, flags)


HookTimeout = Annotated[
    int | None,
    typer.Option(min=1, metavar="SECONDS", help="Seconds for a playbook of yours on one host.", show_default="1800"),
]


@dataclass(frozen=True, kw_only=True)
class RunOptions(HostPathOptions, ContactOptions):
    """What the commands have that change hosts."""

    check: Annotated[bool, typer.Option("--check", help="Say what would happen, and change nothing.")] = False
    diff: Annotated[bool, typer.Option("--diff", help="Show how files change; secret ones are left out.")] = False
    restart: Annotated[
        bool, typer.Option("--restart", help="Run all steps of a run that has not finished again, from the first.")
    ] = False
    timeout: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="SECONDS", help="Seconds for a run on one host.", show_default="bootstrap 3600, cleanup 900"
        ),
    ] = None
    hook_timeout: HookTimeout = None
    take_over: Annotated[
        str,
        typer.Option(
            metavar="MACHINE",
            help="UID, name or namespace/name of the machine that uses the host, to take it over from it.",
        ),
    ] = ""


def plan_options(
    settings: Settings, *, check: bool = False, diff: bool = False, restart: bool = False, take_over: str = ""
) -> PlanOptions:
    """The engine's options for these settings."""
    defaults = PlanOptions()
    return PlanOptions(
        check=check,
        diff=diff,
        restart=restart,
        artifacts=settings.artifacts,
        bootstrap_timeout=settings.timeout or defaults.bootstrap_timeout,
        cleanup_timeout=settings.timeout or defaults.cleanup_timeout,
        sentinel=settings.sentinel,
        state_directory=settings.host_state_directory,
        k0s_data_dir=settings.k0s_data_dir,
        k0s_binary=settings.k0s_binary,
        take_over=take_over,
        # Bastions and names of hosts stand in a person's own configuration; the controller has none.
        ssh_config="",
        one_owner=True,
        render=render_within_bounds,
        hook_timeout=settings.hook_timeout,
        has_collection=has_collection,
    )


def takes(options: type[_Command]) -> Callable[[Callable[[_Command], int]], Callable[..., None]]:
    """Makes a typer command of a function over a dataclass of options. The function returns the exit code; Capra's
    errors become messages and exit codes here."""
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(options)  # type: ignore[arg-type]  # a dataclass, which a type variable cannot say
    ]

    def decorate(function: Callable[[_Command], int]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            with reporting_errors():
                configure_terminal_logs(values.get("verbose") or 0)
                code = function(options(**values))
            raise typer.Exit(code)

        command.__doc__ = function.__doc__
        command.__name__ = function.__name__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate
