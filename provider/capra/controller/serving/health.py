"""What the controller serves over HTTP: the kubelet's probes, the metrics, the output of runs, and the page.

The probes have a port of their own, so that they need no certificate and no token. The metrics name machines' phases
and pools: they are served over https, to clients that the API server knows (TokenReview) and lets read the path
(SubjectAccessReview), as controller-runtime does it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from capra.controller.serving.access import Access
from capra.controller.serving.certificate import server_context
from capra.controller.serving.metrics import Metrics
from capra.controller.serving.output import LOGS, ONE_RUN, OutputServer
from capra.controller.serving.page.server import PageServer
from capra.errors import Fatal
from capra.runs.kept.kept_runs import KeptRuns
from capra.settings import ControllerSettings, ListenAddress

LARGEST_BODY = 64 * 1024
"""Bytes of a request: the largest one has a token."""

log = structlog.get_logger(__name__)


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


class Status:
    """What the probes say; whoever does the work sets it."""

    def __init__(self) -> None:
        self.alive: Callable[[], bool] = _yes
        """Asked for /healthz: False has the kubelet restart the controller, and so does no answer at all."""

        self.ready: Callable[[], bool] = _no
        """Asked for /readyz. A replica that waits for leadership is ready, or a rolling update would never end."""


@asynccontextmanager
async def serving_probes(address: ListenAddress, status: Status) -> AsyncIterator[ListenAddress]:
    """Serve /healthz and /readyz as long as the context lasts. Gives where they are served, with the real port."""

    async def healthz(request: web.Request) -> web.Response:
        return _answer(status.alive(), 500)

    async def readyz(request: web.Request) -> web.Response:
        return _answer(status.ready(), 503)

    async with _serving(address, [web.get("/healthz", healthz), web.get("/readyz", readyz)], None) as place:
        log.info("serving probes", address=str(place))
        yield place


@asynccontextmanager
async def serving_diagnostics(
    settings: ControllerSettings,
    address: ListenAddress,
    metrics: Metrics,
    access: Access,
    kept: KeptRuns | None = None,
    page: PageServer | None = None,
) -> AsyncIterator[ListenAddress]:
    """Serve /metrics as long as the context lasts; the output of the runs that are kept, and the page, which are never
    open to all. Gives where they are served, with the real port."""
    open_to_all = settings.insecure_diagnostics

    async def serve(request: web.Request) -> web.Response:
        if not open_to_all:
            refused = await access.refusal(request.headers.get("Authorization", ""), request.path)
            if refused:
                return web.Response(status=refused)
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    tls = None if open_to_all else server_context(settings.tls_min_version)
    routes = [web.get("/metrics", serve)]
    if kept is not None and not open_to_all:
        output = OutputServer(kept, access)
        routes += [web.get(LOGS, output.serve), web.get(ONE_RUN, output.serve)]
    if page is not None and not open_to_all:
        routes += page.routes()
    async with _serving(address, routes, tls) as place:
        log.info("serving diagnostics", address=str(place), secure=not open_to_all)
        yield place


def _answer(good: bool, otherwise: int) -> web.Response:
    return web.Response(text="ok\n") if good else web.Response(text="no\n", status=otherwise)


@asynccontextmanager
async def _serving(
    address: ListenAddress, routes: Sequence[web.RouteDef], tls: ssl.SSLContext | None
) -> AsyncIterator[ListenAddress]:
    application = web.Application(client_max_size=LARGEST_BODY)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, keepalive_timeout=30.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host or None, address.port, ssl_context=tls).start()
        except OSError as error:
            raise Fatal(f"cannot listen on {address}: {error.strerror or error}", "CannotListen") from None
        yield ListenAddress(address.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()
