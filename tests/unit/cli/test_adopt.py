"""`capra adopt`. On real hosts: tests/e2e/controller/test_adoption.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from capra.cli.commands import adopt
from capra.engine.adoption.evidence import ClusterEvidence, NodeIdentity
from capra.kube.client.kubeconfig import Workload
from capra.model.run import Playbook
from capra.testing import FakeRunner, finished
from tests.unit.cli.conftest import Terminal

ID = "0123456789abcdef0123456789abcdef"
FACTS = {"hostname": "edge-1", "machine_id": ID, "here.services": "k0sworker"}
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://192.0.2.1:6443"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the cluster was asked for. It has the Node of the host."""
    found: list[Any] = []

    async def answer(given: Workload, names: Sequence[str], subject: str) -> ClusterEvidence:
        found.append((given.server, *names))
        return ClusterEvidence((NodeIdentity("edge-1", ID, ready=True),))

    monkeypatch.setattr(adopt, "cluster_evidence", answer)
    return found


def arguments(capra: Terminal) -> tuple[str, ...]:
    file = Path(capra.manifest()).parent / "workload.kubeconfig"
    file.write_text(KUBECONFIG)
    return ("adopt", "-f", str(capra.manifest()), "--kubeconfig", str(file))


def test_a_node_is_remembered_as_provisioned(capra: Terminal, asked: list[Any]) -> None:
    capra.runner = runner = FakeRunner([finished(findings=[], facts=FACTS)])
    [report] = capra.json(*arguments(capra), "--check")
    assert (report["outcome"], report["message"]) == ("Adopted", "would be adopted; nothing was run on the host")
    assert capra.json("status") == []
    [report] = capra.json(*arguments(capra))
    assert (report["outcome"], report["message"]) == ("Adopted", "is adopted; nothing was run on the host")
    [known] = capra.json("status")
    assert known["phase"] == "Provisioned"
    assert {one.playbook for one in runner.requests} == {Playbook.PREFLIGHT}
    assert asked[0][:2] == ("https://192.0.2.1:6443", "edge-1")
    [report] = capra.json(*arguments(capra))
    assert report["outcome"] is None  # nothing had to be run
    assert len(runner.requests) == 2


def test_a_host_that_is_no_node_is_left_alone(capra: Terminal, asked: list[Any]) -> None:
    capra.runner = runner = FakeRunner([finished(findings=[], facts={"hostname": "edge-1"})])
    [report] = capra.json(*arguments(capra), code=1)
    assert (report["outcome"], report["ok"]) == ("WaitingForNode", False)
    assert {one.playbook for one in runner.requests} == {Playbook.PREFLIGHT}
    assert asked == []


def test_a_kubeconfig_that_cannot_be_read(capra: Terminal) -> None:
    result = capra("adopt", "-f", str(capra.manifest()), "--kubeconfig", "/nowhere/kubeconfig", code=2)
    assert result.stderr.splitlines()[0] == (
        "capra: error: --kubeconfig /nowhere/kubeconfig: cannot be read: No such file or directory"
    )
    manifest = str(capra.manifest())
    result = capra("adopt", "-f", manifest, "--kubeconfig", manifest, code=2)
    assert manifest in result.stderr
    assert len(result.stderr.splitlines()) == 1
