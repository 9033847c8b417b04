"""One step over fakes: what is saved when, and what survives a death in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from capra.bootstrap.steps import load_tasks
from capra.engine.decisions import BackOff, Bootstrap, Cleanup, Keep, Refuse, Release, Run, Wait
from capra.engine.engine import Engine, Reconciliation
from capra.engine.plan import bootstrap_digest, bootstrap_run_id
from capra.engine.ports import ProgressListener
from capra.engine.requests import PlanOptions
from capra.engine.told.announce import announce
from capra.engine.told.report import report
from capra.errors import InputError, Retry
from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, IGNORED_CONSTRUCTS_ANNOTATION, MachineKey
from capra.model.observation import BootstrapData, Observation, Phase, Record
from capra.model.retry import RUN
from capra.model.run import OutcomeKind, Playbook, Progress, RunRequest, RunResult, TaskEvent
from capra.model.saved_record import SavedRecord
from capra.model.status import Condition
from capra.testing import FakeClock, FakeRunner, MemoryStore, RunnerDiedError, finished, stepped, unreachable
from tests.unit.engine.examples import KEY, READY, condition, observation

HOST_KEY = "ssh-ed25519 AAAA"


class World:
    """The ports, and a step over them."""

    def __init__(self, seen: Observation = READY, runner: FakeRunner | None = None) -> None:
        self.clock = FakeClock(1000.0)
        self.store = MemoryStore([seen], self.clock)
        self.runner = runner or FakeRunner()

    async def reconcile(self, *, check: bool = False) -> Reconciliation:
        engine = Engine(self.store, self.runner, self.clock, options=PlanOptions(check=check))
        return await engine.reconcile(KEY)

    @property
    def record(self) -> Record:
        return self.store.observations[KEY].record

    def delete(self) -> None:
        seen = self.store.observations[KEY]
        self.store.observations[KEY] = replace(seen, machine=replace(seen.machine, deleting=True))


async def test_from_new_to_provisioned_to_clean() -> None:
    world = World(runner=FakeRunner([finished((HOST_KEY,)), finished()]))
    taken = await world.reconcile()
    assert taken.decision == Bootstrap()
    assert taken.outcome is not None
    assert taken.outcome.ok
    phases = [record.phase for _, record in world.store.saved]
    assert phases == [Phase.BOOTSTRAPPING, Phase.PROVISIONED]
    begun = world.store.saved[0][1]
    assert (begun.run_id, begun.digest) == (bootstrap_run_id(READY), bootstrap_digest(READY))
    assert world.record.host_keys == (HOST_KEY,)

    taken = await world.reconcile()
    assert taken.decision == Keep()
    assert len(world.store.saved) == 2
    assert len(world.runner.requests) == 1

    world.delete()
    taken = await world.reconcile()
    assert taken.decision == Cleanup(custom=False, role="worker", distribution="k0s")
    assert world.runner.requests[1].playbook is Playbook.K0S_CLEANUP
    assert world.runner.requests[1].connection.host_keys == (HOST_KEY,)
    assert (world.record.phase, world.record.run_id, world.record.digest) == (Phase.CLEAN, "", "")
    saves = len(world.store.saved)
    taken = await world.reconcile()
    assert taken.decision == Release("the host was cleaned")
    assert len(world.store.saved) == saves
    assert world.store.released == [(KEY, taken.decision)]


@pytest.mark.parametrize("when", ["die_before", "die_after"])
async def test_a_death_in_between_leads_to_the_same_run(when: str) -> None:
    world = World()
    setattr(world.runner, when, True)
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    assert world.record.phase is Phase.BOOTSTRAPPING
    assert world.record.run_id == bootstrap_run_id(READY)
    assert world.record.attempts == 0
    saves = len(world.store.saved)
    taken = await world.reconcile()
    assert taken.record.phase is Phase.PROVISIONED
    assert taken.record.run_id == bootstrap_run_id(READY)
    assert world.runner.requests[0] == world.runner.requests[1]
    assert len(world.store.saved) == saves + 1


async def test_a_death_during_cleanup() -> None:
    world = World(observation(machine={"deleting": True}, record={"phase": "Provisioned"}))
    world.runner.die_after = True
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    assert world.record.phase is Phase.CLEANING
    taken = await world.reconcile()
    assert taken.record.phase is Phase.CLEAN


async def _requests_of_two_attempts(world: World) -> list[object]:
    """The first dies, and 100 s later another one is made."""
    world.runner.die_after = True
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    world.clock.advance(100)
    await world.reconcile()
    return [request.variables["custom_cleanup_request_id"] for request in world.runner.requests]


async def test_attempts_at_one_cleanup_name_the_same_request() -> None:
    """The host tells by it that an attempt had ended well of which nobody heard."""
    spec = {"clean_up_commands": ("a",)}
    world = World(observation(spec=spec, machine={"deleting": True}, record={"phase": "Provisioned"}))
    first, second = await _requests_of_two_attempts(world)
    assert first == second == str(world.clock() - 100)
    assert world.record.cleaning_since == 0


async def test_attempts_at_the_cleanup_of_an_entry_in_quarantine_name_the_same_request() -> None:
    """It comes there without a time at which its cleanup was first wanted."""
    spec = {"clean_up_commands": ("a",)}
    world = World(observation(spec=spec, machine={"deleting": True}, record={"phase": "Cleaning"}))
    first, second = await _requests_of_two_attempts(world)
    assert first == second


async def test_back_off_grows_and_ends() -> None:
    world = World(runner=FakeRunner([stepped()]))
    for attempt in range(1, 10):
        taken = await world.reconcile()
        assert taken.outcome is not None
        assert taken.outcome.kind is OutcomeKind.STEP_FAILED
        assert world.record.attempts == attempt
        assert world.record.reason == "StepFailed"
        assert world.record.message == "step 1 of 1 failed"
        assert world.record.not_before == world.clock() + RUN.after(attempt)
        assert isinstance((await world.reconcile()).decision, BackOff)
        assert world.store.released == []
        world.clock.advance(RUN.after(attempt))
    pauses = [RUN.after(failures) for failures in range(1, 8)]
    assert pauses == [5, 10, 20, 40, 80, 160, 300]  # as docs/reference/decisions.md has it
    world.runner.results = [finished()]
    taken = await world.reconcile()
    record = taken.record
    assert (record.phase, record.attempts, record.not_before, record.reason) == (
        Phase.PROVISIONED,
        0,
        0.0,
        "",
    )


async def test_the_failures_of_a_bootstrap_are_not_the_cleanups() -> None:
    world = World(runner=FakeRunner([stepped()]))
    await world.reconcile()
    world.delete()
    taken = await world.reconcile()
    assert isinstance(taken.decision, Cleanup)
    assert (taken.record.phase, taken.record.attempts) == (Phase.CLEANING, 1)
    begun = world.store.saved[-2][1]
    assert (begun.phase, begun.attempts, begun.not_before, begun.reason) == (Phase.CLEANING, 0, 0.0, "")
    world.clock.advance(1.0)
    assert isinstance((await world.reconcile()).decision, BackOff)


async def test_a_check_run_leaves_only_host_keys() -> None:
    world = World(runner=FakeRunner([stepped(), finished((HOST_KEY,)), finished()]))
    taken = await world.reconcile(check=True)
    assert taken.outcome is not None
    assert not taken.outcome.ok
    assert world.store.saved == []
    await world.reconcile(check=True)
    assert [record for _, record in world.store.saved] == [Record(host_keys=(HOST_KEY,))]
    await world.reconcile(check=True)
    assert len(world.store.saved) == 1
    assert all(request.check for request in world.runner.requests)
    world.delete()
    assert isinstance((await world.reconcile(check=True)).decision, Release)
    assert len(world.store.saved) == 1
    assert world.store.released == []


async def test_unusable_bootstrap_data_is_refused() -> None:
    world = World(observation(bootstrap={"data": b"#cloud-config\nruncmd: 7\n"}))
    taken = await world.reconcile()
    assert isinstance(taken.decision, Refuse)
    assert taken.decision.field == "runcmd"
    assert "Secret m-data" in taken.decision.message
    assert world.runner.requests == []
    assert world.store.saved == []


async def test_release_adopted_moved_and_waiting() -> None:
    world = World(observation(machine={"deleting": True}))
    assert isinstance((await world.reconcile()).decision, Release)
    assert world.record == Record(phase=Phase.CLEAN, changed_at=1000.0)

    world = World(observation(spec={"provider_id": "remote-machine://192.0.2.7:22"}))
    assert (await world.reconcile()).decision == Keep(adopted=True)
    assert world.record == Record(phase=Phase.PROVISIONED, changed_at=1000.0)

    moved = {"deleting": True, "annotations": {DELETE_FOR_MOVE_ANNOTATION: ""}}
    world = World(observation(machine=moved, record={"phase": "Provisioned"}))
    assert isinstance((await world.reconcile()).decision, Release)
    assert world.store.saved == []

    world = World(observation(owner=None))
    assert isinstance((await world.reconcile()).decision, Wait)
    assert world.store.saved == []
    assert world.runner.requests == []


async def test_a_faster_writer_keeps_the_host_untouched() -> None:
    world = World()
    world.store.conflicts = 1
    with pytest.raises(Retry):
        await world.reconcile()
    assert world.runner.requests == []


async def test_fakes() -> None:
    told: list[Progress] = []
    progress = Progress(0, 1, "a", "ok")
    store = MemoryStore([READY])
    assert (await store.load(KEY)).now == READY.now
    with pytest.raises(InputError, match="no such machine"):
        await store.load(MachineKey("default", "other"))
    await Engine(store, FakeRunner(progress=[progress]), FakeClock()).reconcile(KEY, listener=told.append)
    assert told == [progress]


REFUSALS = [
    "Host key verification failed.",
    "root@h: Permission denied (publickey).",
    "become was refused",
    "timed out",
]


@pytest.mark.parametrize("message", REFUSALS)
async def test_what_is_proven_to_have_sent_nothing_leaves_the_host_as_it_was(message: str) -> None:
    world = World(runner=FakeRunner([unreachable(message)]))
    for attempt in (1, 2):
        await world.reconcile()
        world.clock.advance(RUN.after(attempt))
    assert (world.record.phase, world.record.attempts) == (Phase.NEW, 2)
    assert (world.record.run_id, world.record.digest, world.record.uid, world.record.bootstrap_kind) == ("", "", "", "")
    world.delete()
    assert (await world.reconcile()).decision == Release("nothing was ever sent to a host")


async def test_runs_in_a_row_that_did_not_reach_the_host_are_counted() -> None:
    silent, refused = unreachable("no route"), unreachable("root@h: Permission denied (publickey).")
    event = TaskEvent("runner_on_unreachable", "Work", {"reason": "lost", "msg": "closed by remote host"})
    lost = replace(silent, events=(event,))
    world = World(runner=FakeRunner([silent, silent, refused, silent, lost, finished()]))
    counted = []
    for _ in range(6):
        await world.reconcile()
        counted.append((world.record.attempts, world.record.unreached))
        world.clock.advance(RUN.longest)
    assert counted == [(1, 1), (2, 2), (3, 0), (4, 1), (5, 0), (0, 0)]


@pytest.mark.parametrize("message", REFUSALS)
async def test_what_a_host_says_proves_nothing(message: str) -> None:
    world = World(runner=FakeRunner([unreachable(message, sent=True)]))
    await world.reconcile()
    assert world.record.phase is Phase.BOOTSTRAPPING
    world.delete()
    assert isinstance((await world.reconcile()).decision, Cleanup)


@pytest.mark.parametrize("message", REFUSALS)
async def test_a_later_attempt_proves_nothing_of_an_earlier_one(message: str) -> None:
    world = World(runner=FakeRunner([stepped(), unreachable(message)]))
    for attempt in (1, 2):
        await world.reconcile()
        world.clock.advance(RUN.after(attempt))
    assert (world.record.phase, world.record.attempts) == (Phase.BOOTSTRAPPING, 2)
    world.delete()
    assert isinstance((await world.reconcile()).decision, Cleanup)


async def test_an_attempt_that_this_process_did_not_survive_may_have_sent() -> None:
    world = World(runner=FakeRunner([unreachable()]))
    world.runner.die_before = True
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    await world.reconcile()
    assert world.record.phase is Phase.BOOTSTRAPPING


@pytest.mark.parametrize(
    ("sent", "phase"), [(False, Phase.NEW), (True, Phase.BOOTSTRAPPING), (None, Phase.BOOTSTRAPPING)]
)
async def test_a_run_that_is_cancelled_may_prove_it_too(sent: bool | None, phase: Phase) -> None:
    class Cancelled(BaseException):
        """As asyncio's, which is no Exception either."""

    class Runner:
        async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
            assert store.observations[KEY].record.phase is Phase.BOOTSTRAPPING
            error = Cancelled()
            if sent is not None:
                error.sent = sent  # type: ignore[attr-defined]  # as capra.runs has it
            raise error

    store = MemoryStore([READY])
    with pytest.raises(Cancelled):
        await Engine(store, Runner(), FakeClock()).reconcile(KEY)
    assert store.observations[KEY].record.phase is (Phase.NEW if sent is False else Phase.BOOTSTRAPPING)


