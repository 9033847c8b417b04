"""Who may see a page, and what every answer says to the browser."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from aiohttp import web

from capra.controller.serving.access import OK, UNAUTHORIZED, Access
from capra.controller.serving.page.sessions import LIFETIME, Sessions

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing but this server's own files, and no script or style in a page (Content Security Policy Level 3)."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it a browser sends `Origin: null` with a form (Fetch, 'append a request Origin header').
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Knows readers by a bearer token in the header Authorization, or by the session of a browser. Cookies belong to
    a host name, whatever the port: the cookie's name is this process's own, so that the controllers of two clusters
    that are both reached at localhost leave each other's sessions alone."""

    def __init__(self, access: Access, sessions: Sessions) -> None:
        self._access = access
        self._sessions = sessions
        # A browser takes a cookie with this prefix from https only, for this host and all paths (RFC 6265bis).
        self._cookie = f"__Host-capra-{secrets.token_hex(4)}"

    async def refusal(self, request: web.Request, path: str) -> int:
        """0 where the reader may see the path, else the HTTP status: 401, 403 or 503. A session ends when the API
        server no longer knows its token."""
        given = request.headers.get("Authorization", "")
        if given:
            return await self._access.refusal(given, path)
        name = request.cookies.get(self._cookie, "")
        token = self._sessions.token(name) if name else ""
        if not token:
            return UNAUTHORIZED
        refused = await self._access.refusal(f"Bearer {token}", path)
        if refused == UNAUTHORIZED:
            self._sessions.end(name)
        return refused

    def has_session(self, request: web.Request) -> bool:
        """The reader has logged in, and can log out."""
        return bool(self._sessions.token(request.cookies.get(self._cookie, "")))

    async def log_in(self, request: web.Request, token: str, path: str, answer: web.Response) -> int:
        """Begin a session where the bearer of the token may see the path; the answer has its cookie then. Gives 0, or
        401, 403 or 503. A session that the browser had ends."""
        refused = await self._access.refusal(f"Bearer {token}", path)
        if refused == OK:
            self._sessions.end(request.cookies.get(self._cookie, ""))
            name = self._sessions.begin(token)
            answer.set_cookie(
                self._cookie, name, max_age=LIFETIME, path="/", secure=True, httponly=True, samesite="Strict"
            )
        return refused

    def log_out(self, request: web.Request, answer: web.Response) -> None:
        """End the session, if there is one."""
        self._sessions.end(request.cookies.get(self._cookie, ""))
        answer.del_cookie(self._cookie, path="/", secure=True, httponly=True, samesite="Strict")


def is_from_here(request: web.Request) -> bool:
    """The form was sent from a page of this server. A browser says so by Sec-Fetch-Site, which no script can set; an
    older one by Origin. SameSite does not tell: all ports of localhost are one site."""
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched is not None:
        return fetched == "same-origin"
    origin = request.headers.get("Origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("Host", "")
