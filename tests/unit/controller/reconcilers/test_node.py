"""When a workload cluster is looked into, and what becomes of its answers. The clock and the cluster are made up."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from capra.controller.reconcilers import node as reconciler
from capra.controller.reconcilers.node import NodeReconciler
from capra.errors import CapraError
from capra.kube.cache.cache import Cache
from capra.kube.client.api import Api
from capra.kube.client.errors import ConflictError, DeniedError, InvalidError, UnavailableError
from capra.kube.client.kubeconfig import Workload
from capra.kube.client.resources import CORE_GROUP, NODES_OF_CLUSTER, REMOTE_MACHINES, ObjectKey, Raw, Resource
from capra.model.machine import GROUP

KEY = ObjectKey(NODES_OF_CLUSTER, "ns", "c")
LABEL = "k0smotron.io/machine-name"


class FakeApi(Api):
    """Both clusters. nodes: what a list answers. refusals: of the next patches, by Node."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.answer: Any = None
        self.down: CapraError | None = None
        self.refusals: dict[str, CapraError] = {}
        self.lists = 0
        self.patches: list[tuple[str, Raw]] = []

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        return {"data": {"value": base64.b64encode(b"kubeconfig").decode()}}

    async def pages(
        self, resource: Resource, namespace: str = "", *, metadata_only: bool = False, labels: str = ""
    ) -> AsyncIterator[Raw]:
        self.lists += 1
        if self.down is not None:
            raise self.down
        items = list(self.nodes.values())
        if self.answer is not None or not items:
            yield self.answer if self.answer is not None else {"items": []}
        for item in items:
            yield {"items": [item]}

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw, subresource: str = "") -> Raw:
        if name in self.refusals:
            raise self.refusals.pop(name)
        self.patches.append((name, body))
        self.nodes[name]["spec"] = dict(body["spec"])
        return body

    def node(self, name: str) -> None:
        self.nodes[name] = {"metadata": {"name": name, "resourceVersion": "7"}}