async def test_a_run_that_was_never_asked_for_has_sent_nothing() -> None:
    async def observer(taken: Reconciliation) -> None:
        raise Retry("the status cannot be written")

    world = World()
    with pytest.raises(Retry, match="status"):
        await Engine(world.store, world.runner, world.clock, observer=observer).reconcile(KEY)
    assert world.runner.requests == []
    assert world.record.phase is Phase.NEW


async def test_a_beginning_that_another_clock_has_noted_is_no_time_to_come() -> None:
    seen = observation(machine={"deleting": True}, record={"phase": "Provisioned", "cleaning_since": 90_000.0})
    world = World(seen, FakeRunner([unreachable(), unreachable()]))
    await world.reconcile()
    assert world.record.cleaning_since == 1000.0
    world.clock.advance(3600)
    await world.reconcile()
    first, second = world.runner.requests
    assert first.variables["k0s_cleanup_request_id"] == second.variables["k0s_cleanup_request_id"] == "1000.0"


@pytest.mark.parametrize("sent", [False, True])
async def test_the_key_of_a_host_that_let_nobody_in_is_not_kept(sent: bool) -> None:
    """It may be another host than is meant: the address is mended then."""
    refused = replace(unreachable("Permission denied (publickey)", sent=sent), host_keys=(HOST_KEY,))
    world = World(runner=FakeRunner([refused]))
    await world.reconcile()
    assert world.record.host_keys == ((HOST_KEY,) if sent else ())


