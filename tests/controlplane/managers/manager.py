"""One of Cluster API's managers in a test control plane, with its webhooks on 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import secrets
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.waiting import wait_until

from .. import pki
from ..plane import START_SECONDS, ControlPlane
from ..process import Program, free_port, ready


class Manager:
    """One manager. name: what its log and its webhooks are called; options: those that only this one has."""

    def __init__(self, plane: ControlPlane, name: str, program: Path, options: Sequence[str] = ()) -> None:
        self.plane = plane
        self.name = name
        self._program = program
        self._options = tuple(options)
        self._webhook_port = free_port()
        self._health_port = free_port()
        directory = plane.directory / f"webhooks-{name}-{secrets.token_hex(3)}"
        directory.mkdir()
        self._certificate = pki.self_signed(directory, "tls")
        self._running: Program | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self.plane.directory / f"{self.name}-{self._health_port}.log"

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return self._running.tail(lines) if self._running is not None else ""

    def end(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.kill()

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises `ControlPlaneError`."""
        command: list[str | Path] = [
            self._program,
            f"--kubeconfig={self.plane.kubeconfig}",
            f"--webhook-cert-dir={self._certificate.certificate.parent}",
            f"--webhook-port={self._webhook_port}",
            f"--health-addr=127.0.0.1:{self._health_port}",
            "--diagnostics-address=127.0.0.1:0",
            "--insecure-diagnostics",
            "--leader-elect=false",
            "--skip-crd-migration-phases=StorageVersionMigration,CleanupManagedFields",
            "--v=2",
            *self._options,
        ]
        self._running = Program(command, self.log)
        url = f"http://127.0.0.1:{self._health_port}/readyz"

        def answers() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as told:
                return bool(told.status == 200)
            return False

        wait_until(answers, ready(f"Cluster API's {self.name} is ready", START_SECONDS, self._running))

    def client(self, path: str) -> dict[str, Any]:
        """How the API server reaches one of its webhooks."""
        authority = base64.b64encode(self._certificate.certificate.read_bytes()).decode()
        return {"url": f"https://127.0.0.1:{self._webhook_port}{path}", "caBundle": authority}

    def webhooks(self, generated: Path) -> list[dict[str, Any]]:
        """The admission webhooks of a generated file, pointed at the manager here."""
        configurations = list(yaml.safe_load_all(generated.read_text()))
        for configuration in configurations:
            configuration["metadata"]["name"] = f"{self.name}-{configuration['metadata']['name']}"
            for webhook in configuration["webhooks"]:
                webhook["clientConfig"] = self.client(webhook["clientConfig"]["service"]["path"])
        return configurations
