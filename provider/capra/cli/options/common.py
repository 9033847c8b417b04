"""The options that commands share, each declared once."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Annotated, TypeVar

import typer

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
    ssh_key_passphrase_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with the passphrase of SSH keys whose Secret has none.")
    ] = None
    ssh_certificate: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with the OpenSSH user certificate of the SSH key.")
    ] = None
    become_password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with the password sudo, doas or su ask for.")
    ] = None
    limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only the machine with this name. Repeatable.")
    ] = None


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
    host_key_policy: Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="strict: only hosts of which a key is known.", show_default="accept-new"),
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


BootstrapDataOption = Annotated[
    str | None,
    typer.Option("--bootstrap-data", metavar="FILE", help="Bootstrap data for machines without a Secret of their own."),
]


@dataclass(frozen=True, kw_only=True)
class ClusterFileOptions(RunOptions):
    """What `capra up` and `capra down` have."""

    file: Annotated[
        list[str],
        typer.Option("--file", "-f", metavar="FILE", help="The cluster, as k0sctl has it; - is standard input."),
    ]
    ssh_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with the SSH private key of hosts without ssh.keyPath.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the commands have that print machines made of somebody else's inventory."""

    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="The namespace of the objects; none by default.")
    ] = ""
    ssh_key: Annotated[
        str, typer.Option(metavar="FILE", help="File with the SSH private key of hosts that name none.")
    ] = ""

    def key(self) -> str:
        """The path of that file, or of the setting; empty for none."""
        return self.ssh_key or read_settings(Settings, os.environ, {}).ssh_key