class Site:
    """A Cluster with Machines, a clock that stands, and the controller's part under test."""

    def __init__(self) -> None:
        self.api, self.cache, self.now = FakeApi(), Cache(), 1000.0
        self.nodes = NodeReconciler(self.api, self.cache)
        self._version = 0
        self.put("Cluster", "c", {})
        self.put("Secret", "c-kubeconfig", {})

    def put(self, kind: str, name: str, spec: Mapping[str, Any], **more: Any) -> None:
        self._version += 1
        metadata = {"name": name, "namespace": "ns", "uid": f"{kind}-{name}", "resourceVersion": str(self._version)}
        self.cache.put(kind, {"metadata": metadata | more.pop("metadata", {}), "spec": spec, **more})

    def machine(self, name: str, *, api_version: str = "", **status: Any) -> None:
        reference = {"kind": "RemoteMachine", "name": name}
        reference |= {"apiVersion": api_version} if api_version else {"apiGroup": GROUP}
        self.put("Machine", name, {"clusterName": "c", "infrastructureRef": reference}, status=status)
        owner = {"apiVersion": f"{CORE_GROUP}/v1beta2", "kind": "Machine", "name": name}
        spec = {"providerID": f"id:{name}", "address": ""}
        self.put(REMOTE_MACHINES.kind, name, spec, status={"ready": True}, metadata={"ownerReferences": [owner]})

    async def look(self, after: float = 0.0) -> float | None:
        self.now += after
        return (await self.nodes.reconcile(KEY)).requeue_after


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site()

    @contextlib.asynccontextmanager
    async def connected(workload: Workload, subject: str) -> AsyncIterator[Api]:
        yield made.api

    monkeypatch.setattr(reconciler, "connected", connected)
    monkeypatch.setattr(reconciler, "parse_kubeconfig", lambda data, subject: Workload("https://192.0.2.1"))
    monkeypatch.setattr(reconciler, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


@pytest.mark.parametrize("down", [None, UnavailableError("away"), DeniedError("no")])
async def test_looks_grow_rarer_from_ten_seconds_to_sixty(site: Site, down: CapraError | None) -> None:
    site.machine("m")
    site.api.down = down
    wait: float | None = 0.0
    waits = [wait := await site.look(wait or 0.0) for _ in range(5)]
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert site.api.lists == 5


async def test_what_changes_meanwhile_makes_no_request(site: Site) -> None:
    site.machine("m")
    assert await site.look() == 10.0
    assert await site.look(4.0) == 6.0
    assert site.api.lists == 1


async def test_another_machine_or_another_secret_is_looked_at_at_once(site: Site) -> None:
    site.machine("m")
    assert await site.look() == 10.0
    assert await site.look(10.0) == 20.0
    site.machine("n")
    assert await site.look(1.0) == 10.0
    assert await site.look(10.0) == 20.0
    site.put("Secret", "c-kubeconfig", {})
    assert await site.look(1.0) == 10.0
    assert site.api.lists == 5


async def test_a_steady_state_makes_no_requests_and_a_lost_node_does(site: Site) -> None:
    site.machine("m")
    site.api.node("m")
    assert await site.look() is None
    body = {"metadata": {"resourceVersion": "7", "labels": {LABEL: "m"}}, "spec": {"providerID": "id:m"}}
    assert site.api.patches == [("m", body)]
    assert await site.look(1000.0) is None
    assert site.api.lists == 1
    site.machine("m", conditions=[{"type": "NodeHealthy", "reason": "NodeDoesNotExist"}], nodeRef={"name": "m"})
    site.api.nodes.clear()
    assert await site.look() == 10.0
    site.api.node("m")
    assert await site.look(10.0) is None
    assert len(site.api.patches) == 2


async def test_a_node_that_cluster_api_has_found_is_not_looked_for(site: Site) -> None:
    site.machine("m", nodeRef={"name": "m"})
    assert await site.look() is None
    assert site.api.lists == 0


async def test_machines_in_the_spelling_of_v1beta1(site: Site) -> None:
    site.machine("m", api_version=f"{GROUP}/v1beta1")
    site.machine("foreign", api_version="infrastructure.example.org/v1beta1")
    site.api.node("m")
    site.api.node("foreign")
    assert await site.look() is None
    assert [name for name, _ in site.api.patches] == ["m"]


async def test_a_node_that_changes_meanwhile_is_written_to_a_second_later(site: Site) -> None:
    site.machine("m")
    site.machine("n")
    site.api.node("m")
    site.api.node("n")
    site.api.refusals = {"m": ConflictError("409")}
    assert await site.look() == 1.0
    assert [name for name, _ in site.api.patches] == ["n"]
    assert await site.look(1.0) is None
    assert [name for name, _ in site.api.patches] == ["n", "m"]


@pytest.mark.parametrize("refusal", [InvalidError("422"), DeniedError("403")])
async def test_a_node_that_may_not_be_written_to_holds_up_no_other(site: Site, refusal: CapraError) -> None:
    for name in ("m", "n"):
        site.machine(name)
        site.api.node(name)
    with capture_logs() as logs:
        for after in (0.0, 10.0, 20.0):
            site.api.refusals = {"m": refusal}
            assert await site.look(after)
    assert [name for name, _ in site.api.patches] == ["n"]
    assert [entry["error"] for entry in logs if entry["log_level"] == "warning"] == [str(refusal)]


@pytest.mark.parametrize("answer", [[], {"items": 7}, {"items": ["x"]}, {"items": [{"metadata": {}}]}, {}, "x"])
async def test_an_answer_that_is_no_list_of_nodes_is_no_answer(site: Site, answer: object) -> None:
    site.machine("m")
    site.api.answer = answer
    with capture_logs() as logs:
        assert await site.look() == 10.0
    assert [entry["error"] for entry in logs] == ["the answer is no list of Nodes"]


async def test_a_node_that_is_being_deleted_is_nobodys(site: Site) -> None:
    site.machine("m")
    site.api.node("m")
    site.api.nodes["m"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert await site.look() == 10.0
    assert site.api.patches == []


async def test_a_name_that_is_too_long_for_a_label_is_left_out(site: Site) -> None:
    name = "m" * 64
    site.machine(name)
    site.api.node(name)
    assert await site.look() is None
    assert site.api.patches == [(name, {"metadata": {"resourceVersion": "7"}, "spec": {"providerID": f"id:{name}"}})]


async def test_nothing_is_kept_of_a_cluster_whose_machines_have_gone(site: Site) -> None:
    site.machine("m")
    assert await site.look() == 10.0
    for kind in ("Machine", REMOTE_MACHINES.kind):
        site.cache.remove(kind, site.cache.get(kind, "ns", "m") or {})
    assert await site.look() is None
    assert not site.nodes._clusters


async def test_no_more_nodes_are_kept_than_a_cluster_can_have(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "MOST_NODES", 3)
    site.machine("m")
    for name in ("m", "n", "o"):
        site.api.node(name)
    assert await site.look() is None
    site.machine("p")
    site.api.node("p")
    with capture_logs() as logs:
        assert await site.look() == 10.0
    assert [entry["error"] for entry in logs] == ["there are more than 3 Nodes, or pages of them"]


async def test_pages_of_nothing_come_to_an_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    async def pages(*_: object, **__: object) -> AsyncIterator[Raw]:
        nonlocal read
        while read < 10_000:
            read += 1
            yield {"items": []}

    monkeypatch.setattr(reconciler, "MOST_NODES", 30)
    monkeypatch.setattr(site.api, "pages", pages)
    site.machine("m")
    assert await site.look() == 10.0
    assert read == 31


@pytest.mark.parametrize(
    "node",
    [
        {"metadata": {"name": "m", "labels": {LABEL: {}}}},
        {"metadata": {"name": "m", "labels": {"kubernetes.io/hostname": 5}}},
        {"metadata": {"name": "m", "labels": []}},
        {"metadata": {"name": "m", "labels": ["x"]}},
        {"metadata": {"name": ["m"]}},
        {"metadata": {"name": "m"}, "spec": {"providerID": {}}},
        {"metadata": {"name": "m"}, "spec": []},
        {"metadata": {"name": "m"}, "spec": 7},
        {"metadata": {"name": "m"}, "status": {"addresses": [{"address": {}, "type": []}]}},
        {"metadata": {"name": "m"}, "status": {"addresses": ["x"]}},
        {"metadata": {"name": "m" * 10_000}},
        {"metadata": {"name": "m", "resourceVersion": {}, "deletionTimestamp": 5}},
    ],
)
async def test_nothing_in_a_node_is_an_exception(site: Site, node: dict[str, Any]) -> None:
    site.machine("m")
    site.api.nodes["m"] = node
    await site.look()  # raises nothing


async def test_a_problem_is_told_in_few_words(site: Site) -> None:
    site.machine("m")
    for number in range(1000):
        name = f"node-{number:04}"
        site.api.node(name)
        site.api.nodes[name]["metadata"]["labels"] = {LABEL: "m"}
    with capture_logs() as logs:
        assert await site.look() == 10.0
    [why] = [entry["why"] for entry in logs]
    assert why.startswith("any of the Nodes node-0000, node-0001, ")
    assert why.endswith("node-0009, 990 more could be its own")


async def test_a_kubeconfig_is_read_beside_the_event_loop(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def parse(data: bytes, subject: str) -> Workload:
        threads.append(threading.current_thread())
        return Workload("https://192.0.2.1")

    monkeypatch.setattr(reconciler, "parse_kubeconfig", parse)
    site.machine("m")
    assert await site.look() == 10.0
    assert threads
    assert threading.main_thread() not in threads
