"""Every object of the installation has the provider's label. What releases and charts make of these files is looked at
by `tests/component/deploy`, which takes too long for each change."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = [path for place in ("deploy", "deploy/monitoring", "crds") for path in sorted((ROOT / place).glob("*.yaml"))]
OTHERS = {"kustomization.yaml", "metadata.yaml", "kube-state-metrics.yaml", "capi-operator.yaml"}
"""Settings of kustomize, clusterctl and kube-state-metrics, and what Cluster API Operator takes the objects from."""


@pytest.mark.parametrize("file", [path for path in FILES if path.name not in OTHERS], ids=lambda path: path.name)
def test_every_object_has_the_providers_label(file: Path) -> None:
    objects = [one for one in yaml.safe_load_all(file.read_text()) if one]
    assert objects
    for one in objects:
        labels = one["metadata"].get("labels", {})
        assert labels.get("cluster.x-k8s.io/provider") == "infrastructure-capra", (one["kind"], one["metadata"]["name"])
