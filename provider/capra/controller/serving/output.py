"""Serves the kept output of runs, to those who may read the path."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from aiohttp import web

from capra.controller.serving.access import Access
from capra.errors import InputError
from capra.kube.client.resources import ENTRIES, MACHINES
from capra.model.machine import MachineKey
from capra.runs.kept.kept_runs import KeptRuns

LOGS = "/logs/{namespace}/{name}"
ONE_RUN = f"{LOGS}/{{run}}"
KINDS = {"machine": MACHINES, "entry": ENTRIES}
"""Values of the parameter `of`."""


class OutputServer:
    """The kept runs over HTTP, as JSON. `/logs/NAMESPACE/NAME` has the names of the machine's runs and the newest one,
    `/logs/NAMESPACE/NAME/RUN` another. With `?of=entry` they are those of a PooledRemoteMachine in quarantine."""

    def __init__(self, kept: KeptRuns, access: Access) -> None:
        self._kept = kept
        self._access = access

    async def serve(self, request: web.Request) -> web.Response:
        """401 and 403 as for the metrics; 404 where nothing was kept."""
        refused = await self._access.refusal(request.headers.get("Authorization", ""), request.path)
        if refused:
            return web.Response(status=refused)
        kind = KINDS.get(request.query.get("of", "machine"))
        if kind is None:
            return web.json_response({"error": f"of: must be one of {', '.join(KINDS)}"}, status=400)
        key = MachineKey(request.match_info["namespace"], request.match_info["name"], kind)
        try:
            body = await asyncio.to_thread(self._found, key, request.match_info.get("run", ""))
        except InputError as error:
            return web.json_response({"error": str(error)}, status=404)
        return web.json_response(body)

    def _found(self, key: MachineKey, name: str) -> dict[str, object]:
        run = self._kept.read(key, name)
        return {"runs": self._kept.names(key), "run": asdict(run)}
