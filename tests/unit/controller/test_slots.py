"""Room for runs: never more than there is, one on a host, cleanups first, and no room is ever lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capra.controller.slots import TOLD_AFTER, Slots
from capra.engine.decisions import Bootstrap, Cleanup, Run, RunPlaybook
from capra.model.machine import Stage
from capra.model.observation import HookText, Observation
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.engine.examples import READY

BOOTSTRAP, CLEANUP = Bootstrap(), Cleanup(custom=False)
PLAYBOOK = RunPlaybook(HookText(Stage.RUN_PLAYBOOK, "patch", "", "d1"))


def on(host: str, port: int = 22) -> Observation:
    """A machine on this host."""
    spec = replace(READY.machine.spec, address=host, port=port)
    return replace(READY, machine=replace(READY.machine, spec=spec))


def test_namespaces_do_not_hold_each_other_up() -> None:
    """A host takes care of itself: what another namespace tries on the same address is no reason to wait."""

    async def work() -> None:
        room = Room(9)
        one, other = on("h"), on("h")
        elsewhere = replace(other.machine.key, namespace="elsewhere")
        other = replace(other, machine=replace(other.machine, key=elsewhere))
        async with room.slots(one, BOOTSTRAP) as first, room.slots(other, CLEANUP) as second:
            assert not first
            assert not second

    run_in_virtual_time(work())


class Room:
    """Slots, and what happens in them."""

    def __init__(self, count: int) -> None:
        self.slots = Slots(count, self._queued)
        self.count = count
        self.told: list[str] = []
        self.began: list[str] = []
        self.waited: dict[str, bool] = {}
        self.hosts: Counter[str] = Counter()
        self.telling = 0.0
        """Seconds that it takes to tell that somebody waits."""

    async def _queued(self, observation: Observation) -> None:
        self.told.append(observation.machine.spec.address)
        await asyncio.sleep(self.telling)

    async def run(self, name: str, host: str, seconds: float, decision: Run = BOOTSTRAP) -> None:
        """One run."""
        async with self.slots(on(host), decision) as waited:
            self.began.append(name)
            self.waited[name] = waited
            self.hosts[host] += 1
            try:
                assert self.hosts[host] == 1, "two runs on one host"
                assert self.hosts.total() <= self.count, "more runs than there is room for"
                await asyncio.sleep(seconds)
            finally:
                self.hosts[host] -= 1

    async def assert_whole(self) -> None:
        """All the room is there: so many runs begin at once, and one more does not."""
        tasks = [asyncio.create_task(self.run(f"last-{n}", f"last-{n}", 5)) for n in range(self.count + 1)]
        await asyncio.sleep(1)
        assert self.hosts.total() == self.count
        await asyncio.gather(*tasks)
        assert [self.waited[f"last-{n}"] for n in range(self.count + 1)] == [False] * self.count + [True]


def start(*runs: Any) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(run) for run in runs]


def test_whoever_finds_room_does_not_wait() -> None:
    async def test() -> None:
        room = Room(2)
        await asyncio.gather(*start(room.run("a", "h1", 1), room.run("b", "h2", 1)))
        assert room.waited == {"a": False, "b": False}
        assert room.told == []
        await room.assert_whole()

    run_in_virtual_time(test())


@pytest.mark.parametrize(("seconds", "told"), [(TOLD_AFTER - 0.1, []), (TOLD_AFTER + 0.1, ["h2"])])
def test_whoever_has_to_wait_long_for_room_says_so_once(seconds: float, told: list[str]) -> None:
    async def test() -> None:
        room = Room(1)
        await asyncio.gather(*start(room.run("a", "h1", seconds), room.run("b", "h2", 1)))
        assert room.waited == {"a": False, "b": True}
        assert room.told == told
        await room.assert_whole()

    run_in_virtual_time(test())


@pytest.mark.parametrize("hosts", [("h1", "h2", "h3"), ("h", "h", "h")], ids=["room", "host"])
@pytest.mark.parametrize("telling", [0.0, 2.0])
def test_whoever_says_that_it_waits_keeps_its_place(hosts: tuple[str, str, str], telling: float) -> None:
    async def test() -> None:
        room = Room(1)
        room.telling = telling
        tasks = start(room.run("a", hosts[0], TOLD_AFTER + 0.5), room.run("b", hosts[1], 1, CLEANUP))
        await asyncio.sleep(1)
        tasks += start(room.run("c", hosts[2], 1))
        await asyncio.gather(*tasks)
        assert room.began == ["a", "b", "c"]
        assert room.told == [hosts[1], hosts[2]]
        await room.assert_whole()

    run_in_virtual_time(test())


@pytest.mark.parametrize("at", [TOLD_AFTER, TOLD_AFTER + 0.5, TOLD_AFTER + 1.5])
def test_whoever_is_cancelled_while_it_says_so_takes_nothing(at: float) -> None:
    """In the moment in which its time is over, too."""

    async def test() -> None:
        room = Room(1)
        room.telling = 1.0
        holder, waiting = start(room.run("a", "h1", TOLD_AFTER + 1), room.run("b", "h2", 1))
        asyncio.get_running_loop().call_later(at, waiting.cancel)
        await asyncio.wait([holder, waiting])
        assert waiting.cancelled()
        assert room.began == ["a"] or at > TOLD_AFTER + 1
        await room.assert_whole()

    run_in_virtual_time(test())


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (("192.0.2.1", 22), ("192.0.2.1", 22), False),
        (("192.0.2.1", 22), ("192.0.2.1", 2222), True),
        (("192.0.2.1", 22), ("192.0.2.2", 22), True),
        (("2001:db8::1", 22), ("2001:DB8:0::1", 22), False),
        (("node.example.org", 22), ("NODE.example.org", 22), False),
    ],
)
def test_one_run_on_a_host(one: tuple[str, int], other: tuple[str, int], together: bool) -> None:
    async def test() -> None:
        room = Room(9)
        async with room.slots(on(*one), BOOTSTRAP):
            second = asyncio.create_task(_enter(room, on(*other)))
            await asyncio.sleep(1)
            assert second.done() is together
        assert await second is not together

    run_in_virtual_time(test())


async def _enter(room: Room, observation: Observation) -> bool:
    async with room.slots(observation, BOOTSTRAP) as waited:
        return waited


def test_who_waits_for_a_host_takes_no_room_from_others() -> None:
    async def test() -> None:
        room = Room(2)
        await asyncio.gather(*start(*(room.run(f"same-{n}", "h1", 10) for n in range(3)), room.run("other", "h2", 1)))
        assert room.began == ["same-0", "other", "same-1", "same-2"]
        assert room.waited["other"] is False

    run_in_virtual_time(test())


def test_cleanups_come_first_and_the_others_in_their_order() -> None:
    async def test() -> None:
        room = Room(1)
        runs = [room.run(f"b{n}", f"hb{n}", 1) for n in range(3)]
        runs.insert(1, room.run("p", "hp", 1, PLAYBOOK))
        runs += [room.run(f"c{n}", f"hc{n}", 1, CLEANUP) for n in range(2)]
        await asyncio.gather(*start(*runs))
        assert room.began == ["b0", "c0", "c1", "b1", "b2", "p"]
        await room.assert_whole()

    run_in_virtual_time(test())


def test_a_run_that_fails_gives_its_room_back() -> None:
    async def test() -> None:
        room = Room(1)
        with pytest.raises(RuntimeError):
            async with room.slots(on("h1"), BOOTSTRAP):
                raise RuntimeError
        await room.assert_whole()

    run_in_virtual_time(test())


def test_whoever_cannot_tell_that_it_waits_takes_nothing() -> None:
    async def test() -> None:
        async def refuse(observation: Observation) -> None:
            raise ConnectionError

        slots = Slots(1, refuse)
        async with slots(on("h1"), BOOTSTRAP):
            with pytest.raises(ConnectionError):
                async with slots(on("h2"), BOOTSTRAP):
                    pass
        for host in ("h1", "h2"):
            async with slots(on(host), BOOTSTRAP) as waited:
                assert not waited

    run_in_virtual_time(test())


def test_a_turn_that_comes_in_the_moment_of_a_cancellation_is_passed_on() -> None:
    async def test() -> None:
        room = Room(1)
        holder = room.slots(on("h1"), BOOTSTRAP)
        await holder.__aenter__()
        cancelled, following = start(room.run("cancelled", "h2", 1), room.run("following", "h3", 1))
        await asyncio.sleep(1)
        await holder.__aexit__(None, None, None)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        await following
        assert room.began == ["following"]
        await room.assert_whole()

    run_in_virtual_time(test())


def test_whoever_comes_back_to_a_host_that_another_waits_for_has_waited() -> None:
    """The lock is free for a moment and not to be had: what was decided before is old all the same."""

    async def test() -> None:
        room = Room(2)
        first = room.slots(on("h1"), BOOTSTRAP)
        await first.__aenter__()
        [other] = start(room.run("other", "h1", 60))
        await asyncio.sleep(1)
        await first.__aexit__(None, None, None)
        await room.run("back", "h1", 1)
        assert room.began == ["other", "back"]
        assert room.waited["back"] is True
        await other

    run_in_virtual_time(test())


@dataclass(frozen=True)
class Plan:
    """A run: when it comes, on which host, for how long, and when it is cancelled; numbers are quarters of a second,
    so that many things happen at the same time."""

    comes: int
    host: str
    lasts: int
    cleanup: bool
    cancelled: int | None


plans = st.builds(
    Plan,
    comes=st.integers(0, 12),
    host=st.sampled_from(["h1", "h2", "h3", "h4", "h5"]),
    lasts=st.integers(0, 8),
    cleanup=st.booleans(),
    cancelled=st.none() | st.integers(0, 24),
)


@given(st.integers(1, 3), st.lists(plans, max_size=20))
@settings(max_examples=300)
def test_whoever_comes_and_goes_no_room_is_lost(count: int, script: list[Plan]) -> None:
    async def test() -> None:
        room = Room(count)

        async def one(number: int, plan: Plan) -> None:
            await asyncio.sleep(plan.comes / 4)
            await room.run(str(number), plan.host, plan.lasts / 4, CLEANUP if plan.cleanup else BOOTSTRAP)

        tasks = start(*(one(number, plan) for number, plan in enumerate(script)))
        for task, plan in zip(tasks, script, strict=True):
            if plan.cancelled is not None:
                asyncio.get_running_loop().call_later(plan.cancelled / 4, task.cancel)
        async with asyncio.timeout(1000):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for number, plan in enumerate(script):
            if plan.cancelled is None:
                assert ended[number] is None
                assert str(number) in room.began
            else:
                assert ended[number] is None or isinstance(ended[number], asyncio.CancelledError)
        await room.assert_whole()

    run_in_virtual_time(test())
