"""`capra status` of a cluster: one list of each kind, shown once or again and again. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from capra.cli.errors import note
from capra.cli.output.display import make_console
from capra.cli.output.report import cells, fitted, print_json, print_table, table
from capra.cli.text import first_line, printable
from capra.errors import Fatal
from capra.kube.client.api import Api
from capra.kube.client.connection import configure, connect
from capra.kube.client.errors import DeniedError, MissingError, UnavailableError
from capra.kube.client.resources import POOLED_REMOTE_MACHINES, REMOTE_MACHINES, Raw, Resource
from capra.kube.objects.overview import EntryLine, MachineLine, PoolLines, machine_lines, pool_lines
from capra.settings import Output

RETRY_SECONDS = 5.0
"""A person waits."""

INTERVAL = 5.0
"""Seconds between two looks of --watch."""

VIEWER = "ClusterRole capra-viewer"


@dataclass(frozen=True)
class ClusterView:
    """Which cluster, and what of it. namespace: empty for all. names: of the only machines; empty for all."""

    kubeconfig: str
    context: str
    namespace: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Overview:
    """One look."""

    machines: list[MachineLine]
    pools: list[PoolLines]


def show_cluster(view: ClusterView, output: Output) -> None:
    """Print what the cluster says. Raises Fatal or InputError."""
    overview = asyncio.run(_once(view))
    if output is Output.JSON:
        print_json(as_json(overview))
        return
    if not overview.machines and not overview.pools:
        typer.echo("no RemoteMachine and no PooledRemoteMachine is there", err=True)
    for title, made in tables(overview):
        typer.echo(title)
        print_table(made)
        typer.echo()


def watch_cluster(view: ClusterView) -> None:
    """The same until Ctrl-C: redrawn on a terminal, else a line for each change."""
    asyncio.run(_watch(view))


async def _once(view: ClusterView) -> Overview:
    async with connect(await configure(view.kubeconfig, view.context)) as connection:
        return await look(Api(connection, retry_seconds=RETRY_SECONDS), view)


async def _watch(view: ClusterView) -> None:
    async with connect(await configure(view.kubeconfig, view.context)) as connection:
        api = Api(connection, retry_seconds=RETRY_SECONDS)
        overview = await look(api, view)  # who cannot be reached from the start may be the wrong one
        with _showing() as show:
            while True:
                show(overview)
                await asyncio.sleep(INTERVAL)
                try:
                    overview = await look(api, view)
                except UnavailableError as error:
                    note(f"{error}; trying again")


@contextmanager
def _showing() -> Iterator[Callable[[Overview], None]]:
    """Redraws an overview on a terminal, else tells what has changed."""
    console = make_console(stderr=False)
    if not console.is_terminal:
        yield _Changes().tell
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda overview: live.update(
            Group(*(part for title, made in tables(overview) for part in _drawn(title, fitted(made, console.width)))),
            refresh=True,
        )


def _drawn(title: str, made: RenderableType) -> tuple[Text, RenderableType, Text]:
    return Text(title, style="bold"), made, Text()


class _Changes:
    """A line for each machine and entry that is not as it was."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def tell(self, overview: Overview) -> None:
        """On standard output."""
        now = dict(_sentences(overview))
        for name, sentence in now.items():
            if self._seen.get(name) != sentence:
                typer.echo(printable(f"{name}: {sentence}"))
        for name in sorted(self._seen.keys() - now.keys()):
            typer.echo(printable(f"{name}: gone"))
        self._seen = now


def _sentences(overview: Overview) -> Iterator[tuple[str, str]]:
    for line in overview.machines:
        state = line.phase or "-"
        told = ": ".join(part for part in (line.reason, first_line(line.message)) if part)
        yield f"RemoteMachine {line.namespace}/{line.name}", f"{state}{told and f' ({told})'}"
    for pool in overview.pools:
        for entry in pool.entries:
            told = f" ({first_line(entry.message)})" if entry.message else ""
            held = f" for {entry.machine}" if entry.machine else ""
            yield f"PooledRemoteMachine {entry.namespace}/{entry.name}", f"{entry.state or '-'}{held}{told}"


async def look(api: Api, view: ClusterView) -> Overview:
    """One list of each kind, in pages. Raises Fatal where that is not allowed, or Capra's kinds are not there."""
    machines = machine_lines(await _list(api, REMOTE_MACHINES, view))
    pools = pool_lines(await _list(api, POOLED_REMOTE_MACHINES, view))
    if not view.names:
        return Overview(machines, pools)
    wanted = set(view.names)
    machines = [line for line in machines if wanted & {line.name, f"{line.namespace}/{line.name}"}]
    held = {(line.namespace, line.entry) for line in machines if line.entry}
    return Overview(machines, [left for pool in pools if (left := _only(pool, held)).entries])


def _only(pool: PoolLines, held: set[tuple[str, str]]) -> PoolLines:
    entries = tuple(one for one in pool.entries if (one.namespace, one.name) in held)
    return PoolLines(pool.namespace, pool.name, entries)


async def _list(api: Api, resource: Resource, view: ClusterView) -> list[Raw]:
    try:
        return list((await api.list(resource, view.namespace))["items"])
    except DeniedError as error:
        of = "" if view.namespace else ", or give the --namespace that you may read"
        raise Fatal(f"{error}; ask for a role that may list {resource.plural} ({VIEWER}){of}", "Denied") from None
    except MissingError as error:
        raise Fatal(f"{error}; Capra's kinds are not installed in this cluster", "MissingKind") from None


def tables(overview: Overview) -> Iterator[tuple[str, Table]]:
    """A title and a table for the machines, and for each pool."""
    if overview.machines:
        made = table("machine", "host", "phase", "ready", "message")
        for line in overview.machines:
            ready = line.reason or ("yes" if line.ready == "True" else "-")
            name = _name(line.namespace, line.name)
            made.add_row(*cells(name, line.host or "-", line.phase or "-", ready, first_line(line.message)))
        yield f"{len(overview.machines)} RemoteMachines", made
    for pool in overview.pools:
        made = table("entry", "host", "state", "machine", "message")
        for entry in pool.entries:
            made.add_row(*cells(*_entry_cells(entry)))
        counts = ", ".join(f"{count} {state or 'without a state'}" for state, count in pool.counts.items())
        yield printable(f"pool {_name(pool.namespace, pool.name)}: {counts}"), made


def _entry_cells(entry: EntryLine) -> tuple[str, ...]:
    return entry.name, entry.host or "-", entry.state or "-", entry.machine or "-", first_line(entry.message)


def _name(namespace: str, name: str) -> str:
    return name if namespace == "default" else f"{namespace}/{name}"


def as_json(overview: Overview) -> dict[str, Any]:
    """`{"machines": [...], "pools": [...]}`, in the order of the table."""
    return {
        "machines": [_without_rank(line) for line in overview.machines],
        "pools": [
            {"namespace": pool.namespace, "name": pool.name, "entries": [_without_rank(one) for one in pool.entries]}
            for pool in overview.pools
        ],
    }


def _without_rank(line: MachineLine | EntryLine) -> dict[str, Any]:
    return {name: value for name, value in asdict(line).items() if name != "rank"}
