"""Cluster API's kubeadm providers in a test control plane: their CRDs, and both managers with their webhooks.

They need Cluster API's core (`ClusterApi.up`) beside them.
"""

from __future__ import annotations

from typing import Self

from .. import assets
from ..crds import install_provider
from ..plane import ControlPlane
from ..process import TakenDown
from .manager import Manager

GATES = {
    "bootstrap": "KubeadmBootstrapFormatIgnition=true",
    "control-plane": "KubeadmBootstrapFormatIgnition=true",
}


class Kubeadm(TakenDown):
    """Two running managers. `Kubeadm.up(plane)` makes them; a context manager that ends them."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._files = assets.kubeadm()
        self._managers = {
            part: Manager(plane, f"kubeadm-{part}", self._files[part].manager, [f"--feature-gates={gates}"])
            for part, gates in GATES.items()
        }

    @classmethod
    def up(cls, plane: ControlPlane) -> Self:
        """Install the CRDs and webhooks, and start the managers. Raises `Unavailable` or `ControlPlaneError`."""
        made = cls(plane)
        try:
            for part, manager in made._managers.items():
                files = made._files[part]
                install_provider(plane, files.crds, f"{part}-kubeadm", manager.client("/convert"))
                manager.start()
                plane.apply(manager.webhooks(files.webhooks), "--server-side")
        except BaseException:
            made.down()
            raise
        return made

    def tail(self, lines: int = 20) -> str:
        """The ends of both logs."""
        return "\n".join(f"== {part}\n{manager.tail(lines)}" for part, manager in self._managers.items())

    def down(self) -> None:
        """End both managers."""
        for manager in self._managers.values():
            manager.end()
