"""What the store keeps of a machine, and of what: never of another object that has its name, never half of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.engine.decisions import Cleanup, GiveBack, Keep, Release, Reserve
from capra.engine.engine import Engine, Reconciliation
from capra.engine.ports import ProgressListener
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import FINALIZER, HOLDER, HOST_KEYS, POOL_ENTRY, QUARANTINED, RECORD, Raw
from capra.kube.objects import record
from capra.model.machine import GIVE_UP_ANNOTATION, MachineKey
from capra.model.observation import Observation, Phase, Record
from capra.model.run import Playbook, RunRequest, RunResult
from capra.testing import FakeRunner, finished, stepped, unreachable
from tests.unit.kube.pool_examples import entry, machine
from tests.unit.kube.store_world import NOW, StoreWorld

KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 42}{last}" for last in "AIQ"]
MACHINE, ENTRY = MachineKey("default", "m"), MachineKey("default", "e", "PooledRemoteMachine")
PLACE: dict[str, Any] = {"address": "192.0.2.3", "sshKeyRef": {"name": "key"}}


def owned(uid: str, phase: Phase | None = None, **metadata: Any) -> Raw:
    """The RemoteMachine `m` of the Machine `m`."""
    made = machine(uid=uid, phase=phase, pool="", **PLACE)
    owner = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "m", "uid": "uid-owner"}
    made["metadata"] |= {"ownerReferences": [owner], **metadata}
    return made


def ready(raw: Raw) -> StoreWorld:
    """A world in which this machine may be bootstrapped."""
    reference = {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "RemoteMachine", "name": "m"}
    spec = {"clusterName": "c", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef": reference}
    owner = {"kind": "Machine", "metadata": {"name": "m", "namespace": "default", "uid": "uid-owner"}, "spec": spec}
    metadata = {"name": "c", "namespace": "default", "uid": "uid-c"}
    return StoreWorld(raw, owner, {"kind": "Cluster", "metadata": metadata, "status": {"infrastructureReady": True}})


DELETING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [FINALIZER]}


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        pytest.param(owned("uid-old"), finished(), id="a bootstrap"),
        pytest.param(owned("uid-old"), unreachable(), id="a bootstrap that sent nothing"),
        pytest.param(owned("uid-old", Phase.CLEANING, **DELETING), stepped(), id="a cleanup that failed"),
        pytest.param(owned("uid-old", Phase.CLEANING, **DELETING), finished(), id="a cleanup"),
    ],
)
async def test_what_ran_for_a_machine_says_nothing_of_the_next_one_of_its_name(raw: Raw, result: RunResult) -> None:
    world = ready(raw)

    class Runner:
        async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
            world.remake(owned("uid-new"))
            return result

    with pytest.raises(MissingError, match="another one has its name"):
        await Engine(world.store, Runner(), lambda: NOW).reconcile(MACHINE)
    left = world.get("RemoteMachine", "m")
    assert left["metadata"]["uid"] == "uid-new"
    assert RECORD not in left["metadata"]["annotations"]
    assert "providerID" not in left["spec"]


async def test_the_record_of_a_machine_that_was_changed_meanwhile_is_kept() -> None:
    world = ready(owned("uid-old"))

    class Runner:
        async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
            now = world.get("RemoteMachine", "m")
            world.put({**now, "metadata": now["metadata"] | {"labels": {"changed": "meanwhile"}}})
            return finished()

    await Engine(world.store, Runner(), lambda: NOW).reconcile(MACHINE)
    assert record.load_record(world.get("RemoteMachine", "m")).phase is Phase.PROVISIONED


@pytest.mark.parametrize("now", ["", KEYS[1]], ids=["removed", "set"])
@pytest.mark.parametrize("of_entry", [False, True], ids=["its-own", "the-entry's"])
async def test_host_keys_that_somebody_changes_during_a_run_stay_changed(now: str, of_entry: bool) -> None:
    raw = owned("uid-old")
    world = ready(raw)
    if of_entry:
        world.put(entry("e", holder="m/uid-old/uid-e", annotations={HOST_KEYS: KEYS[0]}, **PLACE))
    else:
        world.put({**raw, "metadata": raw["metadata"] | {"annotations": {HOST_KEYS: KEYS[0]}}})

    class Runner:
        async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
            assert request.connection.host_keys == (KEYS[0],)
            for kind, name in (("RemoteMachine", "m"), *((("PooledRemoteMachine", "e"),) if of_entry else ())):
                seen = world.get(kind, name)
                notes = seen["metadata"]["annotations"] | {HOST_KEYS: now}
                world.put({**seen, "metadata": seen["metadata"] | {"annotations": notes}})
            return finished()

    await Engine(world.store, Runner(), lambda: NOW).reconcile(MACHINE)
    after = world.get("RemoteMachine", "m")
    assert record.load_record(after).phase is Phase.PROVISIONED
    assert after["metadata"]["annotations"][HOST_KEYS] == now


async def test_host_keys_that_somebody_sets_take_precedence_over_what_the_host_shows() -> None:
    world = ready(owned("uid-old"))

    class Runner:
        async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
            seen = world.get("RemoteMachine", "m")
            notes = seen["metadata"]["annotations"] | {HOST_KEYS: KEYS[1]}
            world.put({**seen, "metadata": seen["metadata"] | {"annotations": notes}})
            return replace(finished(), host_keys=(KEYS[2],))

    await Engine(world.store, Runner(), lambda: NOW).reconcile(MACHINE)
    assert world.annotations("RemoteMachine", "m")[HOST_KEYS] == KEYS[1]


async def test_what_one_controller_has_proven_is_nothing_where_another_has_begun() -> None:
    """Two work by mistake: the run of one has sent nothing, that of the other goes on."""
    world = ready(owned("uid-old"))
    one, other = await world.store.load(MACHINE), await world.store.load(MACHINE)
    begun = replace(one.record, phase=Phase.BOOTSTRAPPING, changed_at=1.0)
    await world.store.save(one, begun)
    with pytest.raises(ConflictError, match="worked on by somebody else"):
        await world.store.save(other, replace(begun, changed_at=2.0))
    other = await world.store.load(MACHINE)
    await world.store.save(other, replace(begun, changed_at=3.0))
    with pytest.raises(ConflictError, match="worked on by somebody else"):
        await world.store.save(replace(one, record=begun), one.record)
    assert record.load_record(world.get("RemoteMachine", "m")).phase is Phase.BOOTSTRAPPING


async def _reserve(world: StoreWorld, seen: Observation) -> None:
    await world.store.reserve(seen, "e")


async def _give_back(world: StoreWorld, seen: Observation) -> None:
    await world.store.give_back(seen, GiveBack("e", "silent"))


async def _release(world: StoreWorld, seen: Observation) -> None:
    await world.store.release(seen, Release("nothing was ever sent to a host"))


async def _tell(world: StoreWorld, seen: Observation) -> None:
    await world.reporter.tell(Reconciliation(seen, Keep(), replace(seen.record, phase=Phase.PROVISIONED)))


@pytest.mark.parametrize("act", [_reserve, _give_back, _release, _tell])
async def test_nothing_is_done_to_the_next_one_of_its_name(act: Any) -> None:
    world = StoreWorld(machine(uid="uid-old"), entry("e"))
    seen = await world.store.load(MACHINE)
    following = machine(uid="uid-new")
    following["metadata"]["finalizers"] = [FINALIZER]
    world.remake(following)
    with pytest.raises(MissingError):
        await act(world, seen)
    assert world.server.patches == 0


async def _clean(world: StoreWorld, seen: Observation) -> None:
    await world.store.save(seen, Record(phase=Phase.CLEAN))


@pytest.mark.parametrize("act", [_clean, _release])
async def test_the_cleanup_of_an_entry_says_nothing_of_the_next_one_of_its_name(act: Any) -> None:
    world = StoreWorld(entry("e", annotations={QUARANTINED: "dirty"}))
    seen = await world.store.load(ENTRY)
    world.remake(entry("e", annotations={QUARANTINED: "dirty"}, metadata={"uid": "uid-new"}))
    with pytest.raises(MissingError):
        await act(world, seen)
    assert world.annotations("PooledRemoteMachine", "e") == {QUARANTINED: "dirty"}


@pytest.mark.parametrize("moved", [False, True])
async def test_the_host_of_a_vanished_holder_is_cleaned_by_the_uid_that_it_knows(moved: bool) -> None:
    """Not by that of whoever had the entry before."""
    left = {
        name: text for name, text in record.dump_record(Record(phase=Phase.CLEANING, uid="uid-before")).items() if text
    }
    mine = record.dump_record(Record(uid="uid-first" if moved else ""))
    notes = {name: text for name, text in mine.items() if text}
    world = StoreWorld(machine(uid="uid-m", annotations=notes), entry("e", annotations=left))
    await world.store.reserve(await world.store.load(MACHINE), "e")
    await world.entries.quarantine(world.get("PooledRemoteMachine", "e"), "vanished")
    kept = record.load_record(world.get("PooledRemoteMachine", "e"))
    assert (kept.phase, kept.uid) == (Phase.CLEANING, "uid-first" if moved else "uid-m")


async def test_only_a_cleanup_ends_a_quarantine() -> None:
    """To give up is for the object that somebody waits for."""
    raw = entry("e", holder="", annotations={QUARANTINED: "dirty", GIVE_UP_ANNOTATION: ""})
    world, runner = StoreWorld(raw), FakeRunner([finished(), stepped(), finished()])
    for _ in range(2):
        taken = await Engine(world.store, runner, lambda: NOW).reconcile(ENTRY)
        assert isinstance(taken.decision, Cleanup)
        assert QUARANTINED in world.annotations("PooledRemoteMachine", "e")
        due = record.dump_record(replace(taken.record, not_before=0.0))
        await world.entries.save(taken.observation.machine, due)
    await Engine(world.store, runner, lambda: NOW).reconcile(ENTRY)
    assert [request.playbook for request in runner.requests] == [Playbook.PREFLIGHT, *[Playbook.K0S_CLEANUP] * 2]
    assert QUARANTINED not in world.annotations("PooledRemoteMachine", "e")


@pytest.mark.parametrize("how", [{"dirty": True}, {"moved": True}])
async def test_whatever_is_decided_a_dirty_entry_stays_in_quarantine(how: dict[str, bool]) -> None:
    world = StoreWorld(entry("e", annotations={QUARANTINED: "dirty"}))
    await world.store.release(await world.store.load(ENTRY), Release("given up", **how))
    assert QUARANTINED in world.annotations("PooledRemoteMachine", "e")


async def test_a_machine_follows_its_entry_once() -> None:
    """Adopted from the reference. The entry knows keys from an earlier holder, and has another address since."""
    follows = machine(address="192.0.2.1", annotations={POOL_ENTRY: "e"}, providerID="remote-machine://192.0.2.1:22")
    follows["metadata"]["finalizers"] = [FINALIZER]
    held = entry("e", holder="m/uid-m/uid-e", address="192.0.2.9", annotations={HOST_KEYS: KEYS[0]})
    world = StoreWorld(follows, held)
    decisions = [(await Engine(world.store, FakeRunner(), lambda: NOW).reconcile(MACHINE)).decision for _ in range(4)]
    assert decisions == [Reserve("e", follows=True), Keep(adopted=True), Keep(), Keep()]
    assert world.get("RemoteMachine", "m")["spec"]["address"] == "192.0.2.9"


@pytest.mark.parametrize("dirty", [False, True])
async def test_each_entry_that_is_given_back_keeps_the_keys_of_its_own_host(dirty: bool) -> None:
    """Two controllers at once gave it three entries: it has used one."""
    uses = machine(address="b.example.org", annotations={POOL_ENTRY: "b", HOST_KEYS: KEYS[0]})
    others = (entry("a", holder="m/uid-m/uid-a", annotations={HOST_KEYS: KEYS[1]}), entry("c", holder="m/uid-m/uid-c"))
    world = StoreWorld(uses, *others, entry("b", holder="m/uid-m/uid-b", annotations={HOST_KEYS: KEYS[2]}))
    await world.store.release(await world.store.load(MACHINE), Release("over", dirty=dirty))
    left = {name: world.annotations("PooledRemoteMachine", name) for name in "abc"}
    assert {name: kept.get(HOST_KEYS) for name, kept in left.items()} == {"a": KEYS[1], "b": KEYS[0], "c": None}
    assert [(kept[HOLDER], QUARANTINED in kept) for kept in left.values()] == [("", dirty)] * 3


async def test_an_entry_in_quarantine_knows_the_hooks_that_have_ended() -> None:
    """A cleanup that goes on there does not repeat them."""
    kept = replace(Record(phase=Phase.CLEANING), hooks=("beforeCleanUp/leave:d1",))
    notes = {name: text for name, text in record.dump_record(kept).items() if text is not None}
    world = StoreWorld(machine(address="e.example.org", annotations=notes), entry("e", holder="m/uid-m/uid-e"))
    await world.store.release(await world.store.load(MACHINE), Release("over", dirty=True))
    assert (await world.store.load(ENTRY)).record.hooks == kept.hooks
