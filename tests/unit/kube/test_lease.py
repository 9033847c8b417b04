"""The election: what a replica may do with the Lease, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capra.errors import Fatal
from capra.kube.errors import InvalidError, MissingError
from capra.kube.lease import DEFAULT_NAMESPACE, LostLeadership, Move, decide, election_namespace
from capra.settings import ControllerSettings
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.kube.lease_world import (
    DEADLINE,
    DURATION,
    LONGEST_WAIT,
    PERIOD,
    Replica,
    Replicas,
    hold_up,
    in_virtual_time,
    now,
)

SOON = 0.2
"""Seconds for a few requests."""


@pytest.fixture(autouse=True)
def _virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    in_virtual_time(monkeypatch)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test, in time that passes at once."""

    def run() -> None:
        run_in_virtual_time(test())

    run.__name__ = test.__name__
    return run


def spec(holder: str | None, **more: Any) -> dict[str, Any]:
    return {"spec": {"holderIdentity": holder, **more}}


@pytest.mark.parametrize(
    ("lease", "unchanged_for", "move"),
    [
        pytest.param(None, 0, Move.CREATE, id="there is none"),
        pytest.param(spec("me"), 0, Move.RENEW, id="ours"),
        pytest.param(spec("me"), 1000, Move.RENEW, id="ours, and over"),
        pytest.param(spec(""), 0, Move.TAKE, id="given back"),
        pytest.param(spec(None), 0, Move.TAKE, id="given back by client-go"),
        pytest.param({}, 0, Move.TAKE, id="empty"),
        pytest.param(spec("other", leaseDurationSeconds=20), 20, Move.WAIT, id="held"),
        pytest.param(spec("other", leaseDurationSeconds=20), 20.1, Move.TAKE, id="over by what its holder said"),
        pytest.param(spec("other"), 15, Move.WAIT, id="held, for our own duration"),
        pytest.param(spec("other"), 15.1, Move.TAKE, id="over by our own duration"),
    ],
)
def test_what_a_replica_may_do(lease: dict[str, Any] | None, unchanged_for: float, move: Move) -> None:
    assert decide(lease, "me", unchanged_for, 15) is move


def test_the_namespace_of_the_lease(tmp_path: Path) -> None:
    file = tmp_path / "namespace"
    assert election_namespace(ControllerSettings(), file) == DEFAULT_NAMESPACE
    file.write_text("\n")
    assert election_namespace(ControllerSettings(), file) == DEFAULT_NAMESPACE
    file.write_text("of-the-pod\n")
    assert election_namespace(ControllerSettings(), file) == "of-the-pod"
    assert election_namespace(ControllerSettings(leader_election_namespace="given"), file) == "given"


@virtual
async def test_the_first_leads_at_once_and_the_second_when_the_lease_is_given_back() -> None:
    replicas = Replicas()
    first = replicas.start("a")
    assert await replicas.until_at_work("a") < SOON
    second = replicas.start("b")
    await asyncio.sleep(10 * DURATION)
    assert replicas.stage.at_work == ["a"]
    stopped = now()
    first.stop.set()
    assert await first.over() is None
    assert replicas.server.holder == ""
    assert await replicas.until_at_work("b") - stopped < LONGEST_WAIT + SOON
    second.stop.set()
    assert await second.over() is None
    assert replicas.server.lease is not None
    assert replicas.server.lease["spec"]["leaseTransitions"] == 1


@virtual
async def test_it_is_renewed_every_retry_period() -> None:
    replicas = Replicas()
    leader = replicas.start("a")
    await asyncio.sleep(20.5 * (PERIOD + 0.04))
    times = [time for time, _ in replicas.server.writes]
    assert len(times) == 21
    assert all(PERIOD <= after - before < PERIOD + 0.1 for before, after in pairwise(times))
    leader.stop.set()
    await leader.over()


@virtual
async def test_one_that_is_gone_is_followed_after_the_lease_duration_and_not_before() -> None:
    replicas = Replicas()
    first = replicas.start("a")
    await replicas.until_at_work("a")
    second = replicas.start("b")
    await asyncio.sleep(5 * DURATION)
    first.leading.cancel()
    await first.over()
    renewed, holder = replicas.server.writes[-1]
    assert holder == replicas.server.holder == "a"
    assert DURATION < await replicas.until_at_work("b") - renewed < DURATION + 2 * LONGEST_WAIT + SOON
    second.stop.set()
    await second.over()


