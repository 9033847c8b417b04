"""Hooks over fakes: their order, that each ends well once, and what is saved when, whoever dies in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from capra.engine.decisions import BackOff, Refuse, Wait
from capra.engine.engine import Engine, Reconciliation
from capra.engine.requests import PlanOptions
from capra.engine.told.announce import announce
from capra.engine.told.report import report
from capra.model.machine import Stage
from capra.model.observation import BootstrapData, HookText, Observation, Phase, Problem, Record
from capra.model.run import OutcomeKind, RunRequest, RunResult, TaskEvent
from capra.testing import FakeClock, FakeRunner, MemoryStore, RunnerDiedError, finished, unreachable
from capra.testing.runner import RECAP
from tests.unit.engine.examples import KEY, READY, condition

PLAYBOOK = "- hosts: all\n"
BEFORE = [HookText(Stage.BEFORE_BOOTSTRAP, name, PLAYBOOK, "d1") for name in ("harden", "disk")]
AFTER = [HookText(Stage.AFTER_BOOTSTRAP, name, PLAYBOOK, "d1") for name in ("register", "probe")]
CLEAN = [HookText(Stage.BEFORE_CLEAN_UP, "leave", PLAYBOOK, "d1")]
EVERY = [*BEFORE, *AFTER, *CLEAN]
FAILED = RunResult(
    (TaskEvent("runner_on_failed", "Install auditd", {"msg": "no such package"}),), RECAP | {"ok": 0, "failures": 1}
)
ORDER = ["harden", "disk", "bootstrap", "register", "probe"]


def name_of(request: RunRequest) -> str:
    return request.hook or str(request.playbook)


class World:
    def __init__(self, *hooks: HookText, runner: FakeRunner | None = None, seen: Observation = READY) -> None:
        self.clock = FakeClock(1000.0)
        self.store = MemoryStore([replace(seen, hooks=hooks)], self.clock)
        self.runner = runner or FakeRunner()
        self.told: list[Reconciliation] = []

    async def reconcile(self, *, check: bool = False) -> Reconciliation:
        async def observe(taken: Reconciliation) -> None:
            self.told.append(taken)

        options = PlanOptions(check=check)
        return await Engine(self.store, self.runner, self.clock, options=options, observer=observe).reconcile(KEY)

    @property
    def record(self) -> Record:
        return self.store.observations[KEY].record

    @property
    def ran(self) -> list[str]:
        return [name_of(request) for request in self.runner.requests]

    def change(self, *hooks: HookText, deleting: bool = False) -> None:
        seen = self.store.observations[KEY]
        machine = replace(seen.machine, deleting=deleting)
        self.store.observations[KEY] = replace(seen, machine=machine, hooks=hooks)


async def test_all_of_a_life_in_order_and_once() -> None:
    world = World(*EVERY)
    taken = await world.reconcile()
    assert world.ran == ORDER
    assert taken.outcome is not None
    assert taken.outcome.ok
    assert len(taken.earlier) == 4
    phases = [(record.phase, len(record.hooks)) for _, record in world.store.saved]
    begun, done = Phase.BOOTSTRAPPING, Phase.PROVISIONED
    assert phases == [(begun, 0), (begun, 1), (begun, 2), (begun, 3), (done, 4)]
    await world.reconcile()
    assert world.ran == ORDER
    world.change(*EVERY, deleting=True)
    await world.reconcile()
    assert world.ran == [*ORDER, "leave", "k0s_cleanup"]
    assert (world.record.phase, world.record.hooks) == (Phase.CLEAN, ())


async def test_what_is_told() -> None:
    world = World(BEFORE[0], AFTER[0])
    await world.reconcile()
    events = [one.reason for one in (announce(taken, news=True) for taken in world.told) if one]
    assert events == [
        "HookStarted",
        "HookSucceeded",
        "BootstrapStarted",
        "BootstrapSucceeded",
        "HookStarted",
        "HookSucceeded",
    ]
    assert [taken.passing for taken in world.told] == [False, True, False, True, False, False]
    for taken in world.told[:-1]:
        assert not report(taken).provisioned
    assert report(world.told[-1]).provisioned
    ready = condition(report(world.told[0]), "Ready")
    assert ready is not None
    assert ready.message == "bootstrapping 192.0.2.7:22: hook harden"


@pytest.mark.parametrize("number", range(5))
async def test_a_hook_that_fails_holds_up_what_comes_after_it(number: int) -> None:
    good = finished()
    world = World(*EVERY, runner=FakeRunner([*[good] * number, FAILED, good]))
    taken = await world.reconcile()
    assert world.ran == ORDER[: number + 1]
    if number == 2:  # the bootstrap itself
        return
    assert taken.outcome is not None
    assert taken.outcome.kind is OutcomeKind.HOOK_FAILED
    message = f"hook {ORDER[number]}: task 'Install auditd' failed on m: no such package"
    assert taken.outcome.message == message
    assert (world.record.phase, world.record.attempts) == (Phase.BOOTSTRAPPING, 1)
    told = condition(report(taken), "BootstrapExecSucceeded")
    assert told is not None
    assert (told.status, told.message) == ("False", message)
    event = announce(taken, news=True)
    assert event is not None
    assert (event.type, event.reason) == ("Warning", "HookFailed")
    assert condition(report(taken), "SSHReachable") is None
    assert isinstance((await world.reconcile()).decision, BackOff)
    world.clock.advance(3600)
    await world.reconcile()
    again = ORDER[number:] if number < 2 else ["bootstrap", *ORDER[number:]]
    assert world.ran == ORDER[: number + 1] + again
    assert (world.record.phase, world.record.attempts, world.record.message) == (Phase.PROVISIONED, 0, "")


async def test_back_off_grows_while_a_hook_after_the_bootstrap_fails() -> None:
    world = World(AFTER[0], runner=FakeRunner([finished(), FAILED, finished(), FAILED]))
    for attempts in (1, 2):
        await world.reconcile()
        assert world.record.attempts == attempts
        world.clock.advance(3600)


async def test_a_cleanup_waits_for_its_hook() -> None:
    world = World(*CLEAN, runner=FakeRunner([FAILED, finished()]))
    world.store.observations[KEY] = replace(
        world.store.observations[KEY], record=Record(phase=Phase.PROVISIONED, uid="uid-1")
    )
    world.change(*CLEAN, deleting=True)
    taken = await world.reconcile()
    assert (world.ran, world.record.phase) == (["leave"], Phase.CLEANING)
    told = condition(report(taken), "CleanupSucceeded")
    assert told is not None
    assert (told.status, told.reason) == ("False", "HookFailed")
    world.clock.advance(3600)
    await world.reconcile()
    assert world.ran == ["leave", "leave", "k0s_cleanup"]


async def test_nothing_sent_is_as_before() -> None:
    world = World(*BEFORE, runner=FakeRunner([unreachable()]))
    await world.reconcile()
    assert (world.record.phase, world.record.run_id, world.record.unreached) == (Phase.NEW, "", 1)
    world = World(*BEFORE, runner=FakeRunner([finished(), unreachable()]))
    await world.reconcile()
    assert (world.record.phase, world.record.hooks) == (Phase.BOOTSTRAPPING, (BEFORE[0].id,))


async def test_another_text_runs_again_before_the_machine_is_provisioned_and_not_after() -> None:
    world = World(*BEFORE, runner=FakeRunner([finished(), FAILED, finished()]))
    await world.reconcile()
    world.clock.advance(3600)
    changed = replace(BEFORE[0], digest="d2")
    world.change(changed, BEFORE[1])
    await world.reconcile()
    assert world.ran == ["harden", "disk", "harden", "disk", "bootstrap"]
    assert world.record.hooks == (changed.id, BEFORE[1].id)
    world.change(replace(BEFORE[0], digest="d3"))
    await world.reconcile()
    assert len(world.ran) == 5


async def test_a_check_runs_all_and_saves_nothing() -> None:
    world = World(*BEFORE, *AFTER)
    await world.reconcile(check=True)
    assert world.ran == ORDER
    assert all(request.check for request in world.runner.requests)
    assert world.store.saved == []


async def test_the_host_is_asked_after_the_hooks_that_may_change_its_name() -> None:
    asks = BootstrapData(b"## template: jinja\n#cloud-config\nruncmd: ['{{ v1.local_hostname }}']\n")
    facts = {"hostname": "renamed", "fqdn": "renamed"}
    runner = FakeRunner([finished(), finished(facts=facts, findings=[]), finished()])
    world = World(BEFORE[0], runner=runner, seen=replace(READY, bootstrap=asks))
    await world.reconcile()
    assert world.ran == ["harden", "preflight", "bootstrap"]
    assert world.record.facts["hostname"] == "renamed"
    assert world.record.phase is Phase.PROVISIONED


@pytest.mark.parametrize("reason", ["HooksNotAllowed", "InvalidHook", "HookNotFound"])
async def test_hooks_that_cannot_be_had(reason: str) -> None:
    problem = Problem("spec.ansible", "ConfigMap site with key 'a.yml'", reason)
    until = 0.0 if reason == "HooksNotAllowed" else 1030.0
    world = World(seen=replace(READY, hook_problem=problem))
    taken = await world.reconcile()
    if reason == "HookNotFound":
        assert taken.decision == Wait("WaitingForHook", "waiting for ConfigMap site with key 'a.yml'", 1030.0)
    else:
        assert taken.decision == Refuse(reason, "spec.ansible", problem.message, until)
    world.store.observations[KEY] = replace(
        world.store.observations[KEY], record=Record(phase=Phase.PROVISIONED, uid="uid-1")
    )
    world.change(deleting=True)
    taken = await world.reconcile()
    assert taken.decision == Refuse(reason, "spec.ansible", problem.message, until)
    assert (world.ran, world.record.phase, world.record.cleaning_since) == ([], Phase.CLEANING, 1000.0)


class Dying:
    """Counts saves and runs of a world, and dies at one of them, before or after it is done."""

    def __init__(self, world: World, number: int, *, after: bool) -> None:
        self.world, self.left, self.after = world, number, after
        self.ended: Counter[str] = Counter()
        self.dead = False

    async def _maybe(self, when: bool) -> None:
        if self.left == 0 and self.after is when and not self.dead:
            self.dead = True
            raise RunnerDiedError("at a write")

    async def save(self, observation: Observation, record: Record) -> None:
        await self._maybe(False)
        await MemoryStore.save(self.world.store, observation, record)
        await self._maybe(True)
        self.left -= 1

    async def run(self, request: RunRequest, listener: object) -> RunResult:
        name = name_of(request)
        assert not (request.hook and f":{name}" in self._noted()), f"{name} had ended well, and that was saved"
        await self._maybe(False)
        self.ended[name] += 1
        self.world.runner.requests.append(request)
        await self._maybe(True)
        self.left -= 1
        return finished()

    def _noted(self) -> str:
        return " ".join(f":{one.partition('/')[2].partition(':')[0]}" for one in self.world.record.hooks)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(10))
async def test_whoever_dies_at_any_write_or_run(number: int, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(*BEFORE, *AFTER)
    dying = Dying(world, number, after=after)
    monkeypatch.setattr(world.store, "save", dying.save)
    monkeypatch.setattr(world.runner, "run", dying.run)
    for _ in range(4):
        try:
            await world.reconcile()
        except RunnerDiedError:
            assert not world.record.hooks or world.record.phase is not Phase.NEW
    assert dying.dead
    assert world.record.phase is Phase.PROVISIONED
    assert len(world.record.hooks) == 4
    firsts = list(dict.fromkeys(world.ran))
    assert firsts == ORDER
    # Only what was under way at the death has run twice; to a bootstrap that has ended, its host has nothing to do.
    twice = {name for name, times in dying.ended.items() if times > 1}
    assert len(twice - {"bootstrap"}) <= 1
    assert max(dying.ended.values()) <= 2
