"""Machines choose hosts of a pool by labels, facts, failure domains and strategies, on a real API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from capra.kube.client.resources import (
    HOLDER,
    POOLED_REMOTE_MACHINES,
    RELEASED,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    Raw,
    annotations_of,
)
from capra.model.machine import FACTS
from tests.component.controller.remote_clusters import owned, ready
from tests.component.controller.test_probes import FULL, until_probed
from tests.component.controller.world import MACHINES, World, condition

ARCHITECTURE = f"{FACTS}architecture"
MEMORY = f"{FACTS}memoryMiB"
AMD64 = {"matchLabels": {ARCHITECTURE: "amd64"}}


def expressed(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


async def taken(world: World, name: str, selector: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The entry that a new machine gets."""
    spec = {"pool": "p", **({"hostSelector": selector} if selector else {})}
    await world.machine(name, spec, **more)
    return await taken_by(world, name)


async def taken_by(world: World, name: str) -> str:
    await world.provisioned(name)
    raws = await world.all(POOLED_REMOTE_MACHINES)
    [entry] = [raw for raw in raws if annotations_of(raw).get(HOLDER, "").startswith(f"{name}/")]
    return str(entry["metadata"]["name"])


async def given_back(world: World, name: str) -> None:
    await world.delete(REMOTE_MACHINES, name)
    await world.until_gone(REMOTE_MACHINES, name)


async def test_ten_machines_get_the_ten_hosts_that_will_do_and_no_other_is_tried(world: World) -> None:
    await world.cluster()
    numbers = {"dead": range(5), "unfit": range(5, 8), "arm": range(8, 10), "good": range(10, 20)}
    for number in range(20):
        await world.entry(f"e-{number:02}", f"192.0.2.{number}")
        host = world.hosts[f"192.0.2.{number}"]
        host.dead = number in numbers["dead"]
        host.findings = [FULL] if number in numbers["unfit"] else []
        host.facts = {"architecture": "aarch64" if number in numbers["arm"] else "x86_64"}
    async with world.controller(probe_interval=60):
        for number in range(20):
            await until_probed(world, f"e-{number:02}", Reachable=str(number not in numbers["dead"]))
        for number in range(10):
            await world.machine(f"m-{number}", {"pool": "p", "hostSelector": AMD64})
        got = {(await world.provisioned(f"m-{number}"))["spec"]["address"] for number in range(10)}
        assert got == {f"192.0.2.{number}" for number in numbers["good"]}
        await world.machine("late", {"pool": "p", "hostSelector": AMD64})
        raw = await world.waits("late", "PoolExhausted", f"an entry of pool p with {ARCHITECTURE} In (amd64)")
        told = condition(raw, "Ready")["message"]
        assert "by their last probes 3 Unfit; the nearest is e-05: 1 error: disk /var/lib" in told
        # What is left for those who take any.
        assert {await taken(world, f"any-{number}") for number in range(2)} == {"e-08", "e-09"}
    others = {f"192.0.2.{number}" for number in range(8)}
    assert {address: world.hosts[address].contacts for address in others} == dict.fromkeys(others, 0)
    assert not world.hosts.violations


async def test_labels_preferences_and_what_is_told_when_nobody_will_do(world: World) -> None:
    await world.cluster()
    for name, address, labels in (
        ("a", "192.0.2.1", {"rack": "r1"}),
        ("b", "192.0.2.2", {"rack": "r2", "disk": "nvme", "cores": "16"}),
        ("c", "192.0.2.3", {"rack": "r2", "cores": "8"}),
    ):
        await world.entry(name, address, labels=labels)
    preferred = [
        {"weight": 10, "selector": expressed("rack", "In", "r1")},
        {"weight": 90, "selector": expressed("cores", "Lt", "10")},
    ]
    async with world.controller():
        wants = {**expressed("disk", "In", "tape"), "matchLabels": {"rack": "r2"}}
        await world.machine("tape", {"pool": "p", "hostSelector": wants})
        raw = await world.waits("tape", "PoolExhausted")
        assert condition(raw, "Ready")["message"] == (
            "no entry of pool p is what this machine wants (rack In (r2) and disk In (tape)): no entry has disk In"
            " (tape); the nearest is b, which fails disk In (tape)"
        )
        await world.machine("fact", {"pool": "p", "hostSelector": AMD64})
        await world.waits("fact", "PoolExhausted", "probes tell facts (--probe-interval)")
        assert await taken(world, "liked", {"preferred": preferred}) == "c"
        assert await taken(world, "nvme", expressed("disk", "Exists")) == "b"
        # Somebody who has waited for longer waits for something else.
        await world.machine("next", {"pool": "p", "hostSelector": expressed("cores", "Gt", "12")})
        await world.waits("next", "PoolExhausted", "waiting for an entry of pool p with cores Gt 12")
        await given_back(world, "nvme")
        assert await taken_by(world, "next") == "b"
        # A label that is set makes of a host what is waited for.
        await world.patch(POOLED_REMOTE_MACHINES, "a", {"metadata": {"labels": {"rack": "r2", "disk": "tape"}}})
        assert await taken_by(world, "tape") == "a"
    assert not world.hosts.violations


