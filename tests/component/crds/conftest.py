from __future__ import annotations

from tests.controlplane.fixtures import namespace, own_control_plane, shared_control_plane

__all__ = ["namespace", "own_control_plane", "shared_control_plane"]
