"""`capra doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

from capra.cli.errors import ExitCode, note
from capra.cli.extra import needing_extra
from capra.cli.options.doctor import Options
from capra.cli.output.report import cells, print_json, print_table, table
from capra.errors import InputError, Retry
from capra.local.doctor import state_findings
from capra.model.finding import Finding, Level
from capra.runs.doctor import run_findings
from capra.settings import Output


def doctor(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    if options.of_cluster:
        found = asyncio.run(_of_cluster(options))
    elif options.namespace:
        raise InputError("is for a cluster: give --context or --kubeconfig, too", subject="--namespace")
    else:
        found = [*run_findings(), *state_findings(settings.state_directory)]
    if settings.output is Output.JSON:
        print_json({"findings": [asdict(finding) for finding in found]})
    else:
        _print(found, everything=options.everything)
    return ExitCode.FAILED if any(finding.level is Level.ERROR for finding in found) else ExitCode.DONE


async def _of_cluster(options: Options) -> list[Finding]:
    with needing_extra():
        from capra.kube.client.api import Api  # noqa: PLC0415  # not needed without a cluster
        from capra.kube.client.connection import configure, connect  # noqa: PLC0415  # the same
        from capra.kube.objects.doctor import cluster_findings  # noqa: PLC0415  # the same
        from capra.kube.stores.doctor import learn  # noqa: PLC0415  # the same

    async with connect(await configure(options.kubeconfig, options.context)) as connection:
        try:
            return list(cluster_findings(await learn(Api(connection, retry_seconds=5.0), options.namespace)))
        except Retry as error:
            advice = "look at the server and the user of the kubeconfig, and at the way there (VPN, proxy, firewall)"
            return [Finding("API server", Level.ERROR, "", str(error), advice)]


def _print(found: Sequence[Finding], *, everything: bool) -> None:
    """What is bad first."""
    order = list(Level)
    shown = [finding for finding in found if everything or finding.level is not Level.OK]
    made = table("finding", "level", "value", "message")
    for finding in sorted(shown, key=lambda one: order.index(one.level)):
        told = ": ".join(part for part in (finding.message, finding.advice) if part)
        made.add_row(*cells(finding.name, finding.level, finding.value, told))
    if shown:
        print_table(made)
    well = sum(finding.level is Level.OK for finding in found)
    if well and not everything:
        note(f"{well} {'finding is' if well == 1 else 'findings are'} ok; --all shows them")