async def test_a_fact_that_changes_wakes_who_waits_for_it(world: World) -> None:
    await world.cluster()
    await world.entry("e", "192.0.2.1")
    world.hosts["192.0.2.1"].facts = {"memory": str(4 * 1024 * 1024)}
    async with world.controller(probe_interval=2):
        await until_probed(world, "e", Fit="True")
        await world.machine("m", {"pool": "p", "hostSelector": expressed(MEMORY, "Gt", "8000")})
        raw = await world.waits("m", "PoolExhausted")
        assert f"the nearest is e, which fails {MEMORY} Gt 8000" in condition(raw, "Ready")["message"]
        world.hosts["192.0.2.1"].facts = {"memory": str(16 * 1024 * 1024)}
        assert await taken_by(world, "m") == "e"


async def test_the_one_that_was_given_back_the_longest_ago_comes_first(world: World) -> None:
    await world.cluster()
    for number, name in enumerate("abc"):
        await world.entry(name, f"192.0.2.{number}")
    await world.annotate(POOLED_REMOTE_MACHINES, "a", {RELEASED: "2026-01-02T00:00:00Z"})
    await world.annotate(POOLED_REMOTE_MACHINES, "c", {RELEASED: "2026-01-01T00:00:00Z"})
    async with world.controller():
        wants = {"strategy": "LeastRecentlyUsed"}
        assert [await taken(world, f"m-{number}", wants) for number in range(3)] == ["b", "c", "a"]
        await given_back(world, "m-1")
        entry = await world.entry_state("c", "Available")
        assert entry["metadata"]["annotations"][RELEASED] > "2026-01-02"
        await given_back(world, "m-0")
        assert await taken(world, "again", {"strategy": "Name"}) == "b"


async def test_a_failure_domain_is_the_machines_own_or_its_owners(world: World) -> None:
    await world.cluster()
    for number, domain in enumerate("xxyyzz"):
        await world.entry(f"e-{number}", f"192.0.2.{number}", domain=domain)
    async with world.controller():
        assert [await taken(world, f"m-{domain}", domain=domain) for domain in "zyx"] == ["e-4", "e-2", "e-0"]
        assert (await world.get(REMOTE_MACHINES, "m-y"))["status"]["failureDomain"] == "y"
        await world.machine("own", {"pool": "p", "failureDomain": "y"}, domain="x")
        assert await taken_by(world, "own") == "e-3"
        await world.machine("late", {"pool": "p"}, domain="y")
        await world.waits("late", "PoolExhausted", "waiting for an entry of pool p with failureDomain = y")
        await world.machine("nowhere", {"pool": "p"}, domain="w")
        await world.waits("nowhere", "PoolExhausted", "no entry has failureDomain = w; the nearest is e-1")
        # It is the Machine that says where; who waits is asked again.
        await world.patch(MACHINES, "nowhere", {"spec": {"failureDomain": "x"}})
        assert await taken_by(world, "nowhere") == "e-1"
        await given_back(world, "own")
        assert await taken_by(world, "late") == "e-3"
    assert not world.hosts.violations


async def test_without_domains_in_the_pool_that_of_a_machine_does_not_count(world: World) -> None:
    await world.cluster()
    await world.entry("other", "192.0.2.1", pool="q", domain="x")
    await world.entry("e", "192.0.2.2")
    async with world.controller():
        assert await taken(world, "m", domain="x") == "e"


async def test_a_cluster_tells_the_domains_of_its_pools(world: World) -> None:
    await world.cluster()
    await world.entry("a", "192.0.2.1", domain="x")
    await world.entry("b", "192.0.2.2", domain="y", pool="q")
    async with world.controller():
        await owned(world)
        await ready(world)
        await tells(world, "x", "y")
        first = replace(REMOTE_CLUSTERS, version="v1beta1")
        assert (await world.get(first, "c"))["status"]["failureDomains"][0] == {"name": "x", "controlPlane": True}
        await world.patch(REMOTE_CLUSTERS, "c", {"spec": {"pools": ["q"]}})
        await tells(world, "y")
        await world.patch(POOLED_REMOTE_MACHINES, "b", {"spec": {"failureDomain": "z"}})
        await tells(world, "z")
        await world.delete(POOLED_REMOTE_MACHINES, "b")
        await tells(world)


async def tells(world: World, *domains: str) -> None:
    wanted = [{"name": one, "controlPlane": True} for one in domains] or None

    def holds(raw: Raw) -> bool:
        return bool(raw.get("status", {}).get("failureDomains") == wanted)

    await world.until(REMOTE_CLUSTERS, "c", holds)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ({"matchLabels": {"no label!": "x"}}, "spec.hostSelector.matchLabels"),
        (AMD64 | {"matchExpressions": [{"key": f"{FACTS}arch", "operator": "Exists"}]}, "is no fact of a host"),
    ],
)
async def test_a_selector_with_a_mistake_takes_nothing(world: World, selector: Any, message: str) -> None:
    await world.cluster()
    await world.entry("e", "192.0.2.1")
    async with world.controller():
        await world.machine("m", {"pool": "p", "hostSelector": selector}, data=None)
        raw = await world.waits("m", "InvalidInput", message)
        assert not raw["spec"].get("address")
        await world.patch(REMOTE_MACHINES, "m", {"spec": {"hostSelector": None}})
        await world.waits("m", "WaitingForBootstrapData")


async def test_a_mistake_in_what_a_machine_wanted_holds_no_cleanup_up(world: World) -> None:
    """It has its host: what it would want of another one does not count any more."""
    await world.cluster()
    await world.entry("e", "192.0.2.1")
    async with world.controller():
        await world.machine("m", {"pool": "p"})
        await world.provisioned("m")
        await world.patch(REMOTE_MACHINES, "m", {"spec": {"hostSelector": {"matchLabels": {"no label!": "x"}}}})
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
    assert world.hosts["192.0.2.1"].cleanups == 1
