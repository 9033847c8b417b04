"""Serves the page over https: `/page/` of all namespaces, `/page/NAMESPACE/` of one, below that each machine and host.

A reader must be allowed to `get` the path (`nonResourceURLs`, as for the metrics); `/page/team-a/*` is one namespace.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from capra.controller.serving.access import FORBIDDEN, OK, UNAUTHORIZED, UNAVAILABLE
from capra.controller.serving.page.detail import RUNS, Detail, page_detail
from capra.controller.serving.page.guard import HEADERS, Guard, is_from_here
from capra.controller.serving.page.overview import PageOverview, page_overview
from capra.controller.serving.page.rendering import read_asset, render_page
from capra.controller.serving.page.source import PageSource
from capra.kube.client.resources import ENTRIES, MACHINES
from capra.model.machine import MachineKey
from capra.model.status import timestamp

OVERVIEW = "/page/"
LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
"""A namespace (RFC 1123, label)."""

IN_NAMESPACE = f"/page/{{namespace:{LABEL}}}/"
ONE = IN_NAMESPACE + "{kind:machines|hosts}/{name:[a-z0-9][-.a-z0-9]{0,252}}"
KINDS_OF_PATHS = {"machines": MACHINES, "hosts": ENTRIES}
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}
LONGEST_TOKEN = 16 * 1024
TABLES = ("machines", "hosts", "pools")


class PageServer:
    """The page. clock: seconds since the epoch, shown as the time of what is seen."""

    def __init__(self, source: PageSource, guard: Guard, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._guard = guard
        self._clock = clock
        # One at a time: however many look, the work has at least half of the interpreter.
        self._rendering = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        paths = (OVERVIEW, IN_NAMESPACE, ONE)
        shown = [web.get(path, self._show) for path in paths] + [web.post(path, self._log_in) for path in paths]
        assets = [web.get(f"/assets/{name}", self._asset) for name in ASSETS]
        return [*shown, web.post("/logout", self._log_out), *assets]

    async def _asset(self, request: web.Request) -> web.Response:
        """A style or a script: the same for everybody."""
        name = request.path.rpartition("/")[2]
        headers = HEADERS | {"Content-Type": f"{ASSETS[name]}; charset=utf-8", "Cache-Control": "no-cache"}
        return web.Response(body=await asyncio.to_thread(read_asset, name), headers=headers)

    async def _log_in(self, request: web.Request) -> web.Response:
        """The form with a token was sent."""
        if not is_from_here(request):
            return _plain(FORBIDDEN, "The form must be sent from this server's own page.")
        form = await request.post()
        token, namespace = (str(form.get(name, "")).strip() for name in ("token", "namespace"))
        path = _path(request)
        if namespace and path == OVERVIEW:
            if not re.fullmatch(LABEL, namespace):
                return await self._form(request, 400, "That is not the name of a namespace.")
            path = f"{OVERVIEW}{namespace}/"
        if not token or len(token) > LONGEST_TOKEN:
            return await self._form(request, 400, "Give a token, as kubectl create token prints it.")
        answer = web.Response(status=303, headers=HEADERS | {"Location": path})
        refused = await self._guard.log_in(request, token, path, answer)
        return answer if refused == OK else await self._form(request, refused)

    async def _log_out(self, request: web.Request) -> web.Response:
        if not is_from_here(request):
            return _plain(FORBIDDEN, "The form must be sent from this server's own page.")
        answer = web.Response(status=303, headers=HEADERS | {"Location": OVERVIEW})
        self._guard.log_out(request, answer)
        return answer

    async def _form(self, request: web.Request, status: int, told: str = "") -> web.Response:
        """Asks for a token. told: what was wrong; empty for what the status says."""
        path = _path(request)
        # A 401 needs a WWW-Authenticate (RFC 9110); browsers do not prompt for this scheme.
        headers = {"WWW-Authenticate": "Bearer"} if status == UNAUTHORIZED else {}
        values = {"path": path, "status": status, "told": told, "anywhere": path == OVERVIEW}
        return _html(render_page("login.html", can_log_out=self._guard.has_session(request), **values), status, headers)

    async def _show(self, request: web.Request) -> web.Response:
        """The page, or with ?fragment=1 the part of it that changes."""
        refused = await self._guard.refusal(request, _path(request))
        if refused:
            return await self._form(request, refused)
        if self._source.missing:
            return self._message(request, UNAVAILABLE, "Not now", self._source.missing)
        made = await (self._detail(request) if "name" in request.match_info else self._overview(request))
        if made is None:
            return self._message(request, 404, "Not here", "The controller knows no such object.")
        template, values = made
        values |= {
            "at": timestamp(self._clock()),
            "can_log_out": self._guard.has_session(request),
            "namespace": request.match_info.get("namespace", ""),
        }
        if request.query.get("fragment") == "1":
            template = f"{template}_live"
        async with self._rendering:
            body = await asyncio.to_thread(_rendered, f"{template}.html", values)
        return _html(body)

    def _message(self, request: web.Request, status: int, title: str, told: str) -> web.Response:
        can_log_out = self._guard.has_session(request)
        return _html(render_page("message.html", title=title, told=told, can_log_out=can_log_out), status)

    async def _overview(self, request: web.Request) -> tuple[str, dict[str, Any]]:
        objects = self._source.objects(request.match_info.get("namespace", ""))
        asked = {name: _number(request.query.get(name, "")) for name in TABLES}

        def make() -> PageOverview:
            return page_overview(*objects, asked)

        return "overview", {"make": make, "asked": asked}

    async def _detail(self, request: web.Request) -> tuple[str, dict[str, Any]] | None:
        found = request.match_info
        key = MachineKey(found["namespace"], found["name"], KINDS_OF_PATHS[found["kind"]])
        raw = self._source.one(key)
        if raw is None:
            return None
        logs = await self._guard.refusal(request, f"/logs/{key.namespace}/{key.name}")

        def make() -> Detail:
            return page_detail(key.kind, raw, self._source.runs(key, RUNS), with_output=logs == OK)

        return "detail", {"make": make, "with_output": logs == OK}


def _rendered(template: str, values: dict[str, Any]) -> str:
    """What is shown is made, and rendered, in one thread beside the event loop's."""
    make = values.pop("make")
    return render_page(template, shown=make(), **values)


def _path(request: web.Request) -> str:
    """The path that is authorized: made of the parts that count, and of nothing else that the request says."""
    found = request.match_info
    if "namespace" not in found:
        return OVERVIEW
    path = f"{OVERVIEW}{found['namespace']}/"
    return f"{path}{found['kind']}/{found['name']}" if "name" in found else path


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _html(body: str, status: int = 200, more: dict[str, str] | None = None) -> web.Response:
    headers = HEADERS | {"Content-Type": "text/html; charset=utf-8"} | (more or {})
    return web.Response(body=body.encode("utf-8", "replace"), status=status, headers=headers)


def _plain(status: int, told: str) -> web.Response:
    headers = HEADERS | {"Content-Type": "text/plain; charset=utf-8"}
    return web.Response(body=f"{told}\n".encode(), status=status, headers=headers)
