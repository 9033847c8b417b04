"""k0rdent's chart `remote-cluster` finds in Capra's CRDs what it looks for in k0smotron's."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.component.crds.support import CASES, GROUP, lost, read
from tests.component.crds.test_manifests import CLIENTS
from tests.controlplane import ControlPlane

OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((CASES / "k0rdent.yaml").read_text()))


@pytest.mark.parametrize("options", CLIENTS.values(), ids=CLIENTS)
def test_its_objects_apply_and_nothing_of_them_is_lost(
    shared_control_plane: ControlPlane, namespace: str, options: tuple[str, ...]
) -> None:
    shared_control_plane.apply(OBJECTS, "--namespace", namespace, *options)
    ours = [one for one in OBJECTS if one["apiVersion"].startswith(GROUP)]
    assert len(ours) == 5
    for wanted in ours:
        assert lost(wanted, read(shared_control_plane, namespace, wanted)) == []