async def test_a_cleanup_that_sent_nothing_leaves_the_host_as_it_was_and_is_not_forgotten() -> None:
    world = World(observation(machine={"deleting": True}, record={"phase": "Provisioned"}), FakeRunner([unreachable()]))
    taken = await world.reconcile()
    assert (world.record.phase, world.record.cleaning_since) == (Phase.PROVISIONED, 1000.0)
    told = report(taken)
    cleaned = condition(told, "CleanupSucceeded")
    assert told.phase == "Cleaning"
    assert cleaned is not None
    assert (cleaned.status, cleaned.reason) == ("False", "Unreachable")
    assert isinstance((await world.reconcile()).decision, BackOff)


async def test_a_clean_host_that_was_not_reached_stays_clean() -> None:
    world = World(observation(record={"phase": "Clean"}), FakeRunner([unreachable()]))
    await world.reconcile()
    assert (world.record.phase, world.record.run_id) == (Phase.CLEAN, "")


async def test_a_host_that_cannot_be_reached_may_have_been() -> None:
    lost = RunResult((TaskEvent("runner_on_unreachable", "task", {"msg": "closed by remote host"}),), {"dark": 1})
    world = World(runner=FakeRunner([lost]))
    await world.reconcile()
    assert world.record.phase is Phase.BOOTSTRAPPING


