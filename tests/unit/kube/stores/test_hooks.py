"""Hooks in a cluster: when their texts are read, and what is told of those that cannot be had."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from capra.engine.decide import decide
from capra.engine.decisions import Bootstrap, Cleanup, Refuse, Wait
from capra.kube.client.resources import FINALIZER, QUARANTINED, Raw
from capra.model.machine import MachineKey, Stage
from capra.model.observation import Phase
from tests.unit.kube.pool_examples import entry, machine
from tests.unit.kube.store_world import StoreWorld

PLAYBOOK = "- hosts: all\n"
MACHINE, ENTRY = MachineKey("default", "m"), MachineKey("default", "e", "PooledRemoteMachine")
DELETING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [FINALIZER]}
HOOK = {
    "name": "harden",
    "playbook": {"configMapRef": {"name": "site", "key": "harden.yml"}},
    "variables": {"secretRef": {"name": "vars"}},
}


def _object(kind: str, name: str, **data: str) -> Raw:
    return {"kind": kind, "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, "data": data}


SITE = _object("ConfigMap", "site", **{"harden.yml": PLAYBOOK})
VARS = _object("Secret", "vars", **{"variables.yml": base64.b64encode(b"a: hush").decode()})


def _world(
    *others: Raw, allowed: bool = True, phase: Phase | None = None, data: bool = True, **ansible: Any
) -> StoreWorld:
    raw = machine(phase=phase, pool="", address="192.0.2.3", sshKeyRef={"name": "key"}, ansible=ansible)
    reference = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "m", "uid": "uid-owner"}
    raw["metadata"] |= {"ownerReferences": [reference]} | (DELETING if phase else {})
    infrastructure = {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "RemoteMachine", "name": "m"}
    spec: dict[str, Any] = {"clusterName": "c", "infrastructureRef": infrastructure}
    spec["bootstrap"] = {"dataSecretName": "data"} if data else {}
    owner = {"kind": "Machine", "metadata": {"name": "m", "namespace": "default", "uid": "uid-owner"}, "spec": spec}
    metadata = {"name": "c", "namespace": "default", "uid": "uid-c"}
    cluster = {"kind": "Cluster", "metadata": metadata, "status": {"infrastructureReady": True}}
    world = StoreWorld(raw, owner, cluster, allow_hooks=allowed)
    for other in others:
        world.server.put(other)  # nobody watches it
    return world


async def test_the_texts_of_a_machine_that_is_about_to_run_them() -> None:
    seen = await _world(SITE, VARS, beforeBootstrap=[HOOK], afterBootstrap=[HOOK]).store.load(MACHINE)
    assert [(hook.stage, hook.name, hook.playbook) for hook in seen.hooks] == [
        (Stage.BEFORE_BOOTSTRAP, "harden", PLAYBOOK),
        (Stage.AFTER_BOOTSTRAP, "harden", PLAYBOOK),
    ]
    assert seen.hooks[0].variables == {"a": "hush"}
    assert isinstance(decide(seen), Bootstrap)


async def test_those_of_a_cleanup() -> None:
    ansible: dict[str, Any] = {"beforeBootstrap": [{**HOOK, "name": "other"}], "beforeCleanUp": [HOOK]}
    seen = await _world(SITE, VARS, phase=Phase.PROVISIONED, **ansible).store.load(MACHINE)
    assert [hook.id.partition(":")[0] for hook in seen.hooks] == ["beforeCleanUp/harden"]
    assert isinstance(decide(seen), Cleanup)
    seen = await _world(phase=Phase.CLEAN, **ansible).store.load(MACHINE)
    assert (seen.hooks, seen.hook_problem) == ((), None), "nothing is read for a clean host"


@pytest.mark.parametrize(
    ("others", "field", "missing"),
    [
        ([], "playbook", "ConfigMap site with key 'harden.yml', the playbook of hook harden"),
        (
            [_object("ConfigMap", "site", other="x")],
            "playbook",
            "ConfigMap site with key 'harden.yml', the playbook of hook harden",
        ),
        ([SITE], "variables", "Secret vars with key 'variables.yml', the variables of hook harden"),
    ],
)
async def test_what_is_not_there_is_waited_for_and_a_cleanup_is_refused(
    others: list[Raw], field: str, missing: str
) -> None:
    seen = await _world(*others, beforeBootstrap=[HOOK]).store.load(MACHINE)
    decision = decide(seen)
    assert isinstance(decision, Wait)
    assert (decision.reason, decision.message) == ("WaitingForHook", f"waiting for {missing}")
    assert decision.until > seen.now
    decision = decide(await _world(*others, phase=Phase.PROVISIONED, beforeCleanUp=[HOOK]).store.load(MACHINE))
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.field) == ("HookNotFound", f"spec.ansible.beforeCleanUp[0].{field}")


@pytest.mark.parametrize(
    ("hook", "others", "field", "problem"),
    [
        (HOOK, [_object("ConfigMap", "site", **{"harden.yml": "hush: hush"}), VARS], "", "must be a playbook"),
        ({"name": "h", "playbook": {"file": "a.yml"}}, [], ".playbook.file", "is for the terminal only"),
    ],
)
async def test_what_is_wrong_is_refused(hook: Any, others: list[Raw], field: str, problem: str) -> None:
    decision = decide(await _world(*others, beforeBootstrap=[hook]).store.load(MACHINE))
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.field) == ("InvalidHook", f"spec.ansible.beforeBootstrap[0]{field}")
    assert problem in decision.message
    assert "hush" not in decision.message


@pytest.mark.parametrize("stage", ["beforeBootstrap", "afterBootstrap", "beforeCleanUp"])
async def test_without_the_flag_any_hook_is_refused_before_anything_else(stage: str) -> None:
    asked: dict[str, Any] = {stage: [HOOK]}
    seen = await _world(SITE, VARS, allowed=False, data=False, **asked).store.load(MACHINE)
    assert seen.hooks == ()
    decision = decide(seen)
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.field) == ("HooksNotAllowed", "spec.ansible")
    assert "--allow-hooks" in decision.message


async def test_without_the_flag_a_cleanup_that_needs_no_hook_goes_on() -> None:
    seen = await _world(allowed=False, phase=Phase.PROVISIONED, beforeBootstrap=[HOOK]).store.load(MACHINE)
    assert isinstance(decide(seen), Cleanup)
    seen = await _world(allowed=False, phase=Phase.PROVISIONED, beforeCleanUp=[HOOK]).store.load(MACHINE)
    assert isinstance(decide(seen), Refuse)


async def test_nothing_is_read_before_there_is_something_to_bootstrap_with() -> None:
    seen = await _world(data=False, beforeBootstrap=[HOOK]).store.load(MACHINE)
    assert (seen.hooks, seen.hook_problem) == ((), None)


async def test_an_entry_in_quarantine_has_the_hooks_of_its_own_cleanup() -> None:
    dirty = entry(annotations={QUARANTINED: "dirty"}, ansible={"beforeCleanUp": [HOOK], "beforeBootstrap": [HOOK]})
    world = StoreWorld(dirty, allow_hooks=True)
    for other in (SITE, VARS):
        world.server.put(other)
    seen = await world.store.load(ENTRY)
    assert [hook.stage for hook in seen.hooks] == [Stage.BEFORE_CLEAN_UP]
    decision = decide(await StoreWorld(dirty).store.load(ENTRY))
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.field) == ("HooksNotAllowed", "spec.machine.ansible")