@pytest.mark.parametrize("fault", ["broken", "hangs"])
def test_one_that_cannot_renew_ends_its_work_before_another_begins(fault: str) -> None:
    async def test() -> None:
        replicas = Replicas()
        first = replicas.start("a", ending=4.0)
        await replicas.until_at_work("a")
        second = replicas.start("b")
        await asyncio.sleep(5 * DURATION)
        renewed, _ = replicas.server.writes[-1]
        setattr(first.connection, fault, True)
        lost = await first.over()
        assert isinstance(lost, LostLeadership)
        assert "could not be renewed for 10 s" in str(lost)
        told = replicas.stage.when("a", "told")
        assert DEADLINE - SOON < told - renewed <= DEADLINE
        assert not first.exits
        assert await replicas.until_at_work("b") > replicas.stage.when("a", "ended")
        assert not replicas.stage.together
        second.stop.set()
        await second.over()

    run_in_virtual_time(test())


@virtual
async def test_a_short_loss_of_the_connection_costs_nothing() -> None:
    replicas = Replicas()
    leader = replicas.start("a")
    await replicas.until_at_work("a")
    for _ in range(5):
        await asyncio.sleep(3 * PERIOD)
        leader.connection.broken = True
        # It may begin a whole period after a renewal, and end as long before an attempt.
        await asyncio.sleep(DEADLINE - 2 * PERIOD - SOON)
        leader.connection.broken = False
    assert replicas.stage.at_work == ["a"]
    leader.stop.set()
    assert await leader.over() is None


@virtual
async def test_writes_whose_answers_are_lost_are_its_own() -> None:
    replicas = Replicas()
    leader = replicas.start("a")
    leader.connection.deaf = True
    await asyncio.sleep(3 * DURATION)
    assert replicas.server.holder == "a"
    assert not replicas.stage.seen, "it did not know that it had the Lease"
    leader.connection.deaf = False
    await replicas.until_at_work("a")
    leader.connection.deaf = True
    await asyncio.sleep(DEADLINE - 2 * PERIOD - SOON)
    leader.connection.deaf = False
    await asyncio.sleep(5 * DURATION)
    assert replicas.stage.at_work == ["a"]
    leader.stop.set()
    assert await leader.over() is None


@virtual
async def test_work_that_does_not_end_ends_with_the_process() -> None:
    replicas = Replicas()
    first = replicas.start("a", ending=1000.0)
    await replicas.until_at_work("a")
    second = replicas.start("b")
    await asyncio.sleep(DURATION)
    renewed, _ = replicas.server.writes[-1]
    first.connection.broken = True
    began = await replicas.until_at_work("b")
    assert first.exits == [1]
    ended = replicas.stage.when("a", "ended")
    assert DURATION - SOON < ended - renewed <= DURATION
    assert ended < began
    for replica in (first, second):
        replica.leading.cancel()


@virtual
async def test_work_that_takes_long_to_end_keeps_the_lease_until_then() -> None:
    replicas = Replicas()
    first = replicas.start("a", ending=4 * DURATION)
    await replicas.until_at_work("a")
    second = replicas.start("b")
    first.stop.set()
    assert await first.over() is None
    assert not first.exits
    ended = replicas.stage.when("a", "ended")
    assert ended - replicas.stage.when("a", "told") == pytest.approx(4 * DURATION)
    assert 0 < await replicas.until_at_work("b") - ended < LONGEST_WAIT + SOON
    second.stop.set()
    await second.over()


@virtual
async def test_the_lease_of_another_is_left_alone() -> None:
    replicas = Replicas()
    first = replicas.start("a")
    await replicas.until_at_work("a")
    lease = replicas.server.get()
    stolen = {"metadata": lease["metadata"], "spec": {"holderIdentity": "b"}}
    replicas.server.write(stolen)
    lost = await first.over()
    assert isinstance(lost, LostLeadership)
    assert str(lost) == "Lease here/capra-controller-leader: another replica has it"
    assert replicas.server.writes[-1][1] == "b"


