"""`capra controller`. The controller itself is imported only when it is started: other commands stay quick, and work
without the packages that only it needs."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from capra.errors import Fatal
from capra.settings import ControllerSettings, read

ELECTION = "Leader election"
SERVING = "Probes and metrics"
LOG = "Log"
EXTRA = frozenset({"aiohttp", "kopf", "kubernetes", "prometheus_client", "tenacity"})
"""What the extra `controller` of the package brings."""

SWITCHES = frozenset({"--leader-elect", "--insecure-diagnostics", "--warm-runs"})


class Command(TyperCommand):
    """Takes switches as Go's flags do, which manifests are written for: `--leader-elect` and `--leader-elect=false`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Gives every switch that stands alone its value."""
        return super().parse_args(ctx, [f"{one}=true" if one in SWITCHES else one for one in args])


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `capra controller`. All are text here; `read` says in one line what is wrong with one."""

    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Only this namespace.", show_default="all")
    ] = None
    watch_filter: Annotated[
        str | None,
        typer.Option(
            "--watch-filter",
            metavar="VALUE",
            help="Only objects whose label cluster.x-k8s.io/watch-filter has this value.",
            show_default="all",
        ),
    ] = None
    concurrency: Annotated[
        str | None, typer.Option("--concurrency", metavar="N", help="Machines worked on at once.", show_default="50")
    ] = None
    warm_runs: Annotated[
        str | None,
        typer.Option(
            "--warm-runs",
            metavar="[=true|false]",
            help="Fork runs from a process that has Ansible in memory.",
            show_default="true",
        ),
    ] = None
    cleanup_timeout: Annotated[
        str | None,
        typer.Option(
            "--cleanup-timeout",
            metavar="TIME",
            help="A cleanup that has not succeeded by then is given up, visibly.",
            show_default="1800",
        ),
    ] = None
    sync_period: Annotated[
        str | None,
        typer.Option("--sync-period", metavar="TIME", help="Look at every object so often.", show_default="600"),
    ] = None
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            "--kubeconfig",
            metavar="FILE",
            help="How to reach the cluster.",
            show_default="the Pod's service account, $KUBECONFIG, ~/.kube/config",
        ),
    ] = None
    leader_elect: Annotated[
        str | None,
        typer.Option(
            "--leader-elect",
            metavar="[=true|false]",
            help="Work only while holding a Lease.",
            rich_help_panel=ELECTION,
            show_default="false",
        ),
    ] = None
    leader_elect_lease_duration: Annotated[
        str | None,
        typer.Option(
            "--leader-elect-lease-duration",
            metavar="TIME",
            help="Another replica may take a Lease that was not renewed for so long.",
            rich_help_panel=ELECTION,
            show_default="15",
        ),
    ] = None
    leader_elect_renew_deadline: Annotated[
        str | None,
        typer.Option(
            "--leader-elect-renew-deadline",
            metavar="TIME",
            help="The leader stops when it could not renew for so long.",
            rich_help_panel=ELECTION,
            show_default="10",
        ),
    ] = None
    leader_elect_retry_period: Annotated[
        str | None,
        typer.Option(
            "--leader-elect-retry-period",
            metavar="TIME",
            help="Between two attempts.",
            rich_help_panel=ELECTION,
            show_default="2",
        ),
    ] = None
    leader_election_namespace: Annotated[
        str | None,
        typer.Option(
            "--leader-election-namespace",
            metavar="NAME",
            help="Where the Lease is.",
            rich_help_panel=ELECTION,
            show_default="the Pod's own",
        ),
    ] = None
    diagnostics_address: Annotated[
        str | None,
        typer.Option(
            "--diagnostics-address",
            "--metrics-bind-address",
            metavar="ADDRESS",
            help="Where /metrics is: host:port, :port, or 0 for nowhere.",
            rich_help_panel=SERVING,
            show_default=":8443",
        ),
    ] = None
    insecure_diagnostics: Annotated[
        str | None,
        typer.Option(
            "--insecure-diagnostics",
            metavar="[=true|false]",
            help="Serve /metrics over plain http and to everybody.",
            rich_help_panel=SERVING,
            show_default="false",
        ),
    ] = None
    tls_min_version: Annotated[
        str | None,
        typer.Option(
            "--tls-min-version",
            metavar="VERSION",
            help="VersionTLS12 or VersionTLS13, for /metrics.",
            rich_help_panel=SERVING,
            show_default="VersionTLS12",
        ),
    ] = None
    health_addr: Annotated[
        str | None,
        typer.Option(
            "--health-addr",
            "--health-probe-bind-address",
            metavar="ADDRESS",
            help="Where /healthz and /readyz are: host:port, :port, or 0 for nowhere.",
            rich_help_panel=SERVING,
            show_default=":9440",
        ),
    ] = None
    log_format: Annotated[
        str | None,
        typer.Option(
            "--log-format", metavar="FORMAT", help="json or console.", rich_help_panel=LOG, show_default="json"
        ),
    ] = None
    log_level: Annotated[
        str | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="debug, info, warning or error.",
            rich_help_panel=LOG,
            show_default="info",
        ),
    ] = None


def controller(options: Options) -> int:
    """Run the controller of a management cluster, until SIGTERM or Ctrl-C.

    Times are seconds (90) or have units (1m30s).
    """
    settings = read(ControllerSettings, os.environ, asdict(options))
    try:
        from capra.controller.main import start  # noqa: PLC0415  # see above
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        message = f"{error.name} is not installed: run pip install '.[controller]' in Capra's checkout"
        raise Fatal(message, "MissingPackage") from None
    return start(settings)
