"""The work queue: everything that is asked for is looked at, each thing once at a time, and nothing stops it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from capra.controller.queue import END_PATIENCE, LOOKS, STARTS, WorkQueue, spread
from capra.controller.reconcilers.reconciler import DONE, Result
from capra.errors import Fatal, Retry
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import ObjectKey
from capra.model.retry import OBJECT
from tests.support.virtual_time import run_in_virtual_time

KEY, OTHER = ObjectKey("RemoteMachine", "default", "m"), ObjectKey("RemoteMachine", "default", "n")


class Work:
    """What a queue works at. Looks take `seconds`; then the next of `answers` is raised, or given; None after these.

    began: when each look did, and of what; ended: the same, unless it was cancelled.
    """

    def __init__(self, *answers: float | Exception | None, seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.began: list[tuple[float, ObjectKey]] = []
        self.ended: list[tuple[float, ObjectKey]] = []
        self.active: list[ObjectKey] = []

    async def __call__(self, key: ObjectKey) -> Result:
        assert key not in self.active
        self.active.append(key)
        self.began.append((now(), key))
        try:
            await asyncio.sleep(self.seconds)
            self.ended.append((now(), key))
            answer = self.answers.pop(0) if self.answers else None
            if isinstance(answer, Exception):
                raise answer
            return Result(answer)
        finally:
            self.active.remove(key)

    @property
    def times(self) -> list[float]:
        """When looks began."""
        return [round(at, 6) for at, _ in self.began]


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def _virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capra.controller.queue.time", SimpleNamespace(monotonic=now))


@contextlib.asynccontextmanager
async def running(work: Any, *later: Any) -> AsyncIterator[WorkQueue]:
    async with at_work(WorkQueue(work, *later)) as queue:
        yield queue


@contextlib.asynccontextmanager
async def at_work(queue: WorkQueue) -> AsyncIterator[WorkQueue]:
    task = asyncio.create_task(queue.run())
    yield queue
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


def test_what_is_added_is_looked_at_at_once_and_only_once() -> None:
    async def test() -> None:
        work = Work()
        async with running(work) as queue:
            for _ in range(3):
                queue.add(KEY)
            await asyncio.sleep(100)
            assert work.began == [(0, KEY)]
            assert queue.idle
            assert len(queue) == 0

    run_in_virtual_time(test())


class Heard:
    """A listener."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.results: list[str] = []

    def began(self, key: ObjectKey, waited: float) -> None:
        self.waited.append(waited)

    def ended(self, key: ObjectKey, result: str) -> None:
        self.results.append(result)


def test_a_listener_hears_of_each_look() -> None:
    async def test() -> None:
        answers = (Retry("later", after=1), Fatal("no"), ValueError("a defect"), MissingError("gone"), None)
        heard = Heard()
        async with at_work(WorkQueue(Work(*answers), listener=heard)) as queue:
            queue.add(KEY)
            await asyncio.sleep(400)
            queue.add(KEY)
            await asyncio.sleep(1)
        assert heard.results == ["retry", "refused", "defect", "gone", "ok"]
        assert heard.waited == [pytest.approx(0.0, abs=1e-6)] * 5

    async def crowded() -> None:
        heard = Heard()
        async with at_work(WorkQueue(Work(seconds=3), listener=heard)) as queue:
            for number in range(LOOKS + 1):
                queue.add(ObjectKey("RemoteMachine", "default", str(number)))
            await asyncio.sleep(10)
            queue.add(KEY)
            await asyncio.sleep(1)
            queue.interrupt(KEY)
            await asyncio.sleep(1)
        assert heard.waited[LOOKS] == pytest.approx(3.0)
        assert heard.results[: LOOKS + 2] == ["ok"] * (LOOKS + 1) + ["cancelled"]

    run_in_virtual_time(test())
    run_in_virtual_time(crowded())


def test_the_earliest_time_that_was_asked_for_counts() -> None:
    async def test() -> None:
        work = Work()
        async with running(work) as queue:
            queue.add(KEY, 50)
            queue.add(KEY, 7.25)
            queue.add(KEY, 30)
            assert queue.idle
            assert len(queue) == 1
            await asyncio.sleep(100)
            assert work.times == [7.25]

    run_in_virtual_time(test())


