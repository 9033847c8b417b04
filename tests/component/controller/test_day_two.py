"""Playbooks that an annotation asks for: once, in turn, and the machine stays Ready whatever comes of it."""

from __future__ import annotations

from typing import Any

from capra.kube.client.resources import CONFIG_MAPS, REMOTE_MACHINES, Raw
from capra.model.machine import PAUSED_ANNOTATION, RUN_PLAYBOOK_ANNOTATION
from capra.model.run import Playbook, RunRequest, RunResult, TaskEvent
from capra.testing import FakeHosts
from capra.testing.hosts import FakeHost
from capra.testing.runner import RECAP
from tests.component.controller.world import World, condition
from tests.support.waiting import holds_soon

FAILED = RunResult(
    (TaskEvent("runner_on_failed", "Install auditd", {"msg": "no such package"}),), RECAP | {"ok": 0, "failures": 1}
)
DONE = "hook site: tasks: 1 ok, 1 changed"
SERIAL = "{name: site, playbook: {configMapRef: {name: site}}, serial: %d}"


def _address(number: int) -> str:
    return f"192.0.2.{number}"


async def _site(world: World, text: str = "- hosts: all\n") -> None:
    metadata = {"name": "site", "namespace": world.namespace}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"playbook.yml": text}}
    await world.api.create(CONFIG_MAPS, world.namespace, body)


async def _machines(world: World, count: int = 1, **metadata: Any) -> None:
    """Machines m1, m2, …, which are provisioned."""
    await world.cluster()
    for number in range(1, count + 1):
        spec = {"address": _address(number), "sshKeyRef": {"name": "key"}}
        await world.machine(f"m{number}", spec, **metadata)
    for number in range(1, count + 1):
        await world.provisioned(f"m{number}")


async def _ask(world: World, value: str | None, *names: str) -> None:
    for name in names or ["m1"]:
        await world.annotate(REMOTE_MACHINES, name, {RUN_PLAYBOOK_ANNOTATION: value})


async def _told(world: World, status: str, message: str = "", name: str = "m1") -> Raw:
    """Until the condition is so; nothing else is different."""

    def holds(raw: Raw) -> bool:
        found = condition(raw, "PlaybookSucceeded")
        assert condition(raw, "Ready").get("status") == "True"
        assert raw["status"]["phase"] == "Provisioned"
        assert not raw["status"].get("failureReason")
        return found.get("status", "") == status and message in found.get("message", "")

    return await world.until(REMOTE_MACHINES, name, holds)


async def test_it_runs_once_whatever_becomes_of_its_text_and_again_by_another_name(world: World) -> None:
    await _site(world)
    async with world.controller(allow_hooks=True):
        await _machines(world)
        await _ask(world, "site")
        await _told(world, "True", DONE)
        events = ["PlaybookStarted", "PlaybookSucceeded"]
        assert [one for one in await world.events("m1", *events) if one.startswith("Playbook")] == events
        await world.annotate(REMOTE_MACHINES, "m1", {"look": "again"})
        await _ask(world, SERIAL % 1 + "\n")
        assert world.hosts[_address(1)].hooks == ["site"]
    async with world.controller(allow_hooks=True):  # a restart
        await world.patch(CONFIG_MAPS, "site", {"data": {"playbook.yml": "- hosts: all\n  tasks: []\n"}})
        await world.annotate(REMOTE_MACHINES, "m1", {"look": "once more"})
        await _ask(world, "{name: again, playbook: {configMapRef: {name: site}}}")
        await holds_soon(lambda: world.hosts[_address(1)].hooks == ["site", "again"], "it has run by its new name")
        await _told(world, "True", "hook again: ")
        await _ask(world, None)
        await _told(world, "")
        assert condition(await world.get(REMOTE_MACHINES, "m1"), "PlaybookSucceeded") == {}


async def test_it_waits_until_the_machine_is_provisioned(world: World) -> None:
    await _site(world)
    async with world.controller(allow_hooks=True):
        await _machines(world, annotations={RUN_PLAYBOOK_ANNOTATION: "site"})
        await _told(world, "True", DONE)
    asked = [request.playbook for request in world.hosts.requests]
    assert asked == [Playbook.BOOTSTRAP, Playbook.HOOK]


