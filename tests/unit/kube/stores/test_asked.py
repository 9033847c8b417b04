"""The annotation `run-playbook` in a cluster: what is read for it, and when nothing is."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from capra.engine.decide import decide
from capra.engine.decisions import Keep, RunPlaybook, Wait
from capra.engine.hooks.asked import FIELD
from capra.kube.client.resources import FINALIZER, RECORD, Raw
from capra.kube.objects import record
from capra.model.machine import BLOCK_MOVE_ANNOTATION, RUN_PLAYBOOK_ANNOTATION, MachineKey
from capra.model.observation import Observation, Phase, PlaybookRun, Record
from tests.unit.kube.pool_examples import machine
from tests.unit.kube.store_world import StoreWorld

MACHINE = MachineKey("default", "m")
PLAYBOOK = "- hosts: all\n"
VALUE = """
name: patch
playbook: {configMapRef: {name: site}}
variables: {secretRef: {name: vars}}
check: true
serial: 2
"""


def _object(kind: str, name: str, **data: str) -> Raw:
    return {"kind": kind, "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, "data": data}


SITE = _object("ConfigMap", "site", **{"playbook.yml": PLAYBOOK})
VARS = _object("Secret", "vars", **{"variables.yml": base64.b64encode(b"a: hush").decode()})
BAD = _object("ConfigMap", "site", **{"playbook.yml": "hosts: hush"})


class World(StoreWorld):
    """A machine, and what is read for it beside the cache. value: of its annotation."""

    def __init__(
        self, value: str | None, kept: Record | None = None, *others: Raw, allowed: bool = True, **metadata: Any
    ) -> None:
        notes = {RECORD: str(record.dump_record(kept or Record(phase=Phase.PROVISIONED))[RECORD])}
        notes |= {RUN_PLAYBOOK_ANNOTATION: value} if value is not None else {}
        raw = machine(annotations=notes, pool="", address="192.0.2.3", sshKeyRef={"name": "key"})
        raw["metadata"] |= metadata
        super().__init__(raw, allow_hooks=allowed)
        for other in others:
            self.server.put(other)
        self.read: list[str] = []
        get, secrets = self.server.get, self.store._secrets
        login = secrets.login

        async def counted(resource: Any, namespace: str, name: str) -> Raw:
            self.read.append(f"{resource.kind} {name}")
            return await get(resource, namespace, name)

        async def key(namespace: str, spec: Any, place: str) -> Any:
            self.read.append("key")
            return await login(namespace, spec, place)

        self.server.get = counted  # type: ignore[method-assign]
        secrets.login = key  # type: ignore[method-assign]

    async def load(self) -> Observation:
        return await self.store.load(MACHINE)


async def test_without_it_nothing_is_read() -> None:
    world = World(None)
    seen = await world.load()
    assert (seen.playbook, world.read) == (None, [])
    assert decide(seen) == Keep()


async def test_what_it_asks_for() -> None:
    world = World(VALUE, None, SITE, VARS)
    seen = await world.load()
    decision = decide(seen)
    assert isinstance(decision, RunPlaybook)
    assert (decision.hook.playbook, decision.hook.variables, decision.serial) == (PLAYBOOK, {"a": "hush"}, 2)
    assert decision.hook.id.startswith("runPlaybook/patch/check:")
    assert seen.ssh_key is not None
    assert world.read == ["ConfigMap site", "Secret vars", "key"]


async def test_of_what_has_ended_well_nothing_is_read() -> None:
    seen = await World(VALUE, None, SITE, VARS).load()
    assert seen.playbook is not None
    assert seen.playbook.text is not None
    world = World(VALUE, Record(phase=Phase.PROVISIONED, hooks=(seen.playbook.text.id,)), SITE, VARS)
    assert decide(await world.load()) == Keep()
    assert world.read == []


@pytest.mark.parametrize(
    ("phase", "metadata"),
    [
        (Phase.NEW, {}),
        (Phase.BOOTSTRAPPING, {}),
        (Phase.CLEANING, {}),
        (Phase.PROVISIONED, {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [FINALIZER]}),
    ],
)
async def test_it_is_for_a_machine_that_is_provisioned(phase: Phase, metadata: dict[str, Any]) -> None:
    seen = await World(VALUE, Record(phase=phase), SITE, VARS, **metadata).load()
    assert seen.playbook is None


async def test_without_the_flag_nothing_is_read_for_it() -> None:
    world = World(VALUE, None, SITE, VARS, allowed=False)
    seen = await world.load()
    assert seen.playbook is not None
    assert seen.playbook.problem is not None
    assert (seen.playbook.problem.reason, seen.playbook.problem.field) == ("HooksNotAllowed", FIELD)
    assert "--allow-hooks" in seen.playbook.problem.message
    assert world.read == []


async def test_what_it_says_wrongly_costs_nothing() -> None:
    world = World("[site]", None, SITE)
    seen = await world.load()
    assert seen.playbook is not None
    assert seen.playbook.problem is not None
    assert (seen.playbook.problem.field, world.read) == (FIELD, [])


@pytest.mark.parametrize(
    ("others", "reason", "field", "message"),
    [
        ([], "HookNotFound", f"{FIELD}.playbook", "ConfigMap site with key 'playbook.yml', the playbook of hook patch"),
        ([SITE], "HookNotFound", f"{FIELD}.variables", "Secret vars with key 'variables.yml'"),
        (
            [_object("ConfigMap", "site", **{"playbook.yml": "hosts: hush"}), VARS],
            "InvalidHook",
            FIELD,
            "must be a playbook",
        ),
    ],
)
async def test_what_is_wrong_with_its_texts(others: list[Raw], reason: str, field: str, message: str) -> None:
    world = World(VALUE, None, *others)
    seen = await world.load()
    assert seen.playbook is not None
    problem = seen.playbook.problem
    assert problem is not None
    assert (problem.reason, problem.field) == (reason, field)
    assert message in problem.message
    assert "hush" not in problem.message
    assert "key" not in world.read


async def test_nothing_is_read_while_others_come_first() -> None:
    world = World(VALUE, None, SITE, VARS)
    for name in ("a", "b"):
        kept = Record(phase=Phase.PROVISIONED, playbook=PlaybookRun("runPlaybook/patch:d1", under_way=True))
        notes = {RECORD: str(record.dump_record(kept)[RECORD]), RUN_PLAYBOOK_ANNOTATION: "patch"}
        world.put(machine(name, f"uid-{name}", annotations=notes, pool=""))
    decision = decide(await world.load())
    assert isinstance(decision, Keep)
    assert isinstance(decision.playbook, Wait)
    assert decision.playbook.reason == "WaitingForTurn"
    assert world.read == []


async def test_a_move_waits_while_it_is_under_way() -> None:
    world = World("site", None, SITE)
    seen = await world.load()
    for under_way in (True, False):
        run = PlaybookRun("runPlaybook/site:d1", under_way=under_way)
        await world.store.save(seen, Record(phase=Phase.PROVISIONED, playbook=run))
        assert (BLOCK_MOVE_ANNOTATION in world.annotations("RemoteMachine", "m")) is under_way
        seen = await world.load()
