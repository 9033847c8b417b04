"""The page of a controller, served over https with the example of a fleet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from capra.controller.serving.access import Access
from capra.controller.serving.health import serving_diagnostics
from capra.controller.serving.metrics import Metrics
from capra.controller.serving.page.guard import Guard
from capra.controller.serving.page.server import PageServer
from capra.controller.serving.page.sessions import Sessions
from capra.controller.serving.page.source import PageSource
from capra.errors import Retry
from capra.kube.cache.cache import Cache
from capra.kube.client.reviews import Verdict
from capra.runs.kept.kept_runs import KeptRuns
from capra.settings import ControllerSettings, ListenAddress
from capra.settings.values import KeepLimits
from tests.support import fleet

MAY_READ = {"admin": ("/page/", "/logs/"), "viewer": ("/page/",), "alice": ("/page/team-a/", "/logs/team-a/")}
"""Tokens, and what their bearers may read: paths that begin so."""


@dataclass
class ServedPage:
    """now: what the sessions' clock says. revoked: tokens that the API server knows no more. asked: reviews so far."""

    url: str
    source: PageSource
    cache: Cache
    kept: KeptRuns
    now: float = 0.0
    revoked: set[str] | None = None

    async def review(self, token: str, path: str) -> Verdict:
        """What the API server says."""
        if token == "silence":
            raise Retry("the API server cannot be asked")
        if token not in MAY_READ or token in (self.revoked or ()):
            return Verdict.UNKNOWN
        return Verdict.ALLOWED if path.startswith(MAY_READ[token]) else Verdict.FORBIDDEN


@asynccontextmanager
async def serving_page(directory: Path, cache: Cache | None = None) -> AsyncIterator[ServedPage]:
    """The page at a port of its own, at a fixed time of day. directory: for kept runs."""
    kept = KeptRuns(directory, KeepLimits(), lambda: fleet.NOW)
    for run in fleet.runs():
        kept.write(run)
    source = PageSource(kept)
    served = ServedPage("", source, cache if cache is not None else fleet.filled_cache(), kept)
    source.serve(served.cache, lambda: True)
    access = Access(served.review, lambda: served.now)
    page = PageServer(source, Guard(access, Sessions(lambda: served.now)), lambda: fleet.NOW)
    address = ListenAddress("127.0.0.1", 0)
    async with serving_diagnostics(ControllerSettings(page=True), address, Metrics(), access, kept, page) as place:
        served.url = f"https://localhost:{place.port}"
        yield served
