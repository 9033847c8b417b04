"""The election when something fails: nobody works without the Lease."""

from __future__ import annotations

import asyncio

import pytest

from capra.controller.leadership.election import LostLeadership, WorkGoesOn
from capra.kube.client.errors import InvalidError, MissingError
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.controller.leadership.lease_world import (
    DEADLINE,
    DURATION,
    PERIOD,
    SOON,
    Replicas,
    hold_up,
    now,
    virtual,
)


@virtual
async def test_the_time_counts_from_before_the_lease_was_asked_for() -> None:
    replicas = Replicas()
    replica = replicas.start("a")
    replica.connection.latency = 2.0
    assert await replicas.until_at_work("a") > 4 * 2.0 - SOON
    replica.connection.broken = True
    assert isinstance(await replica.over(), LostLeadership)
    assert replicas.stage.when("a", "told") <= DEADLINE


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
async def test_work_that_goes_on_although_it_was_told_to_end_keeps_the_lease() -> None:
    """Until its time is over, or the process: nobody else may begin."""
    replicas = Replicas()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(10_000)
        finally:
            raise WorkGoesOn("it has not ended in 25 s")

    first = replicas.start("a", work=stubborn)
    await asyncio.sleep(PERIOD)
    second = replicas.start("b")
    await asyncio.sleep(5 * DURATION)
    first.stop.set()
    ended = await first.over()
    assert isinstance(ended, WorkGoesOn)
    renewed, holder = replicas.server.writes[-1]
    assert holder == "a"
    assert await replicas.until_at_work("b") - renewed >= DURATION
    second.leading.cancel()


@virtual
async def test_one_that_is_cancelled_while_its_work_ends_still_waits_for_that() -> None:
    replicas = Replicas()
    first = replicas.start("a", ending=1000.0)
    await replicas.until_at_work("a")
    second = replicas.start("b")
    first.connection.broken = True
    await asyncio.sleep(DEADLINE + 1)
    for _ in range(3):
        first.leading.cancel()
        await asyncio.sleep(1)
    assert not first.leading.done()
    began = await replicas.until_at_work("b")
    assert first.exits == [1]
    assert replicas.stage.when("a", "ended") < began
    assert first.leading.cancelled()
    second.leading.cancel()


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


@virtual
async def test_a_lease_that_somebody_has_emptied_is_not_taken_while_at_work() -> None:
    """Another replica may be about to take it."""
    replicas = Replicas()
    replica = replicas.start("a")
    await replicas.until_at_work("a")
    replicas.server.write({"metadata": replicas.server.get()["metadata"], "spec": {"holderIdentity": ""}})
    assert isinstance(await replica.over(), LostLeadership)
    assert replicas.server.holder == ""
