"""Cluster API's core in a test control plane: its CRDs, and its manager with its webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from .. import assets
from ..crds import install_cluster_api
from ..plane import ControlPlane
from ..process import TakenDown
from .manager import Manager


class ClusterApi(TakenDown):
    """A running manager. `ClusterApi.up(plane)` makes one; a context manager that ends it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._files = assets.cluster_api()
        self._manager = Manager(plane, "cluster-api", self._files.manager, ["--feature-gates=ClusterTopology=true"])

    @classmethod
    def up(cls, plane: ControlPlane) -> Self:
        """Install the CRDs and webhooks, and start the manager. Raises `Unavailable` or `ControlPlaneError`."""
        made = cls(plane)
        install_cluster_api(plane, made._manager.client("/convert"))
        try:
            made._manager.start()
            plane.apply(made._manager.webhooks(made._files.webhooks), "--server-side")
        except BaseException:
            made.down()
            raise
        return made

    @property
    def log(self) -> Path:
        """What the manager says."""
        return self._manager.log

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return self._manager.tail(lines)

    def down(self) -> None:
        """End the manager."""
        self._manager.end()
