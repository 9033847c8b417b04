"""Playbooks that machines ask for: refused without the flag, waited for, run in order, and told."""

from __future__ import annotations

from typing import Any

import pytest

from capra.engine.hooks import deciding
from capra.kube.client.resources import CONFIG_MAPS, POOLED_REMOTE_MACHINES, REMOTE_MACHINES
from capra.model.run import RunResult, TaskEvent
from capra.testing.runner import RECAP
from tests.component.controller.world import World, condition

ADDRESS = "192.0.2.10"
PLACE: dict[str, Any] = {"address": ADDRESS, "sshKeyRef": {"name": "key"}}
FAILED = RunResult(
    (TaskEvent("runner_on_failed", "Install auditd", {"msg": "no such package"}),), RECAP | {"ok": 0, "failures": 1}
)


def _hook(name: str) -> dict[str, Any]:
    return {"name": name, "playbook": {"configMapRef": {"name": "site", "key": "a.yml"}}}


ANSIBLE = {
    "beforeBootstrap": [_hook("one"), _hook("two")],
    "afterBootstrap": [_hook("three")],
    "beforeCleanUp": [_hook("four")],
}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells of a ConfigMap."""
    monkeypatch.setattr(deciding, "LOOK_AGAIN", 0.5)


async def _site(world: World, text: str = "- hosts: all\n") -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "site", "namespace": world.namespace},
        "data": {"a.yml": text},
    }
    await world.api.create(CONFIG_MAPS, world.namespace, body)


async def test_a_life_with_hooks(world: World) -> None:
    await world.cluster()
    async with world.controller(allow_hooks=True):
        await world.machine("m", PLACE | {"ansible": ANSIBLE})
        await world.waits("m", "WaitingForHook", "ConfigMap site with key 'a.yml', the playbook of hook one")
        assert world.hosts[ADDRESS].contacts == 0
        await _site(world)
        await world.provisioned("m")
        assert world.hosts[ADDRESS].hooks == ["one", "two", "three"]
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].hooks == ["one", "two", "three", "four"]
        assert world.hosts[ADDRESS].cleanups == 1
        hook = ["HookStarted", "HookSucceeded"]
        reasons = [*hook * 2, "BootstrapStarted", "BootstrapSucceeded", *hook * 2, "CleanupStarted", "CleanupSucceeded"]
        assert sorted(await world.events("m", *set(reasons))) == sorted(reasons)


async def test_without_the_flag_nothing_is_sent(world: World) -> None:
    await world.cluster()
    await _site(world)
    async with world.controller():
        await world.machine("m", PLACE | {"ansible": ANSIBLE})
        await world.waits("m", "HooksNotAllowed", "--allow-hooks")
        assert world.hosts[ADDRESS].contacts == 0
        await world.patch(REMOTE_MACHINES, "m", {"spec": {"ansible": None}})
        await world.provisioned("m")
        assert world.hosts[ADDRESS].hooks == []


async def test_a_failure_is_told_and_what_has_ended_well_is_not_repeated(world: World) -> None:
    await world.cluster()
    await _site(world)
    world.hosts.fail(ADDRESS, RunResult(stats=RECAP), FAILED)
    async with world.controller(allow_hooks=True):
        await world.machine("m", PLACE | {"ansible": ANSIBLE})
        await world.waits("m", "HookFailed", "hook two: task 'Install auditd' failed on m: no such package")
        told = condition(await world.get(REMOTE_MACHINES, "m"), "BootstrapExecSucceeded")
        assert (told["status"], told["message"]) == (
            "False",
            "hook two: task 'Install auditd' failed on m: no such package",
        )
        await world.provisioned("m")
        assert world.hosts[ADDRESS].hooks == ["one", "two", "two", "three"]


async def test_a_playbook_that_is_none_is_refused_until_it_is_mended(world: World) -> None:
    await world.cluster()
    await _site(world, "hosts: all")
    async with world.controller(allow_hooks=True):
        await world.machine("m", PLACE | {"ansible": ANSIBLE})
        await world.waits("m", "InvalidHook", "ConfigMap site with key 'a.yml': must be a playbook")
        await world.patch(CONFIG_MAPS, "site", {"data": {"a.yml": "- hosts: all\n"}})
        await world.provisioned("m")


async def test_a_machine_takes_the_hooks_of_its_entry(world: World) -> None:
    await world.cluster()
    await _site(world)
    own, theirs = {"afterBootstrap": [_hook("mine")]}, {"beforeBootstrap": [_hook("theirs")]}
    async with world.controller(allow_hooks=True):
        await world.create(POOLED_REMOTE_MACHINES, "e", {"pool": "p", "machine": PLACE | {"ansible": theirs}})
        await world.machine("m", {"pool": "p", "ansible": own})
        raw = await world.provisioned("m")
        assert world.hosts[ADDRESS].hooks == ["theirs"]
        assert list(raw["spec"]["ansible"]) == ["beforeBootstrap"]
