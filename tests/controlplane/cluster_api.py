"""Cluster API's core in a test control plane: its CRDs, and its manager with its webhooks on 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import secrets
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.waiting import wait_until

from . import assets, pki
from .crds import install_cluster_api
from .plane import START_SECONDS, ControlPlane
from .process import Program, free_port, ready


class ClusterApi:
    """A running manager. `ClusterApi.up(plane)` makes one; a context manager that ends it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._files = assets.cluster_api()
        self._webhook_port = free_port()
        self._health_port = free_port()
        directory = plane.directory / f"webhooks-{secrets.token_hex(3)}"
        directory.mkdir()
        self._certificate = pki.self_signed(directory, "tls")
        self._manager: Program | None = None

    @classmethod
    def up(cls, plane: ControlPlane) -> Self:
        """Install the CRDs and webhooks, and start the manager. Raises `Unavailable` or `ControlPlaneError`."""
        made = cls(plane)
        install_cluster_api(plane, made._client("/convert"))
        try:
            made._start()
            plane.apply(made._webhooks(), "--server-side")
        except BaseException:
            made.down()
            raise
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def log(self) -> Path:
        """What the manager says."""
        return self.plane.directory / f"cluster-api-{self._health_port}.log"

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return self._manager.tail(lines) if self._manager is not None else ""

    def down(self) -> None:
        """End the manager."""
        if self._manager is not None:
            self._manager.kill()

    def _start(self) -> None:
        command: list[str | Path] = [
            self._files.manager,
            f"--kubeconfig={self.plane.kubeconfig}",
            f"--webhook-cert-dir={self._certificate.certificate.parent}",
            f"--webhook-port={self._webhook_port}",
            f"--health-addr=127.0.0.1:{self._health_port}",
            "--diagnostics-address=127.0.0.1:0",
            "--insecure-diagnostics",
            "--leader-elect=false",
            "--feature-gates=ClusterTopology=true",
            "--skip-crd-migration-phases=StorageVersionMigration,CleanupManagedFields",
            "--v=2",
        ]
        self._manager = Program(command, self.log)
        url = f"http://127.0.0.1:{self._health_port}/readyz"

        def answers() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as told:
                return bool(told.status == 200)
            return False

        wait_until(answers, ready("Cluster API's manager is ready", START_SECONDS, self._manager))

    def _client(self, path: str) -> dict[str, Any]:
        authority = base64.b64encode(self._certificate.certificate.read_bytes()).decode()
        return {"url": f"https://127.0.0.1:{self._webhook_port}{path}", "caBundle": authority}

    def _webhooks(self) -> list[dict[str, Any]]:
        """The admission webhooks, pointed at the manager here."""
        configurations = list(yaml.safe_load_all(self._files.webhooks.read_text()))
        for configuration in configurations:
            configuration["metadata"]["name"] = f"capi-{configuration['metadata']['name']}"
            for webhook in configuration["webhooks"]:
                webhook["clientConfig"] = self._client(webhook["clientConfig"]["service"]["path"])
        return configurations
