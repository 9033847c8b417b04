"""Turns at a playbook: so many machines at once, none begun after a failure, and nobody counted who is done."""

from __future__ import annotations

from typing import Any

import pytest

from capra.controller.dependents import dependents
from capra.errors import Retry
from capra.kube.cache.cache import Cache
from capra.kube.cache.turns import Turns
from capra.kube.client.resources import MACHINES, RECORD
from capra.kube.objects import record
from capra.model.machine import RUN_PLAYBOOK_ANNOTATION, MachineKey
from capra.model.observation import Phase, PlaybookRun, Record
from tests.unit.kube.pool_examples import machine

ID = "runPlaybook/patch:d1"
UNDER_WAY, FAILED = PlaybookRun(ID, under_way=True), PlaybookRun(ID, attempts=1, reason="HookFailed", message="m")
AGAIN = PlaybookRun(ID, attempts=1, reason="HookFailed", message="m", under_way=True)
DONE = PlaybookRun(ID, reason="Finished", message="m")
VALUE = "{name: patch, playbook: {configMapRef: {name: site}}, serial: 2}"


class World:
    def __init__(self, **runs: PlaybookRun | None) -> None:
        self.cache, self.version = Cache(), 0
        self.turns = Turns(self.cache)
        for name, run in runs.items():
            self.put(name, run)

    def put(self, name: str, run: PlaybookRun | None, *, told: str = "", **changed: Any) -> dict[str, Any]:
        """A machine with the annotation, and how far it is."""
        kept = str(record.dump_record(Record(phase=Phase.PROVISIONED, playbook=run))[RECORD])
        raw = machine(name, f"uid-{name}", annotations={RUN_PLAYBOOK_ANNOTATION: VALUE, RECORD: kept}, pool="")
        self.version += 1
        raw["metadata"] |= {"resourceVersion": str(self.version), **changed}
        if told:
            raw["status"] = {"conditions": [{"type": "PlaybookSucceeded", "status": "Unknown", "reason": told}]}
        self.cache.put(MACHINES, raw)
        return raw

    def held(self, serial: int = 1, *, begun: bool = False, namespace: str = "default", name: str = "patch") -> str:
        return self.turns.held(MachineKey(namespace, "m"), name, serial, begun=begun)


def test_so_many_at_once() -> None:
    world = World(a=UNDER_WAY, m=UNDER_WAY, done=DONE, waits=None)
    assert world.held(1) == "hook patch runs on 1 at a time: waiting for one of them to end"
    assert world.held(1, begun=True)
    assert not world.held(2)
    assert not world.held(0)
    assert not world.held(1, namespace="elsewhere")
    assert not world.held(1, name="next")
    world.put("b", AGAIN)
    assert world.held(2, begun=True)
    world.put("a", DONE)
    assert not world.held(2, begun=True)


def test_none_is_begun_after_a_failure() -> None:
    world = World(b=FAILED, a=AGAIN, m=None)
    assert world.held(9) == "hook patch is begun on no other machine while it has failed on RemoteMachine a"
    assert not world.held(9, begun=True), "what has begun goes on"
    assert not world.held(0), "without a limit nobody asks"
    world.put("a", DONE)
    assert world.held(9).endswith("RemoteMachine b")
    world.put("b", DONE)
    assert not world.held(9)


def test_its_own_failure_does_not_hold_it_up() -> None:
    assert not World(m=FAILED).held(1)


@pytest.mark.parametrize("changed", [{"annotations": {}}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}])
def test_what_is_not_asked_for_any_more_does_not_count(changed: dict[str, Any]) -> None:
    world = World(a=AGAIN)
    assert world.held(1)
    world.put("a", AGAIN, **changed)
    assert not world.held(1)


def test_whoever_is_faster_has_the_turn() -> None:
    world = World(a=None, m=None)
    one, other = MachineKey("default", "a"), MachineKey("default", "m")
    with world.turns.taken(one, "patch", 1, begun=False):
        with (
            pytest.raises(Retry, match="runs on 1 at a time"),
            world.turns.taken(other, "patch", 1, begun=False),
        ):
            pass
        assert not world.turns.held(one, "patch", 1, begun=False)
        with world.turns.taken(other, "next", 1, begun=False), world.turns.taken(other, "patch", 0, begun=False):
            pass
    assert not world.held(1)


def test_a_turn_is_over_when_the_end_is_noted() -> None:
    """The next one is woken by that, and may come before this one has told its status."""
    world = World(a=None, m=None)
    with world.turns.taken(MachineKey("default", "a"), "patch", 1, begun=False):
        assert world.held(1)
        world.put("a", UNDER_WAY)
        assert world.held(1)
        world.put("a", DONE)
        assert not world.held(1)


def test_the_first_that_waits_is_woken() -> None:
    world = World(done=DONE, other=None)
    for name in ("z", "y"):
        world.put(name, None, told="WaitingForTurn")
    raw = world.put("a", DONE)
    woken = [key.name for key in dependents(world.cache, MACHINES, raw) if key.name != "a"]
    assert woken == ["y"]
    raw["metadata"]["annotations"].pop(RUN_PLAYBOOK_ANNOTATION)
    assert [key.name for key in dependents(world.cache, MACHINES, raw) if key.name != "a"] == []