CLAIMED = TaskEvent("runner_on_failed", "Work", {"reason": "claimed", "msg": "the host is used by default/one (UID u)"})


async def test_the_host_of_another_machine_is_left_alone() -> None:
    """Refused at the bootstrap; asked again at the deletion, and then let go without a clean host being told of."""
    claimed = RunResult((CLAIMED,), {"failures": 1})
    seen = replace(READY, finalizer=True)
    world = World(seen, FakeRunner([claimed, claimed]))
    taken = await world.reconcile()
    assert taken.outcome is not None
    assert taken.outcome.kind is OutcomeKind.HOST_CLAIMED
    assert world.record.reason == "HostClaimed"
    world.delete()
    assert isinstance((await world.reconcile()).decision, Cleanup)
    decision = (await world.reconcile()).decision
    assert decision == Release("the host was left alone: the host is used by default/one (UID u)", dirty=True)
    assert world.record.phase is Phase.CLEANING
    assert len(world.runner.requests) == 2


async def test_a_host_that_is_free_at_the_deletion_is_cleaned() -> None:
    world = World(replace(READY, finalizer=True), FakeRunner([RunResult((CLAIMED,), {"failures": 1}), finished()]))
    await world.reconcile()
    world.delete()
    taken = await world.reconcile()
    assert isinstance(taken.decision, Cleanup)
    assert world.record.phase is Phase.CLEAN