def test_what_is_added_while_it_is_worked_on_is_looked_at_again_after_that() -> None:
    async def test() -> None:
        work = Work(seconds=10)
        async with running(work) as queue:
            queue.add(KEY)
            await asyncio.sleep(1)
            for _ in range(3):
                queue.add(KEY)
            queue.add(OTHER)
            await asyncio.sleep(100)
            assert work.began == [(0, KEY), (1, OTHER), (10, KEY)]

    run_in_virtual_time(test())


def test_a_look_says_when_the_next_one_is_due() -> None:
    async def test() -> None:
        work = Work(5, 0.0, 3.5, None)
        async with running(work) as queue:
            queue.add(KEY)
            await asyncio.sleep(1)
            assert queue.idle
            await asyncio.sleep(100)
            assert work.times == [0, 5, 5, 8.5]

    run_in_virtual_time(test())


def test_a_change_comes_before_the_time_that_a_look_has_given() -> None:
    async def test() -> None:
        work = Work(50, None)
        async with running(work) as queue:
            queue.add(KEY)
            await asyncio.sleep(3)
            queue.add(KEY)
            await asyncio.sleep(100)
            assert work.times == [0, 3]

    run_in_virtual_time(test())


def test_an_interrupt_ends_the_look_and_begins_another() -> None:
    async def test() -> None:
        work = Work(seconds=10)
        async with running(work) as queue:
            queue.add(KEY)
            queue.add(OTHER)
            await asyncio.sleep(4)
            queue.interrupt(KEY)
            await asyncio.sleep(100)
            assert work.began == [(0, KEY), (0, OTHER), (4, KEY)]
            assert work.ended == [(10, OTHER), (14, KEY)]

    run_in_virtual_time(test())


def test_an_interrupt_of_what_is_not_worked_on_is_a_change() -> None:
    async def test() -> None:
        work = Work()
        async with running(work) as queue:
            queue.interrupt(KEY)
            await asyncio.sleep(1)
            assert work.began == [(0, KEY)]

    run_in_virtual_time(test())


@pytest.mark.parametrize(
    ("error", "gaps"),
    [
        pytest.param(Retry("later", after=1), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300], id="may go well later"),
        pytest.param(Retry("later", after=20), [20, 20, 20, 20, 20, 32, 64], id="asks for more time"),
        pytest.param(Retry("at once", after=0), [0, 2, 4, 8], id="at once, but once only"),
        pytest.param(Retry("much later", after=1000), [1000, 1000], id="asks for more than the longest"),
        pytest.param(Fatal("mend it"), [60, 60, 60, 60, 60, 60, 64, 128], id="somebody must mend it"),
        pytest.param(RuntimeError("bug"), [30, 30, 30, 30, 30, 32, 64, 128], id="a defect"),
    ],
)
def test_after_errors_in_a_row_looks_come_less_often(error: Exception, gaps: list[float]) -> None:
    async def test() -> None:
        work = Work(*[error] * len(gaps))
        async with running(work) as queue:
            queue.add(KEY)
            await asyncio.sleep(sum(gaps) + OBJECT.longest * 4)
        assert [after - before for before, after in zip(work.times, work.times[1:], strict=False)] == gaps

    run_in_virtual_time(test())


@pytest.mark.parametrize("good", [None, MissingError("gone")], ids=["a good look", "it is gone"])
def test_errors_are_forgotten_after(good: Exception | None) -> None:
    async def test() -> None:
        error = Retry("later", after=1)
        work = Work(error, error, error, good, error, None)
        async with running(work) as queue:
            queue.add(KEY)
            await asyncio.sleep(50)
            queue.add(KEY)
            await asyncio.sleep(50)
        assert work.times == [0, 1, 3, 7, 50, 51]

    run_in_virtual_time(test())


def test_what_is_gone_is_not_looked_at_again() -> None:
    async def test() -> None:
        work = Work(MissingError("gone"))
        async with running(work) as queue:
            queue.add(KEY)
            await asyncio.sleep(10_000)
            assert len(queue) == 0
        assert work.times == [0]

    run_in_virtual_time(test())


