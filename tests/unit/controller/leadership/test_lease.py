"""The election: what a replica may do with the Lease, and who leads when nothing fails."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from capra.controller.leadership.lease import DEFAULT_NAMESPACE, Move, election_namespace, next_move
from capra.errors import Fatal
from capra.settings import ControllerSettings
from tests.unit.controller.leadership.lease_world import (
    DEADLINE,
    DURATION,
    LONGEST_WAIT,
    PERIOD,
    SOON,
    Replicas,
    now,
    virtual,
)


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
    assert next_move(lease, "me", unchanged_for, 15) is move


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