async def test_a_cleanup_keeps_the_uid_that_the_host_knows() -> None:
    """An adopted machine has no UID in its record: what cleans the host after it needs the same."""
    failed = RunResult(
        (TaskEvent("runner_on_failed", "Work", {"reason": "step_failed", "msg": "no"}),), {"failures": 1}
    )
    world = World(observation(record={"phase": Phase.PROVISIONED}), FakeRunner([failed]))
    world.delete()
    await world.reconcile()
    assert world.record.uid == "uid-1"


@pytest.mark.parametrize("phase", [Phase.NEW, Phase.CLEAN])
def test_a_run_id_beside_a_clean_host_is_another_versions_belief(phase: Phase) -> None:
    assert SavedRecord(phase=phase, run_id="bootstrap-1").believed_phase is Phase.BOOTSTRAPPING
    assert SavedRecord(phase=phase).believed_phase is phase


async def test_what_has_waited_for_a_slot_is_decided_anew() -> None:
    world = World(runner=FakeRunner([finished()]))
    asked: list[object] = []

    @asynccontextmanager
    async def slots(seen: Observation, decision: Run) -> AsyncIterator[bool]:
        asked.append(decision)
        world.delete()
        yield True

    taken = await Engine(world.store, world.runner, world.clock, slots=slots).reconcile(KEY)
    assert asked == [Bootstrap()]
    assert isinstance(taken.decision, Release)
    assert not world.runner.requests

    await Engine(world.store, world.runner, world.clock, slots=slots).reconcile(KEY)
    assert asked == [Bootstrap()]  # nobody needs one for anything else


async def test_a_check_releases_nothing() -> None:
    world = World(observation(machine={"deleting": True}, record={"phase": "Clean"}))
    taken = await world.reconcile(check=True)
    assert isinstance(taken.decision, Release)
    assert world.store.released == []


async def test_only_a_run_asks_for_room_and_it_is_told_before_it_begins() -> None:
    world = World()
    seen: list[str] = []

    @asynccontextmanager
    async def slots(seen_then: Observation, decision: Run) -> AsyncIterator[bool]:
        seen.append(f"room for {type(decision).__name__}")
        yield False

    async def observer(taken: Reconciliation) -> None:
        seen.append(f"{type(taken.decision).__name__}{' runs' if taken.running else ''}")

    for _ in range(2):
        await Engine(world.store, world.runner, world.clock, slots=slots, observer=observer).reconcile(KEY)
    assert seen == ["room for Bootstrap", "Bootstrap runs", "Bootstrap", "Keep"]
    world.delete()
    for _ in range(2):
        await Engine(world.store, world.runner, world.clock, slots=slots, observer=observer).reconcile(KEY)
    assert seen[4:] == ["room for Cleanup", "Cleanup runs", "Cleanup", "Release"]


async def test_the_record_says_what_bootstraps_the_machine() -> None:
    world = World()
    await world.reconcile()
    assert READY.owner is not None
    assert world.record.bootstrap_kind == READY.owner.bootstrap_kind != ""


TEMPLATE = (
    b"## template: jinja\n#cloud-config\nruncmd: ['kubeadm join --node-name {{ ds.meta_data.local_hostname }}']\n"
)


def _facts(**facts: str) -> RunResult:
    told = {"findings": [], "facts": {"hostname": "node-7", **facts}}
    return RunResult((TaskEvent("runner_on_ok", "look", told),), {"ok": 1}, (HOST_KEY,))


