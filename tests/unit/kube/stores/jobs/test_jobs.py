"""Jobs are made once, found again, and taken away before another one begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from capra.errors import CapraError
from capra.kube.client.api import Api
from capra.kube.client.errors import ConflictError, DeniedError, InvalidError, MissingError
from capra.kube.client.resources import JOB_LABEL, JOBS, MACHINE_UID_LABEL, PODS, SECRETS, Raw, Resource, name_of
from capra.kube.stores.jobs.jobs import JobStore
from capra.model.jobs.job import JobOrder

TEMPLATE = {"spec": {"template": {"spec": {"containers": [{"name": "ssh"}]}}}}
ORDER = JobOrder("ns", "m", "u", "m-1", TEMPLATE, {"session": b"s"}, 60)
DONE = {"conditions": [{"type": "Complete", "status": "True"}]}


class FakeCluster(Api):
    """Keeps objects. refused: the answer to a new Job. deleted, made: kind and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.deleted: list[tuple[str, str]] = []
        self.made: list[tuple[str, str]] = []
        self.refused: CapraError | None = None
        self.naps = 0
        self.after: dict[int, Callable[[], None]] = {}

    def put(self, resource: Resource, name: str, uid: str = "u", **more: Any) -> None:
        labels = {MACHINE_UID_LABEL: uid, JOB_LABEL: more.pop("job", name)}
        self.objects[resource.kind, name] = {"metadata": {"name": name, "labels": labels}, **more}

    async def nap(self, seconds: float) -> None:
        self.naps += 1
        assert self.naps < 200
        self.after.pop(self.naps, lambda: None)()

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        if (resource.kind, name) not in self.objects:
            raise MissingError(name)
        return self.objects[resource.kind, name]

    async def list(
        self, resource: Resource, namespace: str = "", *, metadata_only: bool = False, labels: str = ""
    ) -> Raw:
        found = [raw for (kind, _), raw in self.objects.items() if kind == resource.kind]
        key, _, value = labels.partition("=")
        return {"items": [raw for raw in found if raw["metadata"]["labels"][key] == value]}

    async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
        if self.refused and resource == JOBS:
            raise self.refused
        if (resource.kind, name_of(body)) in self.objects:
            raise ConflictError("there")
        self.made.append((resource.kind, name_of(body)))
        self.objects[resource.kind, name_of(body)] = dict(body)
        return body

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        if self.objects.pop((resource.kind, name), None) is not None:
            self.deleted.append((resource.kind, name))

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw, subresource: str = "") -> Raw:
        metadata = (await self.get(resource, namespace, name))["metadata"]
        metadata.setdefault("annotations", {}).update(body["metadata"]["annotations"])
        return {}


def _finish(cluster: FakeCluster, name: str = "m-1") -> None:
    cluster.objects["Job", name]["status"] = DONE


async def test_a_job_is_made_and_its_secret_goes_when_it_has_ended() -> None:
    cluster = FakeCluster()
    cluster.after[3] = lambda: _finish(cluster)
    end = await JobStore(cluster, cluster.nap).carry_out(ORDER)
    assert end.succeeded
    assert cluster.made == [("Secret", "m-1"), ("Job", "m-1")]
    assert ("Secret", "m-1") not in cluster.objects


async def test_a_job_that_is_there_is_the_one() -> None:
    cluster = FakeCluster()
    cluster.put(JOBS, "m-1")
    cluster.put(SECRETS, "m-1")
    cluster.after[1] = lambda: _finish(cluster)
    assert (await JobStore(cluster, cluster.nap).carry_out(ORDER)).succeeded
    assert cluster.made == []


async def test_one_that_was_heard_is_not() -> None:
    cluster = FakeCluster()
    cluster.put(JOBS, "m-1", status=DONE)
    store = JobStore(cluster, cluster.nap)
    await store.heard(ORDER)
    cluster.after[1] = lambda: _finish(cluster)
    await store.carry_out(ORDER)
    assert cluster.made == [("Secret", "m-1"), ("Job", "m-1")]


async def test_another_ones_pods_have_ended_before_a_job_begins() -> None:
    cluster = FakeCluster()
    for resource in (JOBS, SECRETS):
        cluster.put(resource, "m-0")
    cluster.put(PODS, "m-0-abc", job="m-0", status={"phase": "Running"})
    made_at: list[bool] = []

    def goes() -> None:
        made_at.append(bool(cluster.made))
        del cluster.objects["Pod", "m-0-abc"]

    cluster.after[2] = goes
    cluster.after[4] = lambda: _finish(cluster)
    assert (await JobStore(cluster, cluster.nap).carry_out(ORDER)).succeeded
    assert made_at == [False]
    assert {("Job", "m-0"), ("Secret", "m-0")} <= set(cluster.deleted)


async def test_a_pod_that_does_not_go_holds_the_next_one_back() -> None:
    cluster = FakeCluster()
    cluster.put(JOBS, "m-0")
    cluster.put(PODS, "m-0-abc", job="m-0", status={"phase": "Running"})
    end = await JobStore(cluster, cluster.nap).carry_out(ORDER)
    assert (end.reason, end.began, cluster.made) == ("PodLeft", False, [])
    assert "m-0-abc" in end.message


