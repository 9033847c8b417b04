"""A playbook of day two over fakes: it ends well once, whoever dies, and the machine stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capra.engine.decisions import BackOff, Cleanup, Keep, Refuse, RunPlaybook, Wait
from capra.engine.engine import Engine, Reconciliation
from capra.engine.hooks.asked import FIELD
from capra.engine.hooks.noting import REMEMBERED
from capra.engine.hooks.report import PLAYBOOK
from capra.engine.requests import PlanOptions
from capra.engine.told.announce import announce
from capra.engine.told.report import report
from capra.model.machine import Stage
from capra.model.observation import AskedPlaybook, HookText, Phase, PlaybookRun, Record
from capra.model.run import RunRequest, RunResult, TaskEvent
from capra.model.status import Condition
from capra.testing import FakeClock, FakeRunner, MemoryStore, RunnerDiedError, finished, unreachable
from capra.testing.runner import RECAP
from tests.unit.engine.examples import KEY, READY, asked_playbook, condition

FAILED = RunResult(
    (TaskEvent("runner_on_failed", "Install auditd", {"msg": "no such package"}),), RECAP | {"ok": 0, "failures": 1}
)
SAID = "hook patch: task 'Install auditd' failed on m: no such package"
DONE = "hook patch: tasks: 1 ok, 1 changed"
ID, OTHERS = "runPlaybook/patch:d1", ("beforeBootstrap/patch:d1", "afterBootstrap/probe:d1")
PROVISIONED = Record(phase=Phase.PROVISIONED, uid="uid-1", run_id="r", host_name="m", hooks=OTHERS)


class World:
    """A machine that is provisioned, and what its annotation asks for."""

    def __init__(self, asked: AskedPlaybook | None, *results: RunResult, record: Record = PROVISIONED) -> None:
        self.clock = FakeClock(1000.0)
        self.store = MemoryStore([replace(READY, playbook=asked, record=record)], self.clock)
        self.runner = FakeRunner(results)
        self.told: list[Reconciliation] = []

    async def reconcile(self, **options: object) -> Reconciliation:
        async def observe(taken: Reconciliation) -> None:
            self.told.append(taken)

        planned = PlanOptions(**options)  # type: ignore[arg-type]
        return await Engine(self.store, self.runner, self.clock, options=planned, observer=observe).reconcile(KEY)

    def ask(self, asked: AskedPlaybook | None) -> None:
        self.store.observations[KEY] = replace(self.store.observations[KEY], playbook=asked)

    def delete(self) -> None:
        seen = self.store.observations[KEY]
        self.store.observations[KEY] = replace(seen, playbook=None, machine=replace(seen.machine, deleting=True))

    @property
    def record(self) -> Record:
        return self.store.observations[KEY].record

    @property
    def ran(self) -> list[str]:
        return [request.hook or str(request.playbook) for request in self.runner.requests]


def told(taken: Reconciliation) -> tuple[str, str, str]:
    """Status, reason and message of the condition; everything else is as of any machine that is provisioned."""
    ready, found = condition(report(taken), "Ready"), condition(report(taken), PLAYBOOK)
    assert ready == Condition("Ready", "True", "Ready")
    bootstrap = condition(report(taken), "BootstrapExecSucceeded")
    assert bootstrap is not None
    assert bootstrap.status == "True"
    assert report(taken).phase == "Provisioned"
    assert report(taken).provisioned
    assert (report(taken).failure_reason, report(taken).failure_message) == ("", "")
    return (found.status, found.reason, found.message) if found is not None else ("", "", "")


async def test_it_runs_once_and_is_told() -> None:
    world = World(asked_playbook())
    taken = await world.reconcile()
    assert taken.decision == RunPlaybook(asked_playbook().text or HookText(Stage.RUN_PLAYBOOK, "", "", ""))
    assert world.ran == ["patch"]
    saved = [record for _, record in world.store.saved]
    assert [one.playbook and one.playbook.under_way for one in saved] == [True, False]
    assert saved[-1] == replace(
        PROVISIONED, hooks=(*OTHERS, ID), playbook=PlaybookRun(ID, reason="Finished", message=DONE), changed_at=1000.0
    )
    assert [told(one) for one in world.told] == [
        ("Unknown", "Running", "hook patch runs on 192.0.2.7:22"),
        ("True", PLAYBOOK, DONE),
    ]
    events = [one for one in (announce(taken, news=True) for taken in world.told) if one]
    assert [(one.type, one.reason, one.message) for one in events] == [
        ("Normal", "PlaybookStarted", "playbook patch on 192.0.2.7:22 has begun"),
        ("Normal", "PlaybookSucceeded", f"playbook patch on 192.0.2.7:22: {DONE}"),
    ]
    again = await world.reconcile()
    assert again.decision == Keep()
    assert told(again) == ("True", PLAYBOOK, DONE)
    assert (world.ran, len(world.store.saved)) == (["patch"], 2)


async def test_another_name_and_the_other_mode_run_and_a_changed_text_does_not() -> None:
    world = World(asked_playbook())
    others = [asked_playbook(digest="d2"), asked_playbook(name="next"), asked_playbook(digest="d2", check=True)]
    for asked in [asked_playbook(), *others]:
        world.ask(asked)
        for _ in range(2):
            await world.reconcile()
    assert world.ran == ["patch", "next", "patch"]
    assert world.record.hooks == (*OTHERS, "runPlaybook/patch:d1", "runPlaybook/next:d1", "runPlaybook/patch/check:d2")
    # What has ended well before is remembered, whatever was asked for in between.
    world.ask(others[0])
    message = "hook patch: it has ended well before, and is not run again"
    assert told(await world.reconcile()) == ("True", PLAYBOOK, message)
    assert len(world.ran) == 3


async def test_check_mode_is_asked_for_and_noted() -> None:
    world = World(asked_playbook(check=True))
    await world.reconcile()
    assert [request.check for request in world.runner.requests] == [True]
    assert world.record.hooks == (*OTHERS, "runPlaybook/patch/check:d1")
    assert told(world.told[-1]) == ("True", PLAYBOOK, f"{DONE} (in check mode)")
    event = announce(world.told[-1], news=True)
    assert event is not None
    assert event.message == f"playbook patch in check mode on 192.0.2.7:22: {DONE}"


async def test_a_failure_is_told_apart_and_tried_again_with_back_off() -> None:
    world = World(asked_playbook(), FAILED, FAILED, finished())
    for attempts, pause in ((1, 5.0), (2, 10.0)):
        taken = await world.reconcile()
        assert told(taken) == ("False", "HookFailed", SAID)
        assert world.record == replace(
            PROVISIONED,
            playbook=PlaybookRun(ID, attempts, world.clock() + pause, "HookFailed", SAID),
            changed_at=world.clock(),
        )
        event = announce(taken, news=True)
        assert event is not None
        assert (event.type, event.reason) == ("Warning", "PlaybookFailed")
        waits = await world.reconcile()
        assert waits.decision == Keep(playbook=BackOff(world.clock() + pause))
        assert told(waits) == ("False", "HookFailed", SAID)
        world.clock.advance(pause)
    last = await world.reconcile()
    begun = announce(world.told[-2], news=True)
    assert begun is not None
    assert begun.message == "playbook patch on 192.0.2.7:22 has begun, attempt 3"
    assert told(world.told[-2])[2] == f"hook patch runs on 192.0.2.7:22; the last run failed: {SAID}"
    assert told(last) == ("True", PLAYBOOK, DONE)
    assert world.record.playbook == PlaybookRun(ID, reason="Finished", message=DONE)


async def test_a_host_that_is_not_reached_is_told_as_such_and_as_nothing_else() -> None:
    world = World(asked_playbook(), unreachable())
    status, reason, message = told(await world.reconcile())
    assert (status, reason) == ("False", "Unreachable")
    assert message.startswith("hook patch: ")
    assert (world.record.phase, world.record.attempts, world.record.unreached) == (Phase.PROVISIONED, 0, 0)
    assert condition(report(world.told[-1]), "SSHReachable") == Condition("SSHReachable", "True", "Reached")


async def test_another_annotation_does_not_wait_and_a_removed_one_leaves_nothing() -> None:
    world = World(asked_playbook(), FAILED, finished())
    await world.reconcile()
    world.ask(asked_playbook(name="next"))
    await world.reconcile()
    assert world.ran == ["patch", "next"]
    world.ask(None)
    gone = await world.reconcile()
    assert told(gone) == ("", "", "")
    assert (world.record.playbook, world.record.hooks) == (None, (*OTHERS, "runPlaybook/next:d1"))


async def test_a_failure_is_forgotten_with_its_annotation_even_where_the_next_one_waits() -> None:
    """Others of its name are not held up by it any more."""
    world = World(asked_playbook(), FAILED)
    await world.reconcile()
    world.ask(asked_playbook(name="next", held="others first"))
    taken = await world.reconcile()
    assert world.record.playbook is None
    assert taken.decision == Keep(playbook=Wait("WaitingForTurn", "others first", 1030.0))
    assert told(taken) == ("Unknown", "WaitingForTurn", "others first")


async def test_a_cleanup_knows_nothing_of_its_failures() -> None:
    world = World(asked_playbook(), FAILED, finished())
    await world.reconcile()
    world.delete()
    taken = await world.reconcile()
    assert isinstance(taken.decision, Cleanup)
    first = world.store.saved[-2][1]
    assert (first.phase, first.attempts, first.playbook) == (Phase.CLEANING, 0, None)
    assert world.record.phase is Phase.CLEAN
    assert condition(report(taken), PLAYBOOK) is None


async def test_what_was_under_way_when_the_machine_was_deleted_is_forgotten() -> None:
    world = World(asked_playbook(), finished())
    world.runner.die_after = True
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    assert world.record.playbook == PlaybookRun(ID, under_way=True)
    world.delete()
    await world.reconcile()
    assert world.ran == ["patch", "k0s_cleanup"]
    assert world.record.phase is Phase.CLEAN


async def test_what_has_sent_nothing_was_not_begun() -> None:
    class NotSent(RunnerDiedError):
        sent = False

    world = World(asked_playbook())

    async def run(request: RunRequest, listener: object) -> RunResult:
        raise NotSent("no process could be made")

    world.runner.run = run  # type: ignore[method-assign]
    with pytest.raises(NotSent):
        await world.reconcile()
    assert world.record.playbook is None


async def test_a_collection_that_is_missing_is_told_and_nothing_is_run() -> None:
    asked = asked_playbook()
    assert asked.text is not None
    world = World(replace(asked, text=replace(asked.text, collections=("community.general",))))
    taken = await world.reconcile(has_collection=lambda name: False)
    assert isinstance(taken.decision, Keep)
    assert isinstance(taken.decision.playbook, Refuse)
    assert world.ran == []
    status, reason, message = told(taken)
    assert (status, reason) == ("False", "MissingCollection")
    assert message.startswith(f"{FIELD}.collections: hook patch needs the collection community.general")
    event = announce(taken, news=True)
    assert event is not None
    assert (event.type, event.reason) == ("Warning", "MissingCollection")
    assert announce(taken, news=False) is None
    assert len(world.store.saved) == 0


@pytest.mark.parametrize("when", ["before the first save", "before", "after", "before the last save"])
async def test_whoever_dies_in_between(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(asked_playbook())
    world.runner.die_before, world.runner.die_after = when == "before", when == "after"
    deaths = {"before the first save": 0, "before the last save": 1}.get(when)

    async def save(observation: object, record: Record) -> None:
        if len(world.store.saved) == deaths:
            monkeypatch.undo()
            raise RunnerDiedError("at a write")
        await MemoryStore.save(world.store, observation, record)  # type: ignore[arg-type]

    monkeypatch.setattr(world.store, "save", save)
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    assert ID not in world.record.hooks
    for _ in range(3):
        await world.reconcile()
    assert world.runner.worked == (1 if when.startswith("before") and when != "before the last save" else 2)
    assert world.record.hooks == (*OTHERS, ID)
    assert world.record.playbook == PlaybookRun(ID, reason="Finished", message=DONE)


async def test_the_oldest_are_forgotten_and_no_hook_of_the_bootstrap() -> None:
    world = World(None)
    for number in range(REMEMBERED + 2):
        world.ask(asked_playbook(name=f"n{number}"))
        await world.reconcile()
    kept = [f"runPlaybook/n{number}:d1" for number in range(2, REMEMBERED + 2)]
    assert world.record.hooks == (*OTHERS, *kept)


async def test_while_it_is_paused_its_end_stays_told() -> None:
    world = World(asked_playbook(), FAILED)
    await world.reconcile()
    cluster = replace(READY.cluster, paused=True)  # type: ignore[type-var]
    world.store.observations[KEY] = replace(world.store.observations[KEY], cluster=cluster)
    world.clock.advance(3600)
    taken = await world.reconcile()
    assert world.ran == ["patch"]
    assert told(taken) == ("False", "HookFailed", SAID)
    for other in (asked_playbook(name="next"), asked_playbook(digest="d2"), asked_playbook(name="next", held="m")):
        world.ask(other)
        assert told(await world.reconcile()) == ("Unknown", "Paused", "Cluster spec.paused is set to true")