def _with_template() -> Observation:
    return replace(READY, bootstrap=BootstrapData(TEMPLATE))


async def test_a_host_is_asked_for_what_its_data_is_rendered_with() -> None:
    world = World(_with_template(), FakeRunner([_facts(kernel="x\ny"), finished()]))
    taken = await world.reconcile()
    asked, run = world.runner.requests
    assert (asked.playbook, run.playbook) == (Playbook.PREFLIGHT, Playbook.BOOTSTRAP)
    assert load_tasks(run.secrets.steps)[0]["command"] == "kubeadm join --node-name node-7"
    # What it has told is kept before anything is sent.
    learnt = {"hostname": "node-7", "place": "192.0.2.7:22"}
    assert [(record.phase, record.facts) for _, record in world.store.saved] == [
        (Phase.NEW, learnt),
        (Phase.BOOTSTRAPPING, learnt),
        (Phase.PROVISIONED, learnt),
    ]
    assert run.connection.host_keys == (HOST_KEY,)
    assert taken.outcome
    assert taken.outcome.ok


async def test_what_a_host_has_told_counts_for_every_attempt() -> None:
    world = World(_with_template(), FakeRunner([_facts(), stepped("failed"), finished()]))
    await world.reconcile()
    world.clock.now += 1000
    await world.reconcile()
    assert [request.playbook for request in world.runner.requests][1:] == [Playbook.BOOTSTRAP] * 2
    assert world.runner.requests[1].secrets.steps == world.runner.requests[2].secrets.steps


async def test_a_host_that_does_not_answer_is_asked_again() -> None:
    world = World(_with_template(), FakeRunner([unreachable(), _facts(), finished()]))
    taken = await world.reconcile()
    assert taken.outcome
    assert taken.outcome.kind is OutcomeKind.UNREACHABLE
    assert (world.record.phase, world.record.unreached, world.record.facts) == (Phase.NEW, 1, {})
    world.clock.now += 1000
    await world.reconcile()
    assert world.record.phase is Phase.PROVISIONED


async def test_what_another_host_has_told_does_not_count() -> None:
    record = Record(facts={"hostname": "other", "place": "192.0.2.99:22"})
    world = World(replace(_with_template(), record=record), FakeRunner([_facts(), finished()]))
    await world.reconcile()
    assert world.runner.requests[0].playbook is Playbook.PREFLIGHT
    assert world.record.facts["hostname"] == "node-7"


KIND_UNKNOWN = replace(READY, owner=None, record=Record(phase=Phase.PROVISIONED))


def _shows(**facts: str) -> RunResult:
    return _facts(**{f"here.{name}": value for name, value in facts.items()})


async def test_a_host_of_an_unknown_kind_is_asked_which_cleanup_it_needs() -> None:
    shows = _shows(kubeadm="/etc/kubernetes/kubelet.conf", data="/etc/kubernetes /var/lib/kubelet")
    left = stepped("not_clean", "still on the host")
    world = World(KIND_UNKNOWN, FakeRunner([shows, stepped("cut_off"), left, _shows(data="/etc/k0s"), finished()]))
    world.delete()
    for _ in range(4):
        await world.reconcile()
        world.clock.now += 1000
    assert [request.playbook for request in world.runner.requests] == [
        Playbook.PREFLIGHT,
        Playbook.KUBEADM_CLEANUP,
        # What it has shown counts until its end, whatever is gone of it meanwhile.
        Playbook.KUBEADM_CLEANUP,
        # Something was left after it: it may have been another's node, too.
        Playbook.PREFLIGHT,
        Playbook.K0S_CLEANUP,
    ]
    records = [record for _, record in world.store.saved]
    # A look sends nothing: the host is as far as it was.
    assert [(one.phase, one.distributions) for one in records[:3]] == [
        (Phase.PROVISIONED, ()),
        (Phase.PROVISIONED, ("kubeadm",)),
        (Phase.CLEANING, ("kubeadm",)),
    ]
    assert records[0].cleaning_since == 1000.0
    assert (world.record.phase, world.record.distributions) == (Phase.CLEAN, ())
    assert world.store.released


