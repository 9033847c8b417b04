"""Requests to the API server over connections that stay open, and a watch: as cheap as a client can be."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import yaml

from bench.fleets.hosts import BenchError

AT_ONCE = 8
TRIES = 30
Request = tuple[str, str, Mapping[str, Any] | None]
"""Method, path, body."""


class Client:
    """A client of one API server."""

    def __init__(self, kubeconfig: str) -> None:
        """kubeconfig: as text, with a token."""
        document = yaml.safe_load(kubeconfig)
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        self._server = urlsplit(cluster["server"])
        self._headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def connect(self, timeout: float | None = 60) -> http.client.HTTPSConnection:
        """A new connection. timeout: seconds without a word from the server; None for ever."""
        assert self._server.hostname is not None
        return http.client.HTTPSConnection(
            self._server.hostname, self._server.port, timeout=timeout, context=self._context
        )

    def send(self, connection: http.client.HTTPConnection, request: Request) -> http.client.HTTPResponse:
        """Send it; the answer, of which only the head has been read."""
        method, path, body = request
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, self._headers | {"Content-Type": kind})
        return connection.getresponse()

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request; the object of its answer. Raises BenchError for a refusal.

        One that is too many is made again: so a server answers that has just been told of a kind of objects. So is one
        that may be made twice, where the server has closed a connection that was not used for a while.
        """
        for _ in range(TRIES):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self.connect()
            try:
                answer = self.send(connection, (method, path, body))
                text = answer.read()
            except ConnectionError:
                connection.close()
                self._local.connection = None
                if method == "POST":
                    raise
                continue
            if answer.status != http.HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(1)
        else:
            raise BenchError(f"{method} {path}: no answer after {TRIES} tries")
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise BenchError(f"{method} {path}: status {answer.status}: {text[:500].decode(errors='replace')}")
        return json.loads(text)

    def all(self, requests: Iterable[Request]) -> list[Any]:
        """Many requests, some at a time; their answers in order."""
        return list(self._pool.map(lambda one: self.request(*one), requests))


class Watch:
    """Notes, in a thread of its own, when something first held for an object, and when it went."""

    def __init__(self, client: Client, path: str, holds: Callable[[Mapping[str, Any]], bool]) -> None:
        """path: of the list."""
        self._client = client
        self._path = path
        self._holds = holds
        self._version = client.request("GET", path)["metadata"]["resourceVersion"]
        self._connection = client.connect(None)
        self._ended = False
        self.held: dict[str, float] = {}
        """By name, in seconds of time.perf_counter."""
        self.gone: dict[str, float] = {}
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise BenchError where it does not go on."""
        if self._problem:
            raise BenchError(f"the watch of {self._path} has ended: {self._problem}")

    def forget(self, names: Sequence[str]) -> None:
        """As if these objects had never been seen."""
        for name in names:
            self.held.pop(name, None)
            self.gone.pop(name, None)

    def close(self) -> None:
        """End it."""
        self._ended = True
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)
        self._thread.join(5)

    def _run(self) -> None:
        try:
            while not self._ended:
                path = f"{self._path}?watch=true&resourceVersion={self._version}&timeoutSeconds=3600"
                answer = self._client.send(self._connection, ("GET", path, None))
                while line := answer.readline():
                    self._note(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException, BenchError) as error:
            self._problem = "" if self._ended else repr(error)

    def _note(self, event: Mapping[str, Any]) -> None:
        now, raw = time.perf_counter(), event["object"]
        if event["type"] == "ERROR":
            raise BenchError(str(raw))
        name, self._version = raw["metadata"]["name"], raw["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            self.gone[name] = now
        elif name not in self.held and self._holds(raw):
            self.held[name] = now
