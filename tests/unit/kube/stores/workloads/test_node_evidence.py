"""What a Node says, whatever it says. The questions themselves: tests/component/controller/test_adoption.py."""

from __future__ import annotations

from typing import Any

import pytest

from capra.engine.adoption.evidence import NodeIdentity
from capra.kube.stores.workloads.node_evidence import LONGEST, node_identity

READY = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("more", "identity"),
    [
        ({}, NodeIdentity("n")),
        (
            {"status": {"nodeInfo": {"machineID": "abc"}, "conditions": READY}, "spec": {"providerID": "p"}},
            NodeIdentity("n", "abc", "p", ready=True),
        ),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, NodeIdentity("n")),
        ({"status": "x", "spec": ["y"]}, NodeIdentity("n")),
        ({"status": {"nodeInfo": "x", "conditions": ["Ready", 1]}, "spec": {"providerID": 1}}, NodeIdentity("n")),
        ({"status": {"nodeInfo": {"machineID": "a" * 999}}}, NodeIdentity("n", "a" * LONGEST)),
    ],
)
def test_identity(more: dict[str, Any], identity: NodeIdentity) -> None:
    assert node_identity({"metadata": {"name": "n"}, **more}) == identity


def test_a_node_that_is_being_deleted() -> None:
    assert node_identity({"metadata": {"name": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}}).leaving