async def test_a_look_that_fails_waits_as_a_cleanup_does() -> None:
    world = World(KIND_UNKNOWN, FakeRunner([unreachable(), _shows(), finished()]))
    world.delete()
    await world.reconcile()
    assert (world.record.phase, world.record.cleaning_since) == (Phase.PROVISIONED, 1000.0)
    assert isinstance((await world.reconcile()).decision, BackOff)
    world.clock.now += 1000
    await world.reconcile()
    # A host that shows nothing gets the cleanup that is harmless, and the look at everything.
    assert world.runner.requests[-1].playbook is Playbook.K0S_CLEANUP
    assert world.record.phase is Phase.CLEAN


async def test_whoever_dies_in_a_look_and_thinks_better_of_it_has_the_machine_as_it_was() -> None:
    world = World(KIND_UNKNOWN)
    world.runner.die_before = True
    world.delete()
    with pytest.raises(RunnerDiedError):
        await world.reconcile()
    assert (world.record.phase, world.record.cleaning_since) == (Phase.PROVISIONED, 1000.0)
    seen = world.store.observations[KEY]
    world.store.observations[KEY] = replace(seen, machine=replace(seen.machine, deleting=False))
    assert (await world.reconcile()).decision == Keep()
    assert world.record == replace(KIND_UNKNOWN.record, uid=world.record.uid, changed_at=world.record.changed_at)


async def test_a_dry_run_looks_and_keeps_nothing() -> None:
    world = World(KIND_UNKNOWN, FakeRunner([_shows(services="rke2-agent"), finished()]))
    world.delete()
    await world.reconcile(check=True)
    assert [request.playbook for request in world.runner.requests] == [Playbook.PREFLIGHT, Playbook.RKE2_CLEANUP]
    assert [request.check for request in world.runner.requests] == [True, True]
    assert world.record == Record(phase=Phase.PROVISIONED, host_keys=(HOST_KEY,))


async def test_a_name_that_nobody_knows_is_refused_before_the_host_is_asked() -> None:
    data = TEMPLATE.replace(b"local_hostname", b"nothing")
    world = World(replace(READY, bootstrap=BootstrapData(data)))
    taken = await world.reconcile()
    assert isinstance(taken.decision, Refuse)
    assert "line 3: ds.meta_data.nothing is not known; known are: hostname" in taken.decision.message
    assert world.runner.requests == []
    assert world.record.phase is Phase.NEW


async def test_a_name_that_the_host_does_not_tell_is_refused() -> None:
    data = TEMPLATE.replace(b"local_hostname", b"local_ipv6")
    world = World(replace(READY, bootstrap=BootstrapData(data)), FakeRunner([_facts(address="192.0.2.7")]))
    taken = await world.reconcile()
    assert isinstance(taken.decision, Refuse)
    assert "ds.meta_data.local_ipv6 is not known" in taken.decision.message
    assert [request.playbook for request in world.runner.requests] == [Playbook.PREFLIGHT]
    assert world.record.phase is Phase.NEW


async def test_a_check_keeps_nothing_that_a_host_has_told() -> None:
    world = World(_with_template(), FakeRunner([_facts(), finished()]))
    await world.reconcile(check=True)
    assert [request.check for request in world.runner.requests] == [True, True]
    assert world.record == replace(READY.record, host_keys=(HOST_KEY,), changed_at=world.record.changed_at)


async def test_what_is_not_carried_out_is_told() -> None:
    data = BootstrapData(b"random_seed: {file: /x}\nruncmd: [id]\n")
    machine = replace(READY.machine, annotations={IGNORED_CONSTRUCTS_ANNOTATION: "ntp, random_seed"})
    world = World(replace(READY, machine=machine, bootstrap=data))
    taken = await world.reconcile()
    assert world.record.warnings == (
        "random_seed is ignored, as the machine says",
        "ntp is to be ignored, and is not there",
    )
    told = "; ".join(world.record.warnings)
    assert condition(report(taken), "BootstrapExecSucceeded") == Condition(
        "BootstrapExecSucceeded", "True", "SucceededWithWarnings", told
    )
    announced = announce(taken, news=True)
    assert announced
    assert (announced.type, announced.reason) == ("Warning", "BootstrapSucceeded")
    assert announced.message.endswith(told)