async def test_it_holds_back_those_that_come_after_it_too() -> None:
    """Its Job and Secret are gone by then."""
    cluster = FakeCluster()
    cluster.put(JOBS, "m-0")
    cluster.put(PODS, "m-0-abc", job="m-0", status={"phase": "Running"})
    store = JobStore(cluster, cluster.nap)
    for _ in range(2):
        assert (await store.carry_out(ORDER)).reason == "PodLeft"
    assert cluster.made == []
    cluster.objects["Pod", "m-0-abc"]["status"]["phase"] = "Failed"
    cluster.after[cluster.naps + 1] = lambda: _finish(cluster)
    assert (await store.carry_out(ORDER)).succeeded


async def test_a_wait_that_is_broken_off_is_begun_again() -> None:
    cluster = FakeCluster()
    cluster.put(JOBS, "m-0")
    cluster.put(PODS, "m-0-abc", job="m-0", status={"phase": "Running"})

    async def cancelled(seconds: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await JobStore(cluster, cancelled).carry_out(ORDER)
    assert (await JobStore(cluster, cluster.nap).carry_out(ORDER)).reason == "PodLeft"
    assert cluster.made == []


@pytest.mark.parametrize("name", ["m-1", "m-2"])
async def test_the_pod_of_a_job_that_somebody_deleted_is_waited_for(name: str) -> None:
    cluster = FakeCluster()
    cluster.after[1] = lambda: cluster.objects.__delitem__(("Job", "m-1"))
    store = JobStore(cluster, cluster.nap)
    assert (await store.carry_out(ORDER)).reason == "Deleted"
    cluster.put(PODS, "m-1-abc", job="m-1", status={"phase": "Running"})
    cluster.made.clear()
    assert (await store.carry_out(replace(ORDER, name=name))).reason == "PodLeft"
    assert cluster.made == []


async def test_the_pod_of_the_job_itself_goes_on() -> None:
    cluster = FakeCluster()
    cluster.put(JOBS, "m-1")
    cluster.put(PODS, "m-1-abc", job="m-1", status={"phase": "Running"})
    cluster.after[1] = lambda: _finish(cluster)
    assert (await JobStore(cluster, cluster.nap).carry_out(ORDER)).succeeded


@pytest.mark.parametrize("error", [InvalidError("422 spec.template is wrong"), DeniedError("403 no quota is wrong")])
async def test_a_job_that_is_refused_leaves_no_secret(error: CapraError) -> None:
    cluster = FakeCluster()
    cluster.refused = error
    end = await JobStore(cluster, cluster.nap).carry_out(ORDER)
    assert (end.reason, end.began) == ("Refused", False)
    assert "is wrong" in end.message
    assert ("Secret", "m-1") not in cluster.objects


async def test_a_name_that_is_somebody_elses() -> None:
    cluster = FakeCluster()
    cluster.put(JOBS, "m-1", uid="another")
    assert (await JobStore(cluster, cluster.nap).carry_out(ORDER)).reason == "Refused"
    assert ("Job", "m-1") in cluster.objects


async def test_a_job_that_somebody_deletes_has_ended() -> None:
    cluster = FakeCluster()
    cluster.after[1] = lambda: cluster.objects.__delitem__(("Job", "m-1"))
    end = await JobStore(cluster, cluster.nap).carry_out(ORDER)
    assert (end.succeeded, end.reason) == (False, "Deleted")


async def test_one_that_is_deleted_at_once_has_ended() -> None:
    """Between its creation and the first look at it."""

    class Quick(FakeCluster):
        async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
            made = await super().create(resource, namespace, body)
            if resource == JOBS:
                del self.objects["Job", name_of(body)]
            return made

    cluster = Quick()
    end = await JobStore(cluster, cluster.nap).carry_out(ORDER)
    assert (end.reason, end.began) == ("Deleted", True)
    assert cluster.objects == {}


@pytest.mark.parametrize(
    "spec", [{"volumes": 5}, {"containers": [{"volumeMounts": 5}]}, {"containers": "x"}, {"containers": None}]
)
async def test_a_template_of_which_no_job_can_be_made(spec: dict[str, Any]) -> None:
    cluster = FakeCluster()
    template = {"spec": {"template": {"spec": {"containers": [{}]} | spec}}}
    end = await JobStore(cluster, cluster.nap).carry_out(replace(ORDER, template=template))
    assert (end.reason, end.began) == ("Refused", False)
    assert cluster.objects == {}


async def test_a_job_that_does_not_end_is_given_up() -> None:
    """As one that somebody has suspended."""
    cluster = FakeCluster()
    end = await JobStore(cluster, cluster.nap).carry_out(ORDER)
    assert (end.succeeded, end.reason) == (False, "DeadlineExceeded")
    assert cluster.objects == {}
    assert cluster.naps > 480 / 5
