"""Pools: an entry has at most one holder, a host is clean before it is handed out again, and every state says why."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

from capra.kube.client.resources import (
    FINALIZER,
    HOLDER,
    POOL_ENTRY,
    POOLED_REMOTE_MACHINES,
    QUARANTINED,
    RECORD,
    REMOTE_MACHINES,
    SECRETS,
)
from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, GIVE_UP_ANNOTATION, PAUSED_ANNOTATION
from capra.testing import FakeHosts, stepped
from capra.testing.hosts import HOST_KEY
from tests.component.controller.world import CLUSTERS, MACHINES, SSH_KEY, World, condition, connected, is_provisioned
from tests.controlplane import ControlPlane
from tests.support.ssh_keys import new_ssh_key
from tests.support.waiting import Wait, holds_soon, wait_until_async

ADDRESS = "192.0.2.1"
POOL: dict[str, Any] = {"pool": "p"}
PROVIDER_ID = f"remote-machine://{ADDRESS}:22"


async def _entries(world: World, count: int) -> None:
    for number in range(count):
        await world.entry(f"e-{number}", f"192.0.2.{number + 1}")


async def _holders(world: World) -> dict[str, str]:
    """The holder of each entry that has one, by name."""
    found = {}
    for raw in await world.all(POOLED_REMOTE_MACHINES):
        holder = (raw["metadata"].get("annotations") or {}).get(HOLDER, "")
        if holder:
            found[raw["metadata"]["name"]] = holder.split("/")[0]
    return found


async def _provisioned(world: World, count: int, but: Sequence[str] = ()) -> list[str]:
    """Wait until so many others are provisioned; their names."""

    async def enough() -> list[str]:
        names = [raw["metadata"]["name"] for raw in await world.all(REMOTE_MACHINES) if is_provisioned(raw)]
        others = [name for name in names if name not in but]
        return others if len(others) >= count else []

    return await wait_until_async(enough, Wait(f"{count} machines are provisioned", 60))


async def test_twenty_machines_race_for_ten_entries(world: World) -> None:
    await world.cluster()
    await _entries(world, 10)
    async with world.controller():
        names = [f"m-{number}" for number in range(20)]
        await asyncio.gather(*(world.machine(name, POOL) for name in names))
        winners = await _provisioned(world, 10)
        holders = await _holders(world)
        assert sorted(holders.values()) == sorted(winners)
        losers = sorted(set(names) - set(winners))
        for name in losers:
            await world.waits(name, "PoolExhausted", "e-0 is reserved by ")
        await asyncio.gather(*(world.delete(REMOTE_MACHINES, name) for name in winners))
        assert sorted(await _provisioned(world, 10, winners)) == losers
    assert not world.hosts.violations
    assert all((len(host.bootstraps), host.cleanups) == (2, 1) for host in world.hosts.hosts.values())


async def test_two_controllers_by_mistake(world: World) -> None:
    await world.cluster()
    await _entries(world, 5)
    other = FakeHosts()
    other.hosts = world.hosts.hosts
    async with world.controller(), world.controller(other):
        await asyncio.gather(*(world.machine(f"m-{number}", POOL) for number in range(10)))
        winners = await _provisioned(world, 5)
        assert sorted((await _holders(world)).values()) == sorted(winners)
    # Both may follow one run on its host; none is handed out twice.
    violations = world.hosts.violations + other.violations
    assert [one for one in violations if not one.startswith("two runs on")] == []
    assert all(list(host.bootstraps.values()) == [1] for host in world.hosts.hosts.values())


async def test_an_entry_that_its_holder_does_not_use_comes_back(world: World) -> None:
    """Two controllers may each have given the machine one."""
    await world.cluster()
    await _entries(world, 2)
    async with world.controller():
        await world.machine("m", POOL)
        raw = await world.provisioned("m")
        entry = await world.entry_state("e-1", "Available")
        holder = f"m/{raw['metadata']['uid']}/{entry['metadata']['uid']}"
        await world.annotate(POOLED_REMOTE_MACHINES, "e-1", {HOLDER: holder})
        await world.machine("n", POOL)
        await world.provisioned("n")
        assert await _holders(world) == {"e-0": "m", "e-1": "n"}
    assert not world.hosts.violations
    assert [host.cleanups for host in world.hosts.hosts.values()] == [0, 0]


async def test_a_controller_that_is_ended_again_and_again(world: World) -> None:
    random.seed(4)
    world.hosts.seconds = 0.2
    await world.cluster()
    await _entries(world, 4)
    for number in range(8):
        await world.machine(f"m-{number}", POOL)
    seen: dict[str, set[str]] = {}
    for number in itertools.count(1):
        async with world.controller(concurrency=2):
            await asyncio.sleep(random.uniform(0.05, 0.5))
        for entry, machine in (await _holders(world)).items():
            seen.setdefault(entry, set()).add(machine)
        # On a slow machine they get less done each time.
        if number >= 8 and len(seen) == 4:
            break
        assert number < 100, seen
    async with world.controller():
        winners = await _provisioned(world, 4)
    assert {name: {machine} for name, machine in (await _holders(world)).items()} == seen
    assert sorted((await _holders(world)).values()) == sorted(winners)
    assert not world.hosts.violations
    assert all(list(host.bootstraps.values()) == [1] for host in world.hosts.hosts.values())


async def test_the_same_names_in_another_namespace(world: World, shared_control_plane: ControlPlane) -> None:
    async with connected(str(shared_control_plane.kubeconfig), shared_control_plane.namespace()) as other:
        await other.secrets()
        for each, address in ((world, ADDRESS), (other, "192.0.2.2")):
            await each.cluster()
            await each.entry("e", address)
            await each.machine("m", POOL)
        async with world.controller(), other.controller():
            for each, address in ((world, ADDRESS), (other, "192.0.2.2")):
                assert (await each.provisioned("m"))["spec"]["address"] == address
            await world.delete(REMOTE_MACHINES, "m")
            await world.entry_state("e", "Available")
            assert await _holders(other) == {"e": "m"}


async def test_what_the_machine_gets_from_its_entry(world: World) -> None:
    await world.cluster()
    await world.entry(
        "e",
        ADDRESS,
        port=2222,
        user="ops",
        useSudo=True,
        commandsAsScript=True,
        workingDir="/srv/k0s",
        cleanUpCommands=["clean"],
        labels={"rack": "7", "role": "pool", "clusterctl.cluster.x-k8s.io/move": ""},
        annotations={"note": "blue"},
    )
    async with world.controller():
        await world.machine("m", POOL, labels={"role": "own"})
        raw = await world.provisioned("m")
        wanted = {
            "address": ADDRESS,
            "port": 2222,
            "user": "ops",
            "useSudo": True,
            "commandsAsScript": True,
            "workingDir": "/srv/k0s",
            "sshKeyRef": {"name": "key"},
            "cleanUpCommands": ["clean"],
            "pool": "p",
        }
        assert {name: raw["spec"][name] for name in wanted} == wanted
        labels = raw["metadata"]["labels"]
        assert (labels["rack"], labels["role"]) == ("7", "own")
        assert "clusterctl.cluster.x-k8s.io/move" not in labels
        assert raw["metadata"]["annotations"]["note"] == "blue"
        assert condition(raw, "HostReserved")["status"] == "True"
        machine = await world.until(MACHINES, "m", lambda raw: "rack" in raw["metadata"]["labels"])
        assert machine["metadata"]["labels"]["role"] == "pool"
        assert machine["metadata"]["annotations"]["note"] == "blue"
        assert not [name for name in machine["metadata"]["annotations"] if "capra" in name]
        entry = await world.entry_state("e", "Reserved")
        assert entry["status"]["machineRef"] == {"name": "m", "namespace": world.namespace}
        assert entry["status"]["reserved"] is True


@pytest.mark.parametrize("field", ["cleanUpCommands", "customCleanUpCommands"])
async def test_cleanup_commands_edited_after_the_claim_count(world: World, field: str) -> None:
    await world.cluster()
    commands: dict[str, Any] = {field: ["old"]}
    await world.entry("e", ADDRESS, **commands)
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
        await world.patch(POOLED_REMOTE_MACHINES, "e", {"spec": {"machine": {field: ["new", "newer"]}}})
        await asyncio.sleep(0.3)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].commands == [["new", "newer"]]


async def test_commands_of_the_machine_count_when_the_entrys_stay(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS, cleanUpCommands=["entrys"])
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
        await world.patch(REMOTE_MACHINES, "m", {"spec": {"cleanUpCommands": ["machines"]}})
        await asyncio.sleep(0.3)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].commands == [["machines"]]


async def test_an_entry_without_its_key_is_skipped_and_says_why(world: World) -> None:
    await world.cluster()
    await world.entry("a", ADDRESS, key="late")
    await world.entry("b", "192.0.2.2", key="")
    await world.entry("c", "192.0.2.3")
    async with world.controller():
        entry = await world.entry_state("a", "Unavailable")
        assert "there is no Secret late" in entry["status"]["message"]
        entry = await world.entry_state("b", "Unavailable")
        assert "spec.machine.sshKeyRef.name is empty" in entry["status"]["message"]
        await world.machine("m", POOL)
        assert (await world.provisioned("m"))["spec"]["address"] == "192.0.2.3"
        await world.machine("n", POOL)
        await world.waits("n", "PoolExhausted", "a lacks its key: there is no Secret late")
        # Woken by the Secret.
        await world.secret("late", SSH_KEY)
        assert (await world.provisioned("n"))["spec"]["address"] == ADDRESS


async def test_a_paused_entry_is_not_handed_out(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS, annotations={PAUSED_ANNOTATION: ""})
    async with world.controller():
        await world.machine("m", POOL)
        await world.waits("m", "PoolExhausted", "e is paused")
        await world.annotate(POOLED_REMOTE_MACHINES, "e", {PAUSED_ANNOTATION: None})
        await world.provisioned("m")


async def test_a_machine_waits_until_an_entry_is_added(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", POOL)
        raw = await world.waits("m", "PoolExhausted", "pool p has no entries")
        assert condition(raw, "HostReserved")["status"] == "False"
        await world.entry("e", ADDRESS)
        await world.provisioned("m")
        await world.events("m", "PoolExhausted")


async def test_a_dirty_host_goes_to_quarantine_and_comes_back_clean(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, stepped(message="step 1 of 1 (k0s reset) failed: still mounted"))
        await world.delete(REMOTE_MACHINES, "m")
        await world.until(
            REMOTE_MACHINES, "m", lambda raw: condition(raw, "CleanupSucceeded").get("reason") == "StepFailed"
        )
        await world.machine("n", POOL)
        await world.waits("n", "PoolExhausted", "e is reserved by m")
        await world.annotate(REMOTE_MACHINES, "m", {GIVE_UP_ANNOTATION: ""})
        await world.until_gone(REMOTE_MACHINES, "m")
        entry = await world.entry_state("e", "Quarantined")
        assert "the cleanup was given up" in entry["status"]["message"]
        # The reference must not hand it out either.
        assert entry["status"]["reserved"] is True
        await world.waits("n", "PoolExhausted", "e is quarantined")
        assert (await world.provisioned("n"))["spec"]["address"] == ADDRESS
    assert world.hosts[ADDRESS].cleanups == 1
    assert not world.hosts.violations
    raw = await world.get(POOLED_REMOTE_MACHINES, "e")
    assert not {QUARANTINED, RECORD} & raw["metadata"]["annotations"].keys()


async def test_a_host_in_quarantine_is_not_used_under_another_name(world: World) -> None:
    """Neither by an entry nor by a machine that has the same address."""
    await world.cluster()
    world.hosts.fail(ADDRESS)
    await world.entry("e", ADDRESS, annotations={QUARANTINED: "a test says so"})
    async with world.controller():
        await world.entry_state("e", "Quarantined")
        await world.entry("same", ADDRESS)
        entry = await world.entry_state("same", "Unavailable")
        assert "has the address of PooledRemoteMachine" in entry["status"]["message"]
        await world.machine("direct", {"address": ADDRESS, "sshKeyRef": {"name": "key"}})
        await world.waits("direct", "HostQuarantined", "/e, which is in quarantine")
        await world.machine("claims", {"address": ADDRESS, "sshKeyRef": {"name": "key"}, **POOL})
        # The first that begins when it is clean; the other one waits for it.
        await world.entry_state("e", "Unavailable")
        await _provisioned(world, 1)
    assert world.hosts[ADDRESS].cleanups == 1
    assert len(world.hosts[ADDRESS].bootstraps) == 1
    assert not world.hosts.violations


async def test_a_host_in_use_is_not_cleaned_by_a_quarantine(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("direct", {"address": ADDRESS, "sshKeyRef": {"name": "key"}})
        await world.provisioned("direct")
        await world.entry("e", ADDRESS, annotations={QUARANTINED: "a test says so"})
        await world.entry_state("e", "Quarantined")
        await asyncio.sleep(1)
        assert world.hosts[ADDRESS].cleanups == 0
        await world.delete(REMOTE_MACHINES, "direct")
        await world.until_gone(REMOTE_MACHINES, "direct")
        await world.entry_state("e", "Available")


async def test_a_holder_that_vanished_leaves_a_host_to_clean(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capra.kube.stores.pool_entries.VANISHED_PATIENCE", 3.0)
    await world.cluster()
    await world.entry("e", ADDRESS, cleanUpCommands=["wipe"])
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
    await world.patch(REMOTE_MACHINES, "m", {"metadata": {"finalizers": None}})
    await world.delete(REMOTE_MACHINES, "m")
    await world.until_gone(REMOTE_MACHINES, "m")
    # The same name again is another machine.
    await world.delete(MACHINES, "m")
    await world.machine("m", POOL)
    async with world.controller():
        await world.entry_state("e", "Quarantined")
        assert world.hosts[ADDRESS].commands == []
        await world.provisioned("m")
    assert world.hosts[ADDRESS].commands == [["wipe"]]
    assert not world.hosts.violations
    await world.events("e", "HostQuarantined")


async def test_the_status_of_an_entry_is_rebuilt(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
        await world.entry_state("e", "Reserved")
    empty = {"status": {"reserved": None, "machineRef": None, "state": None, "message": None}}
    await world.patch(POOLED_REMOTE_MACHINES, "e", empty, "status")
    async with world.controller():
        await world.machine("n", POOL)
        await world.waits("n", "PoolExhausted")
        await world.entry_state("e", "Reserved")
    assert len(world.hosts.requests) == 1


async def test_a_reservation_of_the_reference_is_kept(world: World) -> None:
    """It stands in the status alone, and its machine was provisioned by k0smotron."""
    await world.cluster()
    await world.entry("e", ADDRESS)
    spec = {
        "pool": "p",
        "address": ADDRESS,
        "sshKeyRef": {"name": "key"},
        "providerID": f"remote-machine://{ADDRESS}:22",
    }
    await world.machine("m", spec, finalizers=[FINALIZER])
    status = {"reserved": True, "machineRef": {"name": "m", "namespace": world.namespace}}
    await world.patch(POOLED_REMOTE_MACHINES, "e", {"status": status}, "status")
    async with world.controller():
        raw = await world.provisioned("m")
        assert await _holders(world) == {"e": "m"}
        await world.machine("n", POOL)
        await world.waits("n", "PoolExhausted", "e is reserved by m")
        assert not world.hosts.requests
        await world.delete(REMOTE_MACHINES, "m")
        await world.provisioned("n")
    assert raw["metadata"]["annotations"][POOL_ENTRY] == "e"
    assert world.hosts[ADDRESS].cleanups == 1
    assert not world.hosts.violations


async def test_an_entry_is_found_again_by_its_address_after_a_move(world: World) -> None:
    """Status is gone, and every UID is another one."""
    await world.cluster()
    await world.entry("e", ADDRESS, annotations={HOLDER: "m/uid-there/entry-uid-there"})
    spec = {
        "pool": "p",
        "address": ADDRESS,
        "sshKeyRef": {"name": "key"},
        "providerID": f"remote-machine://{ADDRESS}:22",
    }
    annotations = {
        "capra.infrastructure.cluster.x-k8s.io/pool-entry": "e",
        RECORD: '{"phase":"Provisioned","uid":"there"}',
    }
    # The new machine comes first, and must not get the entry.
    await world.machine("a", POOL)
    async with world.controller():
        await world.waits("a", "PoolExhausted")
        await world.machine("m", spec, finalizers=[FINALIZER], annotations=annotations)
        raw = await world.provisioned("m")
        entry = await world.entry_state("e", "Reserved")
        holder = entry["metadata"]["annotations"][HOLDER]
        assert holder == f"m/{raw['metadata']['uid']}/{entry['metadata']['uid']}"
        assert not world.hosts.requests
        await world.delete(REMOTE_MACHINES, "m")
        await world.provisioned("a")
    assert world.hosts[ADDRESS].cleanups == 1


async def test_the_host_of_a_machine_that_moves_away_is_not_touched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """clusterctl pauses the Cluster, deletes the machine as moved, and its entry only later."""
    monkeypatch.setattr("capra.kube.stores.pool_entries.VANISHED_PATIENCE", 0.0)
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
        await world.patch(CLUSTERS, "c", {"spec": {"paused": True}})
        # It replaces all annotations.
        raw = await world.get(REMOTE_MACHINES, "m")
        gone = dict.fromkeys(raw["metadata"]["annotations"])
        await world.annotate(REMOTE_MACHINES, "m", {**gone, DELETE_FOR_MOVE_ANNOTATION: ""})
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        await asyncio.sleep(2)
        await world.patch(CLUSTERS, "c", {"spec": {"paused": False}})
        await world.machine("n", POOL)
        await world.waits("n", "PoolExhausted", "e is reserved by m")
        # clusterctl replaces the annotations of the entry, too, before it deletes it.
        await world.annotate(POOLED_REMOTE_MACHINES, "e", {HOLDER: None})
        await asyncio.sleep(1)
        raw = await world.get(POOLED_REMOTE_MACHINES, "e")
        assert DELETE_FOR_MOVE_ANNOTATION in raw["metadata"]["annotations"]
    assert len(world.hosts.requests) == 1


async def _cleaned_in_vain(world: World) -> None:
    """The machine m of the pool is provisioned and deleted, and its first cleanup has failed."""
    await world.machine("m", POOL)
    await world.provisioned("m")
    world.hosts.fail(ADDRESS)
    await world.delete(REMOTE_MACHINES, "m")
    await holds_soon(lambda: world.hosts[ADDRESS].failures == [], "the first cleanup has failed")


async def test_what_is_changed_in_an_entry_while_its_machine_is_deleted_counts(world: World) -> None:
    """A cleanup that fails for the old values must not fail for ever."""
    await world.cluster()
    key = new_ssh_key()
    await world.secret("new-key", key)
    await world.entry("e", ADDRESS, user="old", cleanUpCommands=["old"])
    async with world.controller():
        await _cleaned_in_vain(world)
        changed = {"user": "new", "useSudo": True, "sshKeyRef": {"name": "new-key"}, "cleanUpCommands": ["new"]}
        await world.patch(POOLED_REMOTE_MACHINES, "e", {"spec": {"machine": changed | {"port": 2222}}})
        # The same host, which shows a key that is known.
        world.hosts.names[f"{ADDRESS}:2222"] = f"{ADDRESS}:22"
        await world.until_gone(REMOTE_MACHINES, "m")
        await world.entry_state("e", "Available")
    first, old, *_, last = world.hosts.requests
    assert (first.connection.user, old.connection.user) == ("old", "old")
    assert (last.connection.user, last.connection.become, last.connection.port) == ("new", True, 2222)
    assert last.secrets.ssh_key == key != old.secrets.ssh_key
    assert world.hosts[ADDRESS].commands == [["new"]]


@pytest.mark.parametrize("pinned", [False, True])
async def test_an_entry_whose_host_has_moved_while_its_machine_is_deleted(world: World, pinned: bool) -> None:
    """It is the same host, since it shows a key that is known: one that was seen, or that the entry pins now."""
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        await _cleaned_in_vain(world)
        world.hosts.names["192.0.2.99:22"] = f"{ADDRESS}:22"
        moved = {"address": "192.0.2.99"} | ({"hostKeys": [HOST_KEY]} if pinned else {})
        await world.patch(POOLED_REMOTE_MACHINES, "e", {"spec": {"machine": moved}})
        await world.until_gone(REMOTE_MACHINES, "m")
        await world.entry_state("e", "Available")
    last = world.hosts.requests[-1]
    assert (last.connection.address, last.connection.host_keys) == ("192.0.2.99", (HOST_KEY,))
    assert f"{ADDRESS}:22" in world.hosts.hosts
    assert not world.hosts.violations


async def test_an_entry_that_is_deleted_while_it_is_held(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS, cleanUpCommands=["wipe"])
    async with world.controller():
        await world.machine("m", POOL)
        await world.provisioned("m")
        await world.delete(POOLED_REMOTE_MACHINES, "e")
        await asyncio.sleep(0.2)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert world.hosts[ADDRESS].commands == [["wipe"]]


async def test_a_host_that_a_machine_uses_is_not_handed_out_by_a_pool(world: World) -> None:
    await world.cluster()
    await world.machine("direct", {"address": ADDRESS, "sshKeyRef": {"name": "key"}})
    async with world.controller():
        await world.provisioned("direct")
        await world.entry("e", ADDRESS)
        entry = await world.entry_state("e", "Unavailable")
        assert "has the address of RemoteMachine" in entry["status"]["message"]
        await world.machine("m", POOL)
        await world.waits("m", "PoolExhausted")
        await world.delete(REMOTE_MACHINES, "direct")
        await world.provisioned("m")
    assert world.hosts[ADDRESS].cleanups == 1
    assert not world.hosts.violations


async def test_host_keys_stay_with_the_entry(world: World) -> None:
    await world.cluster()
    await world.entry("e", ADDRESS)
    async with world.controller():
        for name in ("m", "n"):
            await world.machine(name, POOL)
            await world.provisioned(name)
            await world.delete(REMOTE_MACHINES, name)
            await world.until_gone(REMOTE_MACHINES, name)
    first, *others = world.hosts.requests
    assert first.connection.host_keys == ()
    assert all(request.connection.host_keys for request in others)


async def test_deleted_while_its_entry_lacks_the_key(world: World) -> None:
    """Nothing was ever contacted: there is nothing to wait for."""
    await world.cluster()
    await world.secret("own", SSH_KEY)
    await world.entry("e", ADDRESS, key="own")
    world.hosts[ADDRESS].hung = True
    async with world.controller(cleanup_timeout=2.0):
        await world.machine("m", POOL)
        await world.bootstrapping("m")
        await world.api.delete(SECRETS, world.namespace, "own")
        # It is held until the host is clean. Somebody takes it away all the same.
        await world.patch(SECRETS, "own", {"metadata": {"finalizers": []}})
        await world.until_gone(SECRETS, "own")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        entry = await world.entry_state("e", "Quarantined")
        assert "given up" in entry["status"]["message"]
        world.hosts[ADDRESS].hung = False
        await world.secret("own", SSH_KEY)
        await world.entry_state("e", "Available", 90)
    assert world.hosts[ADDRESS].cleanups == 1