@virtual
async def test_a_process_that_was_held_up_ends_its_work_at_once() -> None:
    replicas = Replicas()
    first = replicas.start("a")
    await replicas.until_at_work("a")
    hold_up(2 * DURATION)
    held_up_until = now()
    lost = await first.over()
    assert isinstance(lost, LostLeadership)
    assert "this process was held up" in str(lost)
    assert replicas.stage.when("a", "told") == held_up_until
    assert len(replicas.server.writes) == 1


@virtual
async def test_the_error_of_the_work_gives_the_lease_back() -> None:
    async def fail() -> None:
        await asyncio.sleep(DURATION)
        raise Fatal("a disk is full")

    replicas = Replicas()
    replica = replicas.start("a", work=fail)
    error = await replica.over()
    assert isinstance(error, Fatal)
    assert str(error) == "a disk is full"
    assert replicas.server.holder == ""


@virtual
async def test_work_that_ends_by_itself_gives_the_lease_back() -> None:
    replicas = Replicas()
    assert await replicas.start("a", work=lambda: asyncio.sleep(DURATION)).over() is None
    assert [holder for _, holder in replicas.server.writes][-2:] == ["a", ""]


@virtual
async def test_one_that_is_told_to_stop_while_it_waits_writes_nothing() -> None:
    replicas = Replicas()
    replica = replicas.start("a")
    replica.connection.hangs = True
    await asyncio.sleep(DEADLINE / 2)
    replica.stop.set()
    assert await replica.over() is None
    assert not replicas.server.writes
    assert not replicas.stage.seen


@virtual
async def test_a_namespace_that_is_not_there_is_waited_for() -> None:
    replicas = Replicas()
    replica = replicas.start("a")
    replica.connection.error = MissingError("there is no such namespace")
    await asyncio.sleep(3 * DURATION)
    assert not replica.leading.done()
    replica.connection.error = None
    await replicas.until_at_work("a")
    replica.stop.set()
    await replica.over()


@virtual
async def test_what_the_api_server_refuses_is_not_asked_again() -> None:
    replicas = Replicas()
    replica = replicas.start("a")
    replica.connection.error = InvalidError("the Lease is not as it should be")
    assert isinstance(await replica.over(), InvalidError)


@virtual
async def test_a_lease_that_is_removed_is_made_again_by_its_holder() -> None:
    replicas = Replicas()
    replica = replicas.start("a")
    await replicas.until_at_work("a")
    replicas.server.lease = None
    await asyncio.sleep(2 * PERIOD)
    assert replicas.server.holder == "a"
    assert replicas.stage.at_work == ["a"]
    replica.stop.set()
    await replica.over()


faults = st.lists(
    st.tuples(
        st.floats(0.1, 20.0),
        st.sampled_from("abc"),
        st.sampled_from(["broken", "hangs", "deaf", "slow", "healed", "stopped", "killed"]),
    ),
    max_size=12,
)


@given(faults, st.sampled_from([0.0, 1.0, 4.9, 30.0]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_two_at_work_whatever_fails(plan: list[tuple[float, str, str]], ending: float) -> None:
    async def test() -> None:
        replicas = Replicas()
        running = {name: replicas.start(name, ending=ending) for name in "abc"}
        for wait, name, fault in plan:
            await asyncio.sleep(wait)
            inflict(running[name], fault)
        for replica in running.values():
            inflict(replica, "healed")
        await asyncio.sleep(3 * DURATION + ending)
        assert not replicas.stage.together
        # Whoever is left goes on.
        assert bool(replicas.stage.at_work) == any(not replica.leading.done() for replica in running.values())
        for replica in running.values():
            replica.stop.set()
            await replica.over()

    run_in_virtual_time(test())


def inflict(replica: Replica, fault: str) -> None:
    connection = replica.connection
    match fault:
        case "slow":
            connection.latency = 3.0
        case "healed":
            connection.broken = connection.hangs = connection.deaf = False
            connection.latency = 0.01
        case "stopped":
            replica.stop.set()
        case "killed":
            replica.leading.cancel()
        case _:
            setattr(connection, fault, True)
