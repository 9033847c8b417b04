"""What is looked for is found without a walk: the objects that the cache hands out are counted, not the time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest

from capra.controller.dependents import dependents, in_line
from capra.controller.serving.census import measure
from capra.controller.serving.metrics import Metrics
from capra.kube.cache import claims, entry_state, ownership
from capra.kube.cache.cache import Cache
from capra.kube.cache.choosing.offered import offered
from capra.kube.cache.known import By
from capra.kube.client.resources import (
    CLUSTERS,
    CORE_GROUP,
    ENTRIES,
    MACHINES,
    NODES_OF_CLUSTER,
    QUARANTINED,
    ObjectKey,
    Raw,
)
from capra.kube.stores.workloads.nodes import wanted
from capra.model.machine import GROUP, MachineKey
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import KEY, entry, machine
from tests.unit.kube.store_world import StoreWorld

FEW, MANY = 10, 1000
MOST = 30
"""Objects that any of these needs."""

EXHAUSTED = {"conditions": [{"type": "HostReserved", "status": "False", "reason": "PoolExhausted"}]}


WANTS: dict[str, Any] = {"hostSelector": {"matchLabels": {"rack": "a"}, "strategy": "LeastRecentlyUsed"}}
WANTS_MORE: dict[str, Any] = {"hostSelector": {"matchLabels": {"rack": "b"}}}


class Counted(Cache):
    """handed_out: objects, by whichever way."""

    def __init__(self) -> None:
        super().__init__(probes=True)
        self.handed_out = 0

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        self.handed_out += 1
        return super().get(kind, namespace, name)

    def by(self, kind: str, namespace: str, by: By, value: Hashable) -> Iterator[Raw]:
        for raw in super().by(kind, namespace, by, value):
            self.handed_out += 1
            yield raw


def owner(number: int, cluster: str = "c") -> dict[str, Any]:
    """The Machine of a RemoteMachine `m-<number>`."""
    reference = {"apiGroup": GROUP, "kind": MACHINES, "name": f"m-{number}"}
    spec = {"clusterName": cluster, "infrastructureRef": reference, "bootstrap": {"dataSecretName": f"data-{number}"}}
    metadata = {"name": f"m-{number}", "namespace": "default", "uid": f"uid-owner-{number}"}
    return {"kind": "Machine", "metadata": metadata, "spec": spec}


def owned(number: int, phase: Phase | None = None, **more: Any) -> dict[str, Any]:
    made = machine(f"m-{number}", f"uid-{number}", phase, **more)
    reference = {"apiVersion": f"{CORE_GROUP}/v1beta2", "kind": "Machine", "name": f"m-{number}"}
    made["metadata"]["ownerReferences"] = [reference | {"uid": f"uid-owner-{number}"}]
    return made


def filled(size: int) -> Counted:
    """So many machines at work, of one Cluster each, so many that wait, so many entries in use, free and in quarantine;
    two of the first are those that the questions are about."""
    made = Counted()
    made.put("Secret", KEY)
    for n in range(size):
        made.put("Machine", owner(n, f"c-{n}"))
        made.put(MACHINES, owned(n, Phase.PROVISIONED, address=f"e-{n}.example.org", sshKeyRef={"name": f"own-{n}"}))
        waiting = machine(f"w-{n}", f"uid-w-{n}", pool="q")
        made.put(MACHINES, waiting | {"status": EXHAUSTED})
        made.put(ENTRIES, entry(f"e-{n}", holder=f"m-{n}/uid-{n}/uid-e-{n}"))
        made.put(ENTRIES, entry(f"f-{n}", labels={"rack": "a"}))
        made.put(ENTRIES, entry(f"d-{n}", annotations={QUARANTINED: "dirty"}, in_pool="q"))
        found = {"type": "Reachable", "status": "True"}, {"type": "Fit", "status": "False", "message": f"{n} errors:"}
        made.put(ENTRIES, {**entry(f"u-{n}", in_pool="q"), "status": {"conditions": list(found)}})
        made.put("Secret", {"metadata": {"name": f"s-{n}", "namespace": "default", "uid": f"uid-s-{n}"}})
    for wants in (WANTS, WANTS_MORE):  # the first one to ask walks through the pool
        offered(made, machine(**wants), watch_filter=None, named=5)
    return made


def known(cache: Cache, kind: str, name: str) -> Raw:
    found = cache.get(kind, "default", name)
    assert found is not None
    return found


def secret(name: str) -> Raw:
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}}


def _put_machine(cache: Cache) -> None:
    cache.put(MACHINES, owned(1, Phase.CLEANING, address="e-1.example.org"))


def _put_entry(cache: Cache) -> None:
    cache.put(ENTRIES, entry("f-1", holder="m-1/uid-1/uid-f-1"))


def _remove_entry(cache: Cache) -> None:
    cache.remove(ENTRIES, entry("f-1"))


QUESTIONS: dict[str, Callable[[Cache], Any]] = {
    "who holds an entry": lambda cache: claims.claimant(cache, known(cache, ENTRIES, "e-1")),
    "who has a claim to a free one": lambda cache: claims.claimant(cache, known(cache, ENTRIES, "f-1")),
    "which entries a machine holds": lambda cache: claims.held_by(cache, known(cache, MACHINES, "m-1")),
    "which entries it has a say in": lambda cache: claims.related(cache, known(cache, MACHINES, "m-1")),
    "who else uses its host": lambda cache: claims.other_user(cache, known(cache, MACHINES, "m-1")),
    "whether its host is in quarantine": lambda cache: claims.in_quarantine(cache, known(cache, MACHINES, "m-1")),
    "who has the host of an entry": lambda cache: claims.at_host_of(cache, known(cache, ENTRIES, "e-1")),
    "a free entry": lambda cache: offered(cache, machine(), watch_filter=None, named=5),
    "what is told of an exhausted pool": lambda cache: offered(cache, machine(pool="q"), watch_filter=None, named=5),
    "a free entry that fits": lambda cache: offered(cache, machine(**WANTS), watch_filter=None, named=5),
    "what is told when none fits": lambda cache: offered(cache, machine(**WANTS_MORE), watch_filter=None, named=5),
    "whether a host may be probed": lambda cache: cache.is_free(known(cache, ENTRIES, "u-1")),
    "to learn of a probe": lambda cache: cache.put(ENTRIES, entry("u-1", in_pool="q")),
    "the state of an entry": lambda cache: entry_state.entry_status_changes(cache, known(cache, ENTRIES, "e-1")),
    "the state of a free one": lambda cache: entry_state.entry_status_changes(cache, known(cache, ENTRIES, "f-1")),
    "whether an entry is surplus": lambda cache: claims.is_surplus(cache, known(cache, ENTRIES, "e-1")),
    "who names an owner": lambda cache: list(ownership.named_by(cache, owner(1), "Machine")),
    "what depends on a machine": lambda cache: list(dependents(cache, MACHINES, known(cache, MACHINES, "m-1"))),
    "what depends on one that waits": lambda cache: list(dependents(cache, MACHINES, known(cache, MACHINES, "w-1"))),
    "what depends on an entry": lambda cache: list(dependents(cache, ENTRIES, known(cache, ENTRIES, "e-1"))),
    "what depends on a dirty one": lambda cache: list(dependents(cache, ENTRIES, known(cache, ENTRIES, "d-1"))),
    "what depends on an owner": lambda cache: list(dependents(cache, "Machine", owner(1))),
    "what depends on a Cluster": lambda cache: list(
        dependents(cache, "Cluster", {"metadata": {"name": "c-1", "namespace": "default"}})
    ),
    "what depends on a RemoteCluster": lambda cache: list(
        dependents(cache, CLUSTERS, {"metadata": {"name": "c-1", "namespace": "default"}})
    ),
    "what depends on a key": lambda cache: list(dependents(cache, "Secret", secret("own-1"))),
    "what depends on bootstrap data": lambda cache: list(dependents(cache, "Secret", secret("data-1"))),
    "who is next in line": lambda cache: next(in_line(cache, machine(pool="q")), None),
    "the Nodes of a Cluster": lambda cache: list(wanted(cache, ObjectKey(NODES_OF_CLUSTER, "default", "c-1"))),
    "the metrics": lambda cache: measure(cache, Metrics()),
    "to learn of a machine": _put_machine,
    "to learn of an entry": _put_entry,
    "to learn that an entry has gone": _remove_entry,
    "to learn of a Secret": lambda cache: cache.put("Secret", secret("data-1")),
}


@pytest.fixture(scope="module")
def caches() -> list[Counted]:
    return [filled(FEW), filled(MANY)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_few_and_many_are_the_same(question: str, caches: list[Counted]) -> None:
    counts = []
    for cache in caches:
        before = cache.handed_out
        QUESTIONS[question](cache)
        counts.append(cache.handed_out - before)
    assert counts[0] == counts[1] <= MOST


@pytest.mark.parametrize("size", [FEW, MANY])
async def test_a_look_at_a_machine_and_a_reservation(size: int) -> None:
    """What the engine asks the store for."""
    world = StoreWorld(cache=filled(size))
    for n in range(size):
        world.put(machine(f"x-{n}", f"uid-x-{n}"))
    world.put(entry("f-0"))
    before = counted(world).handed_out
    seen = await world.store.load(MachineKey("default", "x-1"))
    assert [one.name for one in seen.pool] == ["f-0"]
    assert seen.pool_size == 2 * size
    assert await world.store.reserve(seen, "f-0") == "f-0"
    assert counted(world).handed_out - before <= MOST


def counted(world: StoreWorld) -> Counted:
    assert isinstance(world.cache, Counted)
    return world.cache
