"""The output of runs that a controller has kept, from its diagnostics port."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from capra.errors import Fatal, InputError, told
from capra.local.reading.bounded import read_bounded_file
from capra.model.host_port import join_host_port
from capra.model.machine import MachineKey
from capra.runs.kept.kept_run import KeptRun, load_kept_run

TIMEOUT = 30.0
"""Seconds for one answer."""

MAX_BYTES = 32 * 2**20
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
REFUSED = {
    401: "the API server does not know the token; `kubectl create token NAME` makes one",
    403: "the token's owner may not get it; ClusterRole capra-logs-reader lets somebody",
}


class LogServer:
    """The diagnostics of one controller. url: `https://HOST:PORT`. token_file: has a bearer token of the cluster's.
    authority: file with the CA certificates that the server is believed by. A controller's own certificate is signed by
    itself: without an authority only this machine is asked, which `kubectl port-forward` makes the controller.

    Raises InputError for what is wrong with these.
    """

    def __init__(self, url: str, token_file: str, authority: str) -> None:
        place = urlsplit(url)
        if place.scheme != "https" or not place.hostname or place.path.strip("/"):
            raise InputError(f"must be https://HOST:PORT, but is {url!r}", subject="--server")
        if not authority and place.hostname not in LOCAL:
            problem = f"is {place.hostname}: give --certificate-authority, or use `kubectl port-forward` and localhost"
            raise InputError(problem, subject="--server")
        self._host, self._port = place.hostname, place.port or 443
        self._place = join_host_port(self._host, self._port)
        self._context = _context(authority)
        self._token = _token(token_file)

    def names(self, key: MachineKey) -> list[str]:
        """The machine's runs, the oldest first. Raises Fatal or InputError."""
        return [str(name) for name in self._ask(key, "")["runs"]]

    def read(self, key: MachineKey, name: str) -> KeptRun:
        """The run of this name; the newest without one. Raises Fatal or InputError."""
        try:
            return load_kept_run(self._ask(key, name)["run"])
        except (KeyError, ValueError) as error:
            raise Fatal(f"the answer of {self._place} cannot be read: {error}", "Failed") from None

    def _ask(self, key: MachineKey, name: str) -> dict[str, Any]:
        parts = (key.namespace, key.name, *([name] if name else ()))
        path = "/logs/" + "/".join(quote(part, safe="") for part in parts)
        path += "?of=entry" if key.kind == "PooledRemoteMachine" else ""
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=self._context)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
            answer = connection.getresponse()
            body = answer.read(MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Fatal(f"{self._place} cannot be asked: {told(error)}", "Unreachable") from None
        finally:
            connection.close()
        return self._read(answer.status, body)

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        if status in REFUSED:
            raise InputError(REFUSED[status], subject="--token-file")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = {}
        if status != http.HTTPStatus.OK or not isinstance(document, dict):
            said = document.get("error", "") if isinstance(document, dict) else ""
            raise InputError(str(said) or f"answers with status {status}, and nothing to read", subject="--server")
        return document


def _context(authority: str) -> ssl.SSLContext:
    if authority:
        try:
            return ssl.create_default_context(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"cannot be read: {error}", subject=f"--certificate-authority {authority}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _token(file: str) -> str:
    if not file:
        raise InputError("is needed with --server: `kubectl create token NAME > FILE`", subject="--token-file")
    try:
        content = read_bounded_file(Path(file), 2**16, "--token-file")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=f"--token-file {file}") from None
    if not content.isascii() or len(content.split()) != 1:
        raise InputError("must hold one token", subject=f"--token-file {file}")
    return content.decode().strip()