def test_a_defect_is_told_and_stops_nothing_else() -> None:
    async def test() -> None:
        work = Work(RuntimeError("bug"), None)
        with capture_logs() as logs:
            async with running(work) as queue:
                queue.add(KEY)
                queue.add(OTHER)
                await asyncio.sleep(10)
        assert work.began == [(0, KEY), (0, OTHER)]
        [told] = [entry for entry in logs if entry["log_level"] == "error"]
        assert told["object"] == "RemoteMachine default/m"
        assert told["exc_info"]

    run_in_virtual_time(test())


def test_its_end_ends_everything_and_waits_for_it() -> None:
    ended = []

    async def slow_to_end(key: ObjectKey) -> Result:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(5)
            ended.append((now(), key))
        return DONE

    async def test() -> None:
        queue = WorkQueue(slow_to_end)
        task = asyncio.create_task(queue.run())
        queue.add(KEY)
        queue.add(OTHER)
        await asyncio.sleep(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [(8, KEY), (8, OTHER)]
        assert len(queue) == 0

    run_in_virtual_time(test())


@pytest.mark.parametrize("ends", [False, True], ids=["again and again", "and the controller ends"])
def test_what_is_being_ended_is_not_cut_short(ends: bool) -> None:
    """Every event of a machine that is being deleted interrupts its bootstrap, which has its end to wait for."""
    ended = []

    async def slow_to_end(key: ObjectKey) -> Result:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(5)
            ended.append(now())
        return DONE

    async def test() -> None:
        queue = WorkQueue(slow_to_end)
        task = asyncio.create_task(queue.run())
        queue.add(KEY)
        await asyncio.sleep(3)
        for _ in range(4):
            queue.interrupt(KEY)
            await asyncio.sleep(1)
        if not ends:
            await asyncio.sleep(10)
            assert ended == [8]
            assert len(queue) == 1, "it is looked at again"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ([8] if ends else [8, 22])

    run_in_virtual_time(test())


def test_an_interrupt_is_heard_in_the_moment_in_which_a_timeout_fires() -> None:
    """A timeout of asyncio's cancels its task as well, and takes that back."""
    ended = []

    async def waits(key: ObjectKey) -> Result:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await asyncio.sleep(1000)
            await asyncio.sleep(1000)
        finally:
            ended.append(now())
        return DONE

    async def test() -> None:
        async with running(waits) as queue:
            queue.add(KEY)
            await asyncio.sleep(1)
            (work,) = queue._active.values()
            cancelling = []

            def interrupt() -> None:
                cancelling.append(work.cancelling())
                queue.interrupt(KEY)

            loop = asyncio.get_running_loop()
            loop.call_at(3, loop.call_soon, interrupt)
            await asyncio.sleep(3)
            assert cancelling == [1], "the timeout has fired, and the task has not had its turn"
            assert ended == [3]

    run_in_virtual_time(test())


@pytest.mark.parametrize("interrupted", [False, True])
def test_its_end_ends_what_did_not_hear_it(interrupted: bool) -> None:
    async def deaf(key: ObjectKey) -> Result:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(100_000)
        await asyncio.sleep(100_000)
        return DONE

    async def test() -> None:
        queue = WorkQueue(deaf)
        task = asyncio.create_task(queue.run())
        queue.add(KEY)
        await asyncio.sleep(3)
        if interrupted:
            queue.interrupt(KEY)
            await asyncio.sleep(1)
        task.cancel()
        began = now()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert now() - began == END_PATIENCE
        assert not queue._active

    run_in_virtual_time(test())


def test_it_gives_a_sign_of_life_every_second() -> None:
    async def test() -> None:
        work = Work(seconds=1000)
        async with running(work) as queue:
            queue.add(KEY)
            for _ in range(50):
                await asyncio.sleep(0.7)
                assert now() - queue.turned_at <= 1.0

    run_in_virtual_time(test())


acts = st.tuples(
    st.sampled_from(["add", "add", "later", "interrupt"]),
    st.sampled_from([KEY, OTHER]),
    st.sampled_from([0.0, 0.0, 0.5, 3.0]),
)


@given(st.lists(acts, max_size=25), st.sampled_from([0.0, 0.5, 2.0]), st.lists(st.sampled_from([None, 0.0, 1.5])))
@settings(max_examples=150)
def test_whatever_is_asked_for_is_looked_at_afterwards(
    script: list[tuple[str, ObjectKey, float]], seconds: float, answers: list[float | None]
) -> None:
    async def test() -> None:
        asked: list[tuple[float, ObjectKey]] = []
        work = Work(*answers, seconds=seconds)
        async with running(work) as queue:
            for act, key, pause in script:
                if act == "interrupt":
                    queue.interrupt(key)
                else:
                    queue.add(key, 2.0 if act == "later" else 0.0)
                asked.append((now(), key))
                await asyncio.sleep(pause)
            await asyncio.sleep(200)
            assert queue.idle
        for at, key in asked:
            assert any(began >= at and other == key for began, other in work.began)
            assert any(end >= at and other == key for end, other in work.ended)

    with capture_logs() as logs:
        run_in_virtual_time(test())
    # Work that is called twice at a time fails, which the queue takes for a defect.
    assert not [entry for entry in logs if entry["log_level"] == "error"]


def keys(count: int) -> list[ObjectKey]:
    return [ObjectKey("RemoteMachine", "default", f"m-{n}") for n in range(count)]


def test_few_look_at_once_in_the_order_in_which_they_were_due() -> None:
    async def test() -> None:
        work = Work(seconds=10)
        async with running(work) as queue:
            for key in keys(3 * LOOKS):
                queue.add(key)
            await asyncio.sleep(5)
            assert len(work.active) == LOOKS
            await asyncio.sleep(100)
        assert [key for _, key in work.began] == keys(3 * LOOKS)
        assert work.times == [0] * LOOKS + [10] * LOOKS + [20] * LOOKS

    run_in_virtual_time(test())


def test_what_takes_long_keeps_nobody_waiting() -> None:
    async def test() -> None:
        first, others = keys(2 * LOOKS)[:LOOKS], keys(2 * LOOKS)[LOOKS:]

        async def work(key: ObjectKey) -> None:
            if key in first:
                queue.set_aside(key)
                await asyncio.sleep(1000)
            began[key] = now()
            await asyncio.sleep(10)

        began: dict[ObjectKey, float] = {}
        async with running(work) as queue:
            for key in (*first, *others):
                queue.add(key)
            await asyncio.sleep(1)
            assert set(began) == set(others)
            queue.set_aside(OTHER)  # nobody looks at it: it says nothing
            for key in first:
                queue.interrupt(key)
            await asyncio.sleep(5)
            assert not set(began) & set(first)
            await asyncio.sleep(1100)
            assert set(began) == {*first, *others}

    run_in_virtual_time(test())


def test_a_turn_begins_few_looks() -> None:
    """Whoever else has work on the loop goes on in between."""

    async def test() -> None:
        begun: list[int] = []
        queue = WorkQueue(lambda key: asyncio.sleep(0, DONE))
        start = queue._start_due

        def counted() -> float:
            before = len(queue._active)
            wait = start()
            begun.append(len(queue._active) - before)
            return wait

        queue._start_due = counted  # type: ignore[method-assign]
        async with at_work(queue):
            for key in keys(1000):
                queue.add(key)
            await asyncio.sleep(10)
        assert sum(begun) == 1000
        assert max(begun) <= STARTS

    run_in_virtual_time(test())


def test_it_is_known_what_has_failed() -> None:
    async def test() -> None:
        async with running(Work(Retry("later", after=5), None)) as queue:
            queue.add(KEY)
            await asyncio.sleep(1)
            assert queue.has_failed(KEY)
            assert not queue.has_failed(OTHER)
            await asyncio.sleep(10)
            assert not queue.has_failed(KEY)

    run_in_virtual_time(test())


def test_what_fails_together_comes_again_one_after_the_other() -> None:
    async def test() -> None:
        again: list[float] = []

        async def work(key: ObjectKey) -> None:
            if now() > 0:
                again.append(now())
                return
            raise Retry("later", after=30)

        async with running(work, spread) as queue:
            for key in keys(20):
                queue.add(key)
            await asyncio.sleep(100)
        assert len(set(again)) == 20
        assert min(again) >= 30
        assert max(again) <= 33

    run_in_virtual_time(test())


@given(st.floats(0, 1e6))
def test_later_is_later_but_not_much(seconds: float) -> None:
    assert seconds <= spread(seconds) <= seconds + min(5.0, seconds / 10)
