"""Waits until the nodes of a cluster are ready."""

from __future__ import annotations

import asyncio
import time

from capra.cli.errors import note
from capra.cli.shared.joining import Asking
from capra.clusters import questions
from capra.clusters.nodes import Nodes, compare, node_name, parse_nodes
from capra.errors import Fatal
from capra.model.observation import Phase

INTERVAL = 3.0
"""Seconds between two looks."""


async def wait_for_nodes(asking: Asking, seconds: float) -> Nodes:
    """The nodes of all hosts that are provisioned, once they are ready, or after so many seconds. Each change is told
    on standard error. Raises Fatal where nobody answers until then."""
    wanted = await _wanted(asking)
    deadline = time.monotonic() + seconds
    told = ""
    while True:
        try:
            nodes = compare(wanted, parse_nodes(await asking.leader(questions.ask_nodes)))
        except Fatal as error:
            # The API server of a controller that has just joined may be away for a moment.
            if time.monotonic() >= deadline:
                raise
            said = f"{error}; trying again"
        else:
            if nodes.complete or time.monotonic() >= deadline:
                return nodes
            said = f"waiting: {nodes.told}"
        if said != told:
            note(said)
            told = said
        await asyncio.sleep(INTERVAL)


async def _wanted(asking: Asking) -> list[str]:
    """Names of the nodes, in the file's order."""
    names = []
    for host in asking.prepared.cluster.hosts:
        record = (await asking.prepared.store.load(host.key)).record
        if host.works and not host.leaving and record.phase is Phase.PROVISIONED:
            names.append(node_name(host, record.host_name))
    return [name for name in names if name]
