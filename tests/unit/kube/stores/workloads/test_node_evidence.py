"""What a Node says, whatever it says. The questions themselves: tests/component/controller/test_adoption.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from capra.engine.adoption.evidence import ClusterEvidence, NodeIdentity
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import MACHINES, Raw
from capra.kube.objects import record
from capra.kube.stores.workloads.node_evidence import LONGEST, PROMISED_SECONDS, NodeEvidence, node_identity
from capra.model.machine import MachineKey
from capra.model.observation import Phase, Record
from tests.unit.engine.examples import observation

if TYPE_CHECKING:
    from capra.kube.client.api import Api

ID = "0123456789abcdef0123456789abcdef"

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
        ({"status": {"addresses": [{"address": "192.0.2.1"}, "x"]}}, NodeIdentity("n", addresses=("192.0.2.1",))),
    ],
)
def test_identity(more: dict[str, Any], identity: NodeIdentity) -> None:
    assert node_identity({"metadata": {"name": "n"}, **more}, "n") == identity


def test_a_node_that_is_being_deleted() -> None:
    assert node_identity({"metadata": {"name": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, "n").leaving


@pytest.mark.parametrize("answer", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": {"name": "m"}}, [], "x"])
def test_an_answer_that_is_no_such_node(answer: Any) -> None:
    with pytest.raises(MissingError):
        node_identity(answer, "n")


def _adopter(name: str, uid: str, phase: Phase = Phase.PROVISIONED) -> Raw:
    dumped = record.dump_record(Record(phase=phase, facts={"machine_id": ID}))
    kept = {name: value for name, value in dumped.items() if value is not None}
    metadata = {"name": name, "namespace": "default", "uid": uid, "resourceVersion": "1", "annotations": kept}
    return {"kind": MACHINES, "metadata": metadata, "spec": {"address": "192.0.2.1"}}


async def test_a_host_is_adopted_by_one_machine() -> None:
    cache = Cache()
    cache.put(MACHINES, _adopter("other", "uid-2"))
    ask = NodeEvidence(cast("Api", None), cache)
    evidence = await ask(observation(), ["n"], ID)
    assert evidence == ClusterEvidence(adopted_by="default/other")
    cache.put(MACHINES, _adopter("gone", "uid-3", Phase.CLEAN))
    assert [raw["metadata"]["name"] for raw in cache.by(MACHINES, "default", By.MACHINE_ID, ID)] == ["other"]


async def test_who_asks_first_has_the_host_for_a_while() -> None:
    now = [0.0]
    ask = NodeEvidence(cast("Api", _Silent()), Cache(), lambda: now[0])
    first = observation()
    second = replace(first, machine=replace(first.machine, key=MachineKey("default", "n"), uid="uid-2"))
    for _ in range(2):
        with pytest.raises(MissingError):
            await ask(first, ["n"], ID)
    assert (await ask(second, ["n"], ID)).adopted_by == "default/m"
    now[0] = PROMISED_SECONDS
    with pytest.raises(MissingError):
        await ask(second, ["n"], ID)


class _Silent:
    """An API without the Secret that is asked for."""

    async def get(self, *_: object) -> Raw:
        raise MissingError("there is none", reason="NotFound")
