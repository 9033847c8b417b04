from __future__ import annotations

import pytest

from capra.controller.news import News
from capra.kube.client.resources import Raw


@pytest.mark.parametrize(
    ("change", "news"),
    [
        ({}, False),
        ({"status": {"initialization": {"infrastructureProvisioned": True}, "workers": {"replicas": 7}}}, False),
        ({"status": {}}, True),
        ({"spec": {"paused": True}}, True),
        ({"metadata": {"name": "c", "namespace": "n", "uid": "another"}}, True),
        ({"metadata": {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": "9"}}, False),
        ({"metadata": {"name": "c", "namespace": "n", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
    ],
)
def test_what_of_a_cluster_counts_for_its_machines(change: Raw, news: bool) -> None:
    status = {"initialization": {"infrastructureProvisioned": True}, "workers": {"replicas": 6}}
    metadata = {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": "8"}
    before: Raw = {"metadata": metadata, "spec": {}, "status": status}
    told = News()
    assert told.is_news("Cluster", before)
    assert told.is_news("Cluster", {**before, **change}) is news


def machine(version: int, **status: object) -> Raw:
    metadata = {"name": "m", "namespace": "n", "resourceVersion": str(version), "annotations": {"phase": "New"}}
    return {"metadata": metadata, "spec": {}, "status": status}


def test_progress_is_no_news_and_all_else_of_a_machine_is() -> None:
    told = News()
    assert told.is_news("RemoteMachine", machine(1))
    assert not told.is_news("RemoteMachine", machine(2, progress="step 1 of 2"))
    assert not told.is_news("RemoteMachine", machine(3, progress="step 2 of 2"))
    # The event of the second write says both, where that of the first was late and is not looked at.
    assert told.is_news("RemoteMachine", machine(5, progress="step 2 of 2", phase="Provisioned"))
    assert not told.is_news("RemoteMachine", machine(6, phase="Provisioned"))
    changed = machine(7, phase="Provisioned")
    changed["metadata"]["annotations"] = {"phase": "Provisioned"}
    assert told.is_news("RemoteMachine", changed)


def test_one_of_the_name_of_another_is_news_and_so_is_each_event_of_other_kinds() -> None:
    told = News()
    assert told.is_news("RemoteMachine", machine(1))
    told.forget("RemoteMachine", machine(1))
    assert told.is_news("RemoteMachine", machine(1))
    assert all(told.is_news("RemoteCluster", machine(1)) for _ in range(2))


def test_when_a_host_was_probed_is_no_news_and_what_was_found_is() -> None:
    told = News()
    found = [{"type": "Fit", "status": "True"}]
    assert told.is_news("PooledRemoteMachine", machine(1, lastProbeTime="1", conditions=found))
    addresses = {"addresses": ["192.0.2.1"]}
    assert not told.is_news("PooledRemoteMachine", machine(2, lastProbeTime="2", conditions=found, facts=addresses))
    assert told.is_news("PooledRemoteMachine", machine(2, lastProbeTime="2", conditions=found, facts={"cpus": 2}))
    assert told.is_news("PooledRemoteMachine", machine(3, lastProbeTime="3", conditions=[]))
    assert told.is_news("PooledRemoteMachine", machine(4, lastProbeTime="3", conditions=[], state="Reserved"))