async def test_without_the_flag_nothing_is_sent_and_the_machine_stays_ready(world: World) -> None:
    await _site(world)
    async with world.controller():
        await _machines(world)
        await _ask(world, "site")
        raw = await _told(world, "False", "--allow-hooks")
        assert condition(raw, "PlaybookSucceeded")["reason"] == "HooksNotAllowed"
        assert "HooksNotAllowed" in await world.events("m1", "HooksNotAllowed")
        assert world.hosts[_address(1)].contacts == 1


async def test_a_value_that_is_wrong_is_named(world: World) -> None:
    async with world.controller(allow_hooks=True):
        await _machines(world)
        await _ask(world, SERIAL % -1)
        raw = await _told(world, "False", f"metadata.annotations[{RUN_PLAYBOOK_ANNOTATION}].serial must be from 0")
        assert condition(raw, "PlaybookSucceeded")["reason"] == "InvalidHook"
        assert "InvalidHook" in await world.events("m1", "InvalidHook")
        assert world.hosts[_address(1)].contacts == 1


async def test_a_paused_machine_runs_nothing(world: World) -> None:
    await _site(world)
    async with world.controller(allow_hooks=True):
        await _machines(world)
        await world.annotate(REMOTE_MACHINES, "m1", {PAUSED_ANNOTATION: "", RUN_PLAYBOOK_ANNOTATION: "site"})
        await _told(world, "Unknown", "paused annotation")
        assert world.hosts[_address(1)].hooks == []
        await world.annotate(REMOTE_MACHINES, "m1", {PAUSED_ANNOTATION: None})
        await _told(world, "True", DONE)


async def test_a_machine_that_is_deleted_meanwhile_is_cleaned(world: World) -> None:
    await _site(world)
    async with world.controller(allow_hooks=True):
        await _machines(world)
        host = world.hosts[_address(1)]
        host.hung = True
        await _ask(world, "site")
        await _told(world, "Unknown", "hook site runs on 192.0.2.1:22")
        await holds_soon(lambda: world.hosts.requests[-1].playbook is Playbook.HOOK, "it runs")
        await world.delete(REMOTE_MACHINES, "m1")
        await holds_soon(lambda: world.hosts.requests[-1].playbook is Playbook.K0S_CLEANUP, "it was ended")
        host.hung = False
        await world.until_gone(REMOTE_MACHINES, "m1")
        assert (host.hooks, host.cleanups, world.hosts.violations) == ([], 1, [])


class Counting(FakeHosts):
    """most: playbooks that have run at once."""

    running = most = 0

    async def _hook(self, host: FakeHost, request: RunRequest) -> RunResult:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await super()._hook(host, request)
        finally:
            self.running -= 1


async def test_so_many_at_once_and_the_next_one_does_not_wait_to_be_looked_at(world: World) -> None:
    """Each look that nothing brings about comes after 30 seconds."""
    await _site(world)
    hosts = Counting(0.2)
    names = [f"m{number}" for number in range(1, 7)]
    async with world.controller(hosts, allow_hooks=True):
        await _machines(world, 6)
        await _ask(world, SERIAL % 2, *names)

        def done() -> bool:
            return all(hosts[_address(number)].hooks == ["site"] for number in range(1, 7))

        await holds_soon(done, "all have run it", 20.0)
        assert hosts.most == 2
        for name in names:
            await _told(world, "True", DONE, name)


async def test_none_is_begun_after_a_failure_until_that_was_mended(world: World) -> None:
    await _site(world)
    async with world.controller(allow_hooks=True):
        await _machines(world, 2)
        world.hosts.fail(_address(1), FAILED)
        await _ask(world, SERIAL % 5)
        raw = await _told(world, "False", "hook site: task 'Install auditd' failed on m1: no such package")
        assert condition(raw, "PlaybookSucceeded")["reason"] == "HookFailed"
        assert "PlaybookFailed" in await world.events("m1", "PlaybookFailed")
        await _ask(world, SERIAL % 5, "m2")
        await _told(world, "Unknown", "while it has failed on RemoteMachine m1", "m2")
        assert world.hosts[_address(2)].hooks == []
        await _told(world, "True", DONE)
        await _told(world, "True", DONE, "m2")
